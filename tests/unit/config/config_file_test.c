#include <glib/gstdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "config_test.h"

#define SECRET "do-not-show-me"

typedef struct {
    char *folder, *path;
} Place;

static Place place_new(void)
{
    g_autoptr(GError) error = NULL;
    Place place = {.folder = g_dir_make_tmp("config-XXXXXX", &error)};
    g_assert_no_error(error);
    place.path = g_build_filename(place.folder, "r.yaml", NULL);
    return place;
}

static void place_clear(Place *place)
{
    g_unlink(place->path);
    g_rmdir(place->folder);
    g_free(place->path);
    g_free(place->folder);
}

static bool load(Config *config, const Place *place, const char *text, gssize size, GError **error)
{
    g_assert_true(g_file_set_contents(place->path, text, size, NULL));
    return config_load_file(config, place->path, error);
}

static void test_all_sections(void)
{
    static const char text[] = "# a comment\n"
                               "livekit:\n"
                               "  url: wss://host.example\n"
                               "  api_key: &key APIkey\n"
                               "  api_secret: \"s: # x\"\n"
                               "timeouts: {connection: 20.5, idle: auto}\n"
                               "queues:\n"
                               "  video_max_items: 30\n"
                               "  max_bytes: 1MiB\n"
                               "output:\n"
                               "  dir: /srv/caf\xc3\xa9\n"
                               "  template:\n"
                               "  format: webm\n"
                               "service:\n"
                               "threads: ~\n"
                               "log:\n"
                               "  json: yes\n";
    Place place = place_new();
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) error = NULL;
    load(config, &place, text, -1, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->url, ==, "wss://host.example");
    g_assert_cmpstr(config->api_key, ==, "APIkey");
    g_assert_cmpstr(config->api_secret, ==, "s: # x");
    g_assert_cmpint(config->connection_ns, ==, 20500 * NS_PER_MS);
    g_assert_cmpint(config->idle_ns, ==, -1);
    g_assert_cmpuint(config->video_max_items, ==, 30);
    g_assert_cmpuint(config->queue_max_bytes, ==, 1 << 20);
    g_assert_cmpstr(config->output_dir, ==, "/srv/caf\xc3\xa9");
    g_assert_cmpstr(config->output_template, ==, "{room_name}-{publisher_identity}-{time}");
    g_assert_cmpstr(config->format->name, ==, "webm");
    g_assert_true(config->log_json);
    place_clear(&place);
}

/* As a list or as text; a secret from its file. */
static void test_lists_and_secret_files(void)
{
    Place place = place_new();
    g_autofree char *secret_path = g_build_filename(place.folder, "token", NULL);
    g_autofree char *text = g_strdup_printf("api:\n"
                                            "  allowed_urls:\n"
                                            "    - wss://a.example\n"
                                            "    - wss://b.example\n"
                                            "  cors_origins: https://a.example, https://b.example\n"
                                            "  token_file: %s\n",
                                            secret_path);
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(secret_path, SECRET "\n", -1, NULL));
    load(config, &place, text, -1, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->allowed_urls, ==, "wss://a.example, wss://b.example");
    g_assert_cmpstr(config->cors_origins, ==, "https://a.example, https://b.example");
    g_assert_cmpstr(config->api_token, ==, SECRET);

    load(config, &place, "api:\n  allowed_urls: []\n  token_file: /nowhere\n", -1, &error);
    g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE);
    g_assert_nonnull(strstr(error->message, "line 3: The secret cannot be read: "));
    g_unlink(secret_path);
    place_clear(&place);
}

static void test_nothing_in_it(void)
{
    static const char *const texts[] = {"", "\n\n", "# only this\n", "---\n", "~\n", "{}\n"};
    Place place = place_new();
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        load(config, &place, texts[i], -1, &error);
        g_assert_no_error(error);
    }
    place_clear(&place);
}

