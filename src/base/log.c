#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define MESSAGE_MAX 2048
#define LINE_MAX_BYTES (8 * MESSAGE_MAX)

static _Atomic int current_level = LOG_INFO;
static _Atomic bool current_json;

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error", [LOG_NONE] = "none",
};

typedef struct {
    char text[LINE_MAX_BYTES];
    size_t size;
    bool json;
} Line;

void log_setup(LogLevel level, bool json)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&current_json, json, memory_order_relaxed);
}

bool log_level_parse(const char *name, LogLevel *ret_level)
{
    for (LogLevel level = LOG_DEBUG; level <= LOG_NONE; level++) {
        if (strcasecmp(name, level_names[level]) == 0) {
            *ret_level = level;
            return true;
        }
    }
    return false;
}

bool log_enabled(LogLevel level)
{
    return (int)level >= atomic_load_explicit(&current_level, memory_order_relaxed);
}

static void line_add(Line *line, const char *text, size_t size)
{
    const size_t room = sizeof line->text - 8 - line->size; /* 8 for the end of the line */
    if (size > room)
        return;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void line_add_text(Line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

static void line_add_hex(Line *line, const char *prefix, uint32_t value, int digits)
{
    char escape[24];
    const int size = snprintf(escape, sizeof escape, "%s%0*x", prefix, digits, value);
    line_add(line, escape, (size_t)size);
}

static void line_add_character(Line *line, uint32_t character, const char *bytes, size_t size)
{
    if (character == '\n')
        line_add_text(line, "\\n");
    else if (character == '\t')
        line_add_text(line, "\\t");
    else if (text_is_control(character))
        line_add_hex(line, "\\u", character, 4);
    else if (character == '\\')
        line_add_text(line, "\\\\");
    else if (line->json && character == '"')
        line_add_text(line, "\\\"");
    else
        line_add(line, bytes, size);
}

static void line_add_escaped(Line *line, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        uint32_t character;
        size_t taken;
        if (text_next(text, left, &character, &taken))
            line_add_character(line, character, text, taken);
        else
            line_add_hex(line, line->json ? "\\\\x" : "\\x", (uint8_t)*text, 2);
        text += taken;
        left -= taken;
    }
}

static void line_add_time(Line *line)
{
    struct timespec now;
    struct tm utc;
    char text[48];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    const size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + size, sizeof text - size, ".%03ldZ", now.tv_nsec / 1000000);
    line_add_text(line, text);
}

static void line_add_member(Line *line, const char *name, const char *value)
{
    line_add_text(line, ",\"");
    line_add_text(line, name);
    line_add_text(line, "\":\"");
    line_add_escaped(line, value);
    line_add_text(line, "\"");
}

static void build_json(Line *line, LogLevel level, const char *topic, const char *subject,
                       const char *message)
{
    line_add_text(line, "{\"time\":\"");
    line_add_time(line);
    line_add_text(line, "\"");
    line_add_member(line, "level", level_names[level]);
    line_add_member(line, "topic", topic);
    if (subject != NULL)
        line_add_member(line, "subject", subject);
    line_add_member(line, "message", message);
    line_add_text(line, "}");
}

static void build_text(Line *line, LogLevel level, const char *topic, const char *subject,
                       const char *message)
{
    line_add_time(line);
    line_add_text(line, " ");
    line_add_text(line, level_names[level]);
    line_add_text(line, " ");
    line_add_escaped(line, topic);
    if (subject != NULL) {
        line_add_text(line, " [");
        line_add_escaped(line, subject);
        line_add_text(line, "]");
    }
    line_add_text(line, ": ");
    line_add_escaped(line, message);
}

/* One write a line, so that lines of several threads do not mix. */
static void write_line(Line *line)
{
    line->text[line->size++] = '\n';
    const ssize_t written = write(STDERR_FILENO, line->text, line->size);
    (void)written;
}

/* Copies at most `max_bytes`, cut at a character. */
static void copy_cut(char *target, const char *text, size_t max_bytes)
{
    const size_t length = text_cut_length(text, strlen(text), max_bytes);
    memcpy(target, text, length);
    target[length] = '\0';
}

void log_line(LogLevel level, const char *topic, const char *subject, const char *format, ...)
{
    if (!log_enabled(level) || level == LOG_NONE)
        return;
    char message[MESSAGE_MAX + 4];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    message[text_cut_length(message, strlen(message), MESSAGE_MAX)] = '\0';

    char short_subject[301];
    if (subject != NULL)
        copy_cut(short_subject, subject, sizeof short_subject - 1);

    Line line = {.size = 0, .json = atomic_load_explicit(&current_json, memory_order_relaxed)};
    (line.json ? build_json : build_text)(&line, level, topic,
                                          subject != NULL ? short_subject : NULL, message);
    write_line(&line);
}
