#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "config_test.h"
#include "store/output_path.h"

#define SECRET "do-not-show-me"

static void test_defaults(void)
{
    g_autoptr(Config) config = config_new();
    g_assert_null(config->url);
    g_assert_null(config->api_key);
    g_assert_null(config->api_secret);
    g_assert_null(config->ca_file);
    g_assert_cmpint(config->connection_ns, ==, 20 * NS_PER_SECOND);
    g_assert_cmpint(config->subscription_ns, ==, 10 * NS_PER_SECOND);
    g_assert_cmpint(config->keyframe_ns, ==, 2 * NS_PER_SECOND);
    g_assert_cmpint(config->read_deadline_ns, ==, 5 * NS_PER_SECOND);
    g_assert_cmpint(config->encode_timeout_ns, ==, NS_PER_SECOND);
    g_assert_cmpint(config->publisher_wait_ns, ==, -1);
    g_assert_cmpint(config->idle_ns, ==, -1);
    g_assert_cmpint(config->seek_interval_ns, ==, 10 * NS_PER_SECOND);
    g_assert_cmpuint(config->video_max_items, ==, 60);
    g_assert_cmpuint(config->audio_max_items, ==, 200);
    g_assert_cmpuint(config->queue_max_bytes, ==, 16 << 20);
    g_assert_cmpuint(config->recording_max_bytes, ==, 64 << 20);
    g_assert_cmpstr(config->output_dir, ==, ".");
    g_assert_cmpstr(config->output_template, ==, OUTPUT_PATH_DEFAULT_TEMPLATE);
    g_assert_cmpstr(config->format->name, ==, "auto");
    g_assert_cmpstr(config->quality->name, ==, "default");
    g_assert_cmpuint(config->finalize_max_bytes, ==, G_GUINT64_CONSTANT(8) << 30);
    g_assert_cmpstr(config->listen, ==, "127.0.0.1:8080");
    g_assert_cmpuint(config->max_recordings, ==, 500);
    g_assert_cmpuint(config->net_threads, ==, 0);
    g_assert_cmpuint(config->sink_threads, ==, 0);
    g_assert_false(config->prefer_aes_256);
    g_assert_cmpint(config->log_level, ==, LOG_INFO);
    g_assert_false(config->log_json);
    config_free(NULL);
}

