#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli_test.h"
#include "flow/outcome.h"

#define TEXT_MAX 16384

typedef struct {
    int status;
    char out[TEXT_MAX], error[TEXT_MAX];
} Run;

static int replace_stream(FILE *stream, FILE *file)
{
    fflush(stream);
    const int saved = dup(fileno(stream));
    g_assert_cmpint(dup2(fileno(file), fileno(stream)), >=, 0);
    return saved;
}

static void restore_stream(FILE *stream, int saved, FILE *file, char ret_text[TEXT_MAX])
{
    fflush(stream);
    g_assert_cmpint(dup2(saved, fileno(stream)), >=, 0);
    close(saved);
    rewind(file);
    ret_text[fread(ret_text, 1, TEXT_MAX - 1, file)] = '\0';
    fclose(file);
}

/* Runs the program inside the test. */
static void run(const char *line, Run *ret_run)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    FILE *out = tmpfile();
    FILE *error = tmpfile();
    const int saved_out = replace_stream(stdout, out);
    const int saved_error = replace_stream(stderr, error);
    ret_run->status = cli_main((int)g_strv_length(words), words);
    restore_stream(stdout, saved_out, out, ret_run->out);
    restore_stream(stderr, saved_error, error, ret_run->error);
}

static void test_statuses(void)
{
    static const struct {
        const char *line;
        int status;
        const char *out, *error;
    } cases[] = {
        {"roomtape", 2, "", "Usage: roomtape COMMAND"},
        {"roomtape --help", 0, "Usage: roomtape COMMAND", ""},
        {"roomtape help record", 0, "--duration TIME", ""},
        {"roomtape --version", 0, "roomtape " ROOMTAPE_VERSION, ""},
        {"roomtape recor", 2, "", "Did you mean \"roomtape record\"?"},
        {"roomtape zzz", 2, "", "There is no command \"zzz\"."},
        {"roomtape record --help", 0, "--publisher-wait TIME", ""},
        {"roomtape record --bogus", 2, "", "has no flag --bogus"},
        {"roomtape record", 2, "", "Which server?"},
        {"roomtape record --url ws://a", 2, "", "Which room?"},
        {"roomtape record --url ws://a --room r --token t --api-key k", 2, "", "not both"},
        {"roomtape record --url ws://a --room r --duration 0", 2, "", "--duration needs a time"},
        {"roomtape record --url ws://a --room r --format avi", 2, "", "--format: "},
        {"roomtape record --url ws://a --room r --output {room_name}/../x", 2, "", "--output: "},
        {"roomtape record --url ws://a --room r --token nonsense", 13, "", "unauthorized: "},
        {"roomtape token --room r", 2, "", "--api-key"},
        {"roomtape token --api-key k --api-secret s", 2, "", "--room"},
        {"roomtape token --api-key k --api-secret s --room r --valid 0", 2, "", "--valid"},
        {"roomtape token --api-key k --api-secret s --room r --identity i", 0, "ey", ""},
        {"roomtape token --api-key k --api-secret s --room r", 0, "ey", ""},
        {"roomtape token --api-key k --api-secret s --record-grant", 0, "ey", ""},
        {"roomtape token --api-key k --api-secret s --record-grant --room r", 0, "ey", ""},
        {"roomtape token --api-key k --api-secret s --record-grant --room=", 2, "", "--room"},
        {"roomtape inspect", 2, "", "Which file?"},
        {"roomtape inspect /nonexistent", 1, "", "/nonexistent"},
        {"roomtape inspect a b", 2, "", "does not know what to do"},
        {"roomtape doctor", 2, "", "Which server?"},
        {"roomtape doctor --url nonsense", 2, "", "nonsense"},
        {"roomtape record --config /nonexistent.yaml", 2, "", "/nonexistent.yaml"},
    };
    g_autofree Run *result = g_new0(Run, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        run(cases[i].line, result);
        g_test_message("%s: %d: %s", cases[i].line, result->status, result->error);
        g_assert_cmpint(result->status, ==, cases[i].status);
        g_assert_nonnull(strstr(result->out, cases[i].out));
        g_assert_nonnull(strstr(result->error, cases[i].error));
    }
}

/* In a folder of its own: the service looks after what it finds in its output folder. */
static void test_serve_refuses(void)
{
    g_autofree char *folder = g_dir_make_tmp("roomtape-XXXXXX", NULL);
    g_autofree char *line =
        g_strdup_printf("roomtape serve --listen 0.0.0.0:1 --output-dir %s", folder);
    g_autofree Run *result = g_new0(Run, 1);
    run(line, result);
    g_assert_cmpint(result->status, ==, 1);
    g_assert_nonnull(strstr(result->error, "loopback"));
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static void test_unreachable(void)
{
    g_autofree Run *result = g_new0(Run, 1);
    run("roomtape record --url ws://127.0.0.1:1 --room r --api-key k --api-secret hushhush "
        "--output /nonexistent/ --json",
        result);
    g_assert_cmpint(result->status, ==, outcome_code_exit_status(CODE_SERVER_UNREACHABLE));
    g_assert_nonnull(strstr(result->error, "server_unreachable: The server 127.0.0.1:1"));
    g_assert_nonnull(strstr(result->out, "\"state\":\"connecting\""));
    g_assert_nonnull(strstr(result->out, "\"code\":\"server_unreachable\""));
    g_assert_null(strstr(result->error, "hushhush"));
    g_assert_null(strstr(result->error, "eyJ"));

    run("roomtape doctor --url ws://127.0.0.1:1 --api-key k --api-secret hushhush --json", result);
    g_assert_cmpint(result->status, ==, outcome_code_exit_status(CODE_SERVER_UNREACHABLE));
    g_assert_nonnull(strstr(result->out, "{\"step\":\"tcp\",\"state\":\"failed\""));
    g_assert_nonnull(strstr(result->out, "{\"step\":\"join\",\"state\":\"skipped\""));
    g_assert_null(strstr(result->out, "hushhush"));
}

void commands_test_add(void)
{
    static const char *const variables[] = {
        "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "LIVEKIT_TOKEN", "ROOMTAPE_CONFIG",
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(variables); i++)
        g_unsetenv(variables[i]);
    g_test_add_func("/commands/statuses", test_statuses);
    g_test_add_func("/commands/serve_refuses", test_serve_refuses);
    g_test_add_func("/commands/unreachable", test_unreachable);
}
