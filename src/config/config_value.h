/* Parses one setting's text into its member of Config, and says what is allowed.
 * Thread: main. */
#pragma once

#include "config/config.h"

/* False, with nothing changed, when the text is not allowed. */
bool config_value_parse(const ConfigKey *key, const char *text, Config *config);

/* "a duration from 100ms to 24h (20s, 1.5m, 500ms)"; free with g_free(). */
char *config_value_allowed(const ConfigKey *key);

/* Why that text was refused, as a sentence; free with g_free(). */
char *config_value_problem(const ConfigKey *key, const char *text);