static void test_durations(void)
{
    static const struct {
        const char *text;
        int64_t ns; /* -1 = refused */
    } rows[] = {
        {"30s", 30 * NS_PER_SECOND},
        {"1.5m", 90 * NS_PER_SECOND},
        {"500ms", 500 * NS_PER_MS},
        {"90", 90 * NS_PER_SECOND},
        {"2h", 7200 * NS_PER_SECOND},
        {"2 min", 120 * NS_PER_SECOND},
        {"20.0", 20 * NS_PER_SECOND},
        {"0.1", 100 * NS_PER_MS},
        {"0", 0},
        {"1S", NS_PER_SECOND},
        {"", -1},
        {"s", -1},
        {"-1", -1},
        {"-1s", -1},
        {"+1s", -1},
        {".5", -1},
        {"1.", -1},
        {"1.s", -1},
        {"1e3", -1},
        {"0x10", -1},
        {"inf", -1},
        {"nan", -1},
        {" 1s", -1},
        {"1s ", -1},
        {"1s2", -1},
        {"1,5s", -1},
        {"1d", -1},
        {"1000000001", -1},
        {"999999999999999999h", -1},
        {"9999999999999999999999999999s", -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        int64_t ns = -1;
        const bool parsed = config_parse_duration(rows[i].text, &ns);
        g_assert_cmpint(parsed, ==, rows[i].ns >= 0);
        g_assert_cmpint(ns, ==, rows[i].ns);
    }
}

static void test_bytes(void)
{
    static const struct {
        const char *text;
        int64_t bytes; /* -1 = refused */
    } rows[] = {
        {"1048576", 1048576},
        {"16MiB", 16 << 20},
        {"8 GiB", INT64_C(8) << 30},
        {"1.5KiB", 1536},
        {"500MB", 500000000},
        {"1kb", 1000},
        {"3B", 3},
        {"0", 0},
        {"9007199254740992", INT64_C(9007199254740992)},
        {"9007199254740994", -1},
        {"99999999TiB", -1},
        {"-1", -1},
        {"1K", -1},
        {"1 MiB ", -1},
        {"MiB", -1},
        {"", -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint64_t bytes = UINT64_MAX;
        const bool parsed = config_parse_bytes(rows[i].text, &bytes);
        g_assert_cmpint(parsed, ==, rows[i].bytes >= 0);
        g_assert_cmpuint(bytes, ==, (uint64_t)rows[i].bytes);
    }
}

static void test_allowed_values(void)
{
    static const struct {
        const char *key, *value;
    } rows[] = {
        {"livekit.url", "ws://127.0.0.1:7880"},
        {"livekit.url", "https://host.example/path"},
        {"livekit.api_key", "k"},
        {"livekit.api_secret", SECRET},
        {"livekit.ca_file", "/etc/ca b.pem"},
        {"timeouts.connection", "100ms"},
        {"timeouts.publisher_wait", "auto"},
        {"timeouts.publisher_wait", "0"},
        {"timeouts.idle", "30s"},
        {"timeouts.seek_interval", "0"},
        {"queues.video_max_items", "1"},
        {"queues.max_bytes", "64KiB"},
        {"output.template", "{mint_id}/caf\xc3\xa9"},
        {"output.format", "MKV"},
        {"output.finalize_max_bytes", "0"},
        {"service.listen", "[::1]:0"},
        {"service.listen", "localhost:80"},
        {"threads.net", "4"},
        {"transport.prefer_aes_256", "on"},
        {"log.level", "debug"},
        {"log.json", "TRUE"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        config_set(config, rows[i].key, rows[i].value, &error);
        g_assert_no_error(error);
    }
}

static void test_refused_values(void)
{
    static const struct {
        const char *key, *value, *sentence;
    } rows[] = {
        {"livekit.url", "host.example",
         "livekit.url cannot be \"host.example\"; allowed is an address that begins with ws://, "
         "wss://, http:// or https://."},
        {"livekit.url", "ws://", NULL},
        {"livekit.url", "ws://a b", NULL},
        {"livekit.url", "file:///etc/passwd", NULL},
        {"livekit.api_secret", SECRET "\n" SECRET,
         "The value of livekit.api_secret is not allowed; allowed is text of 1 to 4000 bytes "
         "without control characters."},
        {"livekit.api_key", SECRET "\x1b", NULL},
        {"livekit.api_key", "", NULL},
        {"timeouts.connection", "fast",
         "timeouts.connection cannot be \"fast\"; allowed is a duration from 100ms to 24h (20s, "
         "1.5m, 500ms)."},
        {"timeouts.connection", "99ms", NULL},
        {"timeouts.connection", "25h", NULL},
        {"timeouts.connection", "auto", NULL},
        {"timeouts.idle", "-1",
         "timeouts.idle cannot be \"-1\"; allowed is auto, or a duration from 0s to 8760h (20s, "
         "1.5m, 500ms)."},
        {"queues.video_max_items", "0",
         "queues.video_max_items cannot be \"0\"; allowed is a number from 1 to 100000."},
        {"queues.video_max_items", "60.5", NULL},
        {"queues.video_max_items", "4294967356", NULL},
        {"queues.max_bytes", "1KiB", NULL},
        {"output.dir", "", NULL},
        {"output.dir", "a\nb",
         "output.dir cannot be \"a?b\"; allowed is text of 1 to 4000 bytes without control "
         "characters."},
        {"output.format", "avi",
         "output.format cannot be \"avi\"; allowed is h264, av1, svtav1, vp9, mp4, webm, mkv, "
         "mpegts, ogg, m4a, mp3, wav, auto."},
        {"encoding.h264", "speed=warp",
         "encoding.h264: \"speed\" of libx264 cannot be \"warp\"; it can be ultrafast, superfast, "
         "veryfast, faster, fast, medium, slow, slower, veryslow, placebo."},
        {"encoding.h264", "tune=film",
         "encoding.h264: There is no encoder option \"tune\"; there are encoder, speed, "
         "keyframe_interval, threads, bitrate, crf."},
        {"encoding.vp9", "speed=9",
         "encoding.vp9: \"speed\" of libvpx-vp9 cannot be \"9\"; it can be a number from 0 to 8."},
        {"encoding.aac", "speed=1",
         "encoding.aac: There is no encoder option \"speed\"; there are encoder, bitrate."},
        {"encoding.aac", "fast",
         "encoding.aac: \"fast\" is no encoder option; they are written as name=value, such as "
         "bitrate=128k."},
        {"encoding.av1", "encoder=libx264",
         "encoding.av1: \"encoder\" of libaom-av1 cannot be \"libx264\"; it can be libaom-av1, "
         "libsvtav1."},
        {"encoding.h264", "crf=52", NULL},
        {"encoding.h264", "crf=-1", NULL},
        {"encoding.h264", "crf=0x10", NULL},
        {"encoding.h264", "threads=0", NULL},
        {"encoding.h264", "bitrate=1", NULL},
        {"encoding.h264", "bitrate=2G", NULL},
        {"encoding.h264", "keyframe_interval=1ms", NULL},
        {"encoding.h264", "keyframe_interval=nan", NULL},
        {"service.listen", "8080", NULL},
        {"service.listen", ":8080", NULL},
        {"service.listen", "::1:8080", NULL},
        {"service.listen", "127.0.0.1:65536",
         "service.listen cannot be \"127.0.0.1:65536\"; allowed is an address and a port "
         "(127.0.0.1:8080, [::1]:8080)."},
        {"log.level", "loud",
         "log.level cannot be \"loud\"; allowed is debug, info, warning, error or none."},
        {"log.json", "maybe", "log.json cannot be \"maybe\"; allowed is true or false."},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        g_assert_false(config_set(config, rows[i].key, rows[i].value, &error));
        g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_VALUE);
        g_assert_null(strstr(error->message, SECRET));
        if (rows[i].sentence != NULL)
            g_assert_cmpstr(error->message, ==, rows[i].sentence);
    }
}

static void test_unknown_keys(void)
{
    static const struct {
        const char *key, *sentence;
    } rows[] = {
        {"log.colour", "There is no setting \"log.colour\"; the section \"log\" has level, json."},
        {"logs.level", "There is no setting \"logs.level\"; the sections are livekit, timeouts, "
                       "queues, output, encoding, service, api, threads, transport, log."},
        {"log", "There is no setting \"log\"; the section \"log\" has level, json."},
        {"", NULL},
        {"timeouts.connection.x", NULL},
    };
    g_autoptr(Config) config = config_new();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(config_set(config, rows[i].key, SECRET, &error));
        g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_KEY);
        g_assert_null(strstr(error->message, SECRET));
        if (rows[i].sentence != NULL)
            g_assert_cmpstr(error->message, ==, rows[i].sentence);
    }
}