static void test_mistakes(void)
{
    static const struct {
        const char *text;
        unsigned line;
        ConfigError code;
        const char *part;
    } rows[] = {
        {"log:\n  level: info\n  colour: " SECRET "\n", 3, CONFIG_ERROR_KEY,
         "There is no setting \"log.colour\"; the section \"log\" has level, json."},
        {"log:\n  colour: [" SECRET "]\n", 2, CONFIG_ERROR_KEY, "There is no setting"},
        {"log:\n  colour:\n", 2, CONFIG_ERROR_KEY, "There is no setting"},
        {"\nlogs:\n  level: info\n", 2, CONFIG_ERROR_KEY,
         "There is no section \"logs\"; the sections are livekit, timeouts,"},
        {"log.level: info\n", 1, CONFIG_ERROR_KEY, "There is no section \"log.level\""},
        {"log:\n  level: info\nlog:\n  json: true\n", 3, CONFIG_ERROR_KEY,
         "\"log\" stands there twice."},
        {"log:\n  level: info\n  level: none\n", 3, CONFIG_ERROR_KEY,
         "\"log.level\" stands there twice."},
        {"timeouts:\n  connection: fast\n", 2, CONFIG_ERROR_VALUE,
         "timeouts.connection cannot be \"fast\"; allowed is"},
        {"timeouts:\n  connection: [1, 2]\n", 2, CONFIG_ERROR_VALUE,
         "timeouts.connection has to be one plain value"},
        {"timeouts:\n  connection: {a: b}\n", 2, CONFIG_ERROR_VALUE, "has to be one plain value"},
        {"timeouts: 20\n", 1, CONFIG_ERROR_VALUE, "\"timeouts\" is a section"},
        {"- log\n", 1, CONFIG_ERROR_VALUE, "has to consist of sections"},
        {"hello\n", 1, CONFIG_ERROR_VALUE, "has to consist of sections"},
        {"[a]: b\n", 1, CONFIG_ERROR_VALUE, "The name of a section has to be"},
        {"log:\n  [a]: b\n", 2, CONFIG_ERROR_VALUE, "The name of a setting has to be"},
        {"log:\n  level: \"in\\0fo\"\n", 2, CONFIG_ERROR_VALUE, "log.level holds a NUL"},
        {"api:\n  token: " SECRET "\n  token_file: /x\n", 3, CONFIG_ERROR_KEY,
         "\"api.token\" stands there twice."},
        {"api:\n  allowed_urls: [a, [b]]\n", 2, CONFIG_ERROR_VALUE,
         "api.allowed_urls has to be one plain value"},
        {"output:\n  dir_file: /x\n", 2, CONFIG_ERROR_KEY, "There is no setting"},
        {"livekit:\n  api_secret: [" SECRET "]\n", 2, CONFIG_ERROR_VALUE, "livekit.api_secret has"},
        {"livekit:\n  api_secret: \"" SECRET "\\n" SECRET "\"\n", 2, CONFIG_ERROR_VALUE,
         "The value of livekit.api_secret is not allowed"},
        {"log:\n\tlevel: info\n", 2, CONFIG_ERROR_FILE, "This is not YAML"},
        {"log: {level: info\n", 2, CONFIG_ERROR_FILE, "This is not YAML"},
        {"log:\n  level: *nobody\n", 2, CONFIG_ERROR_FILE, "This is not YAML"},
        {"\xff\xfe\xff\xff\xff", 1, CONFIG_ERROR_FILE, "This is not YAML"},
        {"log:\n  level: \"a\x01\"\n", 0, CONFIG_ERROR_FILE, "This is not YAML"},
        {"a: &a {b: *a}\n", 1, CONFIG_ERROR_KEY, "There is no section \"a\""},
        {"log: &a {level: *a}\n", 1, CONFIG_ERROR_VALUE, "log.level has to be one plain value"},
    };
    Place place = place_new();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        g_assert_false(load(config, &place, rows[i].text, -1, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, CONFIG_ERROR, (int)rows[i].code);
        g_assert_nonnull(strstr(error->message, rows[i].part));
        g_assert_null(strstr(error->message, SECRET));
        g_autofree char *prefix = g_strdup_printf("%s, line %u: ", place.path, rows[i].line);
        if (rows[i].line > 0)
            g_assert_true(g_str_has_prefix(error->message, prefix));
    }
    place_clear(&place);
}

static void test_unreadable(void)
{
    Place place = place_new();
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) error = NULL;
    g_assert_false(config_load_file(config, place.path, &error));
    g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE);
    g_assert_nonnull(strstr(error->message, place.path));
    g_clear_error(&error);

    g_autofree char *large = g_strnfill(1024 * 1024 + 1, '#');
    g_assert_false(load(config, &place, large, -1, &error));
    g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE);
    g_assert_nonnull(strstr(error->message, "too large"));
    g_clear_error(&error);

    g_assert_false(config_load_file(config, place.folder, &error));
    g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE);
    place_clear(&place);
}

static void test_deep_nesting_is_no_harm(void)
{
    Place place = place_new();
    g_autofree char *deep = g_strnfill(50000, '[');
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) error = NULL;
    g_assert_false(load(config, &place, deep, -1, &error));
    g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE);
    place_clear(&place);
}

void config_file_test_add(void)
{
    g_test_add_func("/config-file/all-sections", test_all_sections);
    g_test_add_func("/config-file/lists-and-secret-files", test_lists_and_secret_files);
    g_test_add_func("/config-file/nothing-in-it", test_nothing_in_it);
    g_test_add_func("/config-file/mistakes", test_mistakes);
    g_test_add_func("/config-file/unreadable", test_unreadable);
    g_test_add_func("/config-file/deep-nesting", test_deep_nesting_is_no_harm);
}
