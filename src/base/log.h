/* Writes log lines to standard error, as text or as one JSON object a line.
 * Thread: any. Nothing below LOG_INFO is written by default and nothing is logged per packet.
 * Secrets and tokens are never arguments. */
#pragma once

#include <stdbool.h>

typedef enum { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_NONE } LogLevel;

void log_setup(LogLevel level, bool json);
bool log_level_parse(const char *name, LogLevel *ret_level);
bool log_enabled(LogLevel level);

/* `topic` is the folder or object, `subject` names the recording or track (or NULL). Control
 * characters in the text are escaped, so that a stranger's name cannot forge a line. */
void log_line(LogLevel level, const char *topic, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_debug(...) (log_enabled(LOG_DEBUG) ? log_line(LOG_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