/* The documentation is made of this table. */
static void test_table_is_regular(void)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    g_assert_cmpuint(count, ==, 48);
    g_autoptr(GHashTable) offsets = g_hash_table_new(NULL, NULL);
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *upper = g_ascii_strup(keys[i].key, -1);
        g_autofree char *expected = g_strconcat("ROOMTAPE_", g_strdelimit(upper, ".", '_'), NULL);
        g_assert_cmpstr(keys[i].environment, ==, expected);
        g_assert_cmpuint(strlen(keys[i].help), >, 0);
        g_assert_true(g_hash_table_add(offsets, GSIZE_TO_POINTER(keys[i].offset)));
        g_assert_cmpint(keys[i].secret, ==,
                        g_str_has_prefix(keys[i].key, "livekit.api_") ||
                            strcmp(keys[i].key, "api.token") == 0);
    }
}

void config_value_test_add(void)
{
    g_test_add_func("/config/defaults", test_defaults);
    g_test_add_func("/config/durations", test_durations);
    g_test_add_func("/config/bytes", test_bytes);
    g_test_add_func("/config/allowed-values", test_allowed_values);
    g_test_add_func("/config/refused-values", test_refused_values);
    g_test_add_func("/config/unknown-keys", test_unknown_keys);
    g_test_add_func("/config/table-is-regular", test_table_is_regular);
}
