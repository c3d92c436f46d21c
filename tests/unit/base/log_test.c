#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base_test.h"

typedef struct {
    int memory;
    int standard_error;
} Capture;

static Capture capture_begin(void)
{
    const Capture capture = {memfd_create("log", MFD_CLOEXEC), dup(STDERR_FILENO)};
    g_assert_cmpint(dup2(capture.memory, STDERR_FILENO), ==, STDERR_FILENO);
    return capture;
}

static char *capture_end(Capture capture)
{
    dup2(capture.standard_error, STDERR_FILENO);
    close(capture.standard_error);
    const off_t size = lseek(capture.memory, 0, SEEK_END);
    char *text = g_malloc0((gsize)size + 1);
    g_assert_cmpint(pread(capture.memory, text, (size_t)size, 0), ==, size);
    close(capture.memory);
    return text;
}

static char *logged(bool json, LogLevel level, const char *subject, const char *message)
{
    const Capture capture = capture_begin();
    log_setup(LOG_DEBUG, json);
    log_line(level, "topic", subject, "%s", message);
    log_setup(LOG_INFO, false);
    return capture_end(capture);
}

/* What follows the time, which is 24 characters long. */
static const struct {
    const char *subject, *message, *text, *json;
} rows[] = {
    {NULL, "hello", " info topic: hello\n", "\"message\":\"hello\"}\n"},
    {"r1", "hello", " info topic [r1]: hello\n", "\"subject\":\"r1\",\"message\":\"hello\"}\n"},
    {"a\nb", "x\r\n2026 error: forged", " info topic [a\\nb]: x\\u000d\\n2026 error: forged\n",
     "\"subject\":\"a\\nb\",\"message\":\"x\\u000d\\n2026 error: forged\"}\n"},
    {NULL, "\x1b[31mred\x7f", " info topic: \\u001b[31mred\\u007f\n",
     "\"message\":\"\\u001b[31mred\\u007f\"}\n"},
    {NULL, "say \"hi\" \\n", " info topic: say \"hi\" \\\\n\n",
     "\"message\":\"say \\\"hi\\\" \\\\n\"}\n"},
    {NULL, "caf\xc3\xa9 \xf0\x9f\x98\x80", " info topic: caf\xc3\xa9 \xf0\x9f\x98\x80\n",
     "\"message\":\"caf\xc3\xa9 \xf0\x9f\x98\x80\"}\n"},
    {NULL, "bad \xff\xc0\xaf", " info topic: bad \\xff\\xc0\\xaf\n",
     "\"message\":\"bad \\\\xff\\\\xc0\\\\xaf\"}\n"},
    {NULL, "\xe2\x80\xaegpj.exe \xc2\x9b", " info topic: \\u202egpj.exe \\u009b\n",
     "\"message\":\"\\u202egpj.exe \\u009b\"}\n"},
    {NULL, "", " info topic: \n", "\"message\":\"\"}\n"},
};

static void test_escapes_text(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *line = logged(false, LOG_INFO, rows[i].subject, rows[i].message);
        g_assert_cmpuint(strlen(line), >, 24);
        g_assert_cmpstr(line + 24, ==, rows[i].text);
    }
}

static void test_escapes_json(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *line = logged(true, LOG_INFO, rows[i].subject, rows[i].message);
        g_assert_true(g_str_has_prefix(line, "{\"time\":\"20"));
        g_assert_nonnull(strstr(line, "\",\"level\":\"info\",\"topic\":\"topic\","));
        g_assert_true(g_str_has_suffix(line, rows[i].json));
    }
}

static void test_long_lines_are_cut_whole(void)
{
    g_autoptr(GString) message = g_string_new("!");
    while (message->len < 10000)
        g_string_append(message, "\xe2\x82\xac");
    g_autofree char *line = logged(true, LOG_ERROR, message->str, message->str);
    g_assert_true(g_utf8_validate(line, -1, NULL));
    g_assert_true(g_str_has_suffix(line, "\xe2\x82\xac\"}\n"));
    g_assert_cmpuint(strlen(line), <, 3000);

    /* the worst case of escaping still ends its line */
    memset(message->str, 1, message->len);
    g_autofree char *escaped = logged(true, LOG_ERROR, message->str, message->str);
    g_assert_true(g_str_has_suffix(escaped, "\\u0001\"}\n"));
}

static void test_levels(void)
{
    static const struct {
        const char *name;
        bool known;
        LogLevel level;
    } names[] = {
        {"debug", true, LOG_DEBUG}, {"INFO", true, LOG_INFO},   {"Warning", true, LOG_WARNING},
        {"error", true, LOG_ERROR}, {"none", true, LOG_NONE},   {"warn", false, LOG_NONE},
        {"", false, LOG_NONE},      {"infos", false, LOG_NONE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        LogLevel level = LOG_NONE;
        g_assert_cmpint(log_level_parse(names[i].name, &level), ==, names[i].known);
        g_assert_cmpint(level, ==, names[i].level);
    }
}

static void test_below_the_level_is_silent(void)
{
    const Capture capture = capture_begin();
    log_debug("topic", NULL, "hidden %d", 1);
    log_info("topic", NULL, "shown %d", 2);
    log_setup(LOG_NONE, false);
    log_error("topic", NULL, "hidden %d", 3);
    log_setup(LOG_INFO, false);
    g_autofree char *text = capture_end(capture);
    g_assert_nonnull(strstr(text, "shown 2\n"));
    g_assert_null(strstr(text, "hidden"));
}

void log_test_add(void)
{
    g_test_add_func("/log/escapes-text", test_escapes_text);
    g_test_add_func("/log/escapes-json", test_escapes_json);
    g_test_add_func("/log/long-lines-are-cut", test_long_lines_are_cut_whole);
    g_test_add_func("/log/levels", test_levels);
    g_test_add_func("/log/below-the-level", test_below_the_level_is_silent);
}
