/* Finds settings in the table and reports what is wrong with one.
 * Thread: main. */
#pragma once

#include "config/config.h"

const ConfigKey *config_find(const char *key);

/* The secret that "api.token_file" names a file for; NULL where the key is none of these. */
const ConfigKey *config_find_secret_of(const char *file_key);

/* The secret in that file, without the line's end; NULL with a sentence. Free with g_free(). */
char *config_read_secret(const char *path, GError **error);

/* For an error sentence; free with g_free(). "connection, subscription, ..." of a section, or the
 * sections' names when there is no such section. */
bool config_has_section(const char *section);
char *config_list_section(const char *section);
char *config_list_sections(void);

/* A stranger's text for a sentence: short, valid, without control characters. */
char *config_quote(const char *text);
