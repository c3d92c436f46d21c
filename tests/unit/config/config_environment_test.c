#include <glib/gstdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "config_test.h"

#define SECRET "do-not-show-me"

static void test_loads(void)
{
    char *environment[] = {"PATH=/bin",
                           "LIVEKIT_URL=ws://one",
                           "LIVEKIT_API_KEY=key",
                           "LIVEKIT_API_SECRET=" SECRET,
                           "ROOMTAPE_LIVEKIT_URL=ws://two",
                           "ROOMTAPE_TIMEOUTS_CONNECTION=1.5",
                           "ROOMTAPE_OUTPUT_DIR=/srv/a=b",
                           "ROOMTAPE_LOG_LEVEL=",
                           "LIVEKIT_OTHER=x",
                           NULL};
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) error = NULL;
    config_load_environment(config, environment, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->url, ==, "ws://two");
    g_assert_cmpstr(config->api_key, ==, "key");
    g_assert_cmpstr(config->api_secret, ==, SECRET);
    g_assert_cmpint(config->connection_ns, ==, 1500 * NS_PER_MS);
    g_assert_cmpstr(config->output_dir, ==, "/srv/a=b");
    g_assert_cmpint(config->log_level, ==, LOG_INFO);
}

static void test_every_setting_has_a_variable(void)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    for (unsigned i = 0; i < count; i++) {
        const char *value = keys[i].default_text != NULL ? keys[i].default_text : "ws://text";
        g_autofree char *variable = g_strconcat(keys[i].environment, "=", value, NULL);
        char *environment[] = {variable, NULL};
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        config_load_environment(config, environment, &error);
        g_assert_no_error(error);
    }
}

static void test_mistakes(void)
{
    static const struct {
        const char *first, *second, *part;
    } rows[] = {
        {"ROOMTAPE_TIMEOUT_CONNECTION=" SECRET, NULL,
         "The environment variable \"ROOMTAPE_TIMEOUT_CONNECTION\" is none of ours"},
        {"ROOMTAPE_", NULL, "\"ROOMTAPE_\""},
        {"ROOMTAPE_OUTPUT_DIR_FILE=/x", NULL, "\"ROOMTAPE_OUTPUT_DIR_FILE\""},
        {"ROOMTAPE_OUTPUT_DI=/x", NULL, "\"ROOMTAPE_OUTPUT_DI\""},
        {"ROOMTAPE_LOG_LEVEL=loud", NULL, "ROOMTAPE_LOG_LEVEL: log.level cannot be \"loud\""},
        {"LIVEKIT_URL=host", NULL, "LIVEKIT_URL: livekit.url cannot be \"host\""},
        {"LIVEKIT_API_SECRET=" SECRET "\n", NULL,
         "LIVEKIT_API_SECRET: The value of livekit.api_secret"},
        {"LIVEKIT_API_SECRET=" SECRET, "LIVEKIT_API_SECRET_FILE=/x",
         "LIVEKIT_API_SECRET and LIVEKIT_API_SECRET_FILE are both set"},
        {"LIVEKIT_API_SECRET_FILE=/nowhere/at/all", NULL,
         "LIVEKIT_API_SECRET_FILE: The secret cannot be read:"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *environment[] = {(char *)rows[i].first, (char *)rows[i].second, NULL};
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        g_assert_false(config_load_environment(config, environment, &error));
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, rows[i].part));
        g_assert_null(strstr(error->message, SECRET));
    }
}

static bool load_secret(Config *config, const char *path, const char *name, GError **error)
{
    g_autofree char *variable = g_strconcat(name, "=", path, NULL);
    char *environment[] = {variable, NULL};
    return config_load_environment(config, environment, error);
}

static void test_secrets_from_files(void)
{
    static const struct {
        const char *text;
        gssize size;
        const char *secret; /* NULL = refused */
    } rows[] = {
        {SECRET "\n", -1, SECRET},
        {SECRET "\r\n", -1, SECRET},
        {SECRET, -1, SECRET},
        {"", -1, NULL},
        {SECRET "\n" SECRET "\n", -1, NULL},
        {"a\0b", 3, NULL},
    };
    g_autofree char *folder = g_dir_make_tmp("config-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "secret", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_true(g_file_set_contents(path, rows[i].text, rows[i].size, NULL));
        static const char *const names[] = {"LIVEKIT_API_SECRET_FILE",
                                            "ROOMTAPE_LIVEKIT_API_SECRET_FILE"};
        for (size_t name = 0; name < G_N_ELEMENTS(names); name++) {
            g_autoptr(Config) config = config_new();
            g_autoptr(GError) error = NULL;
            g_assert_cmpint(load_secret(config, path, names[name], &error), ==,
                            rows[i].secret != NULL);
            g_assert_cmpstr(config->api_secret, ==, rows[i].secret);
            if (error != NULL)
                g_assert_null(strstr(error->message, SECRET));
        }
    }
    g_autofree char *large = g_strnfill(5000, 'x');
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(path, large, -1, NULL));
    g_assert_false(load_secret(config, path, "LIVEKIT_API_SECRET_FILE", &error));
    g_unlink(path);
    g_rmdir(folder);
}

static void test_later_beats_earlier(void)
{
    g_autofree char *folder = g_dir_make_tmp("config-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "r.yaml", NULL);
    static const char text[] = "timeouts: {connection: 1, subscription: 1, keyframe: 1}\n";
    char *environment[] = {"ROOMTAPE_TIMEOUTS_SUBSCRIPTION=2", "ROOMTAPE_TIMEOUTS_KEYFRAME=2",
                           NULL};
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(Config) config = config_new();
    g_assert_true(config_load_file(config, path, NULL));
    g_assert_true(config_load_environment(config, environment, NULL));
    g_assert_true(config_set(config, "timeouts.keyframe", "3", NULL));
    g_assert_cmpint(config->connection_ns, ==, NS_PER_SECOND);
    g_assert_cmpint(config->subscription_ns, ==, 2 * NS_PER_SECOND);
    g_assert_cmpint(config->keyframe_ns, ==, 3 * NS_PER_SECOND);
    g_unlink(path);
    g_rmdir(folder);
}

void config_environment_test_add(void)
{
    g_test_add_func("/config-environment/loads", test_loads);
    g_test_add_func("/config-environment/every-setting", test_every_setting_has_a_variable);
    g_test_add_func("/config-environment/mistakes", test_mistakes);
    g_test_add_func("/config-environment/secret-files", test_secrets_from_files);
    g_test_add_func("/config-environment/later-beats-earlier", test_later_beats_earlier);
}
