/* Brings the configuration together: defaults, file, environment, flags; and sets up the log.
 * Thread: main. */
#pragma once

#include "cli/flags.h"
#include "config/config.h"

/* `level` is what is logged when nobody said anything else. */
Config *settings_load(const Flags *flags, LogLevel level, GError **error);

/* Room for as many sockets and files as the system lets us have. */
void settings_raise_file_limit(void);
