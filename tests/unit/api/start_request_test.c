#include <string.h>

#include "api/json_body.h"
#include "api/start_request.h"
#include "api_test.h"
#include "base/clock.h"

#define SECRET "do-not-show-me"

static JsonObject *parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    JsonObject *object = json_body_parse(text, strlen(text), &error);
    g_assert_no_error(error);
    return object;
}

static void test_all_fields(void)
{
    g_autoptr(JsonObject) body =
        parse("{\"mint_id\": \"../caf\xc3\xa9/x\", \"output_format\": \"MKV\", \"video_quality\": "
              "\"low\", \"fallback\": \"source\", \"room\": \"demo room\", \"url\": "
              "\"wss://host\", \"token\": \"t.t.t\", "
              "\"participant\": [\"ann\", \"bob\"], \"publisher_wait\": 0, \"duration\": 1.5, "
              "\"idle\": \"2m\", \"wait\": false}");
    g_autoptr(RecordingRequest) request = recording_request_new();
    Outcome refusal;
    bool wait = true;
    g_assert_true(start_request_read(body, NULL, request, &wait, &refusal));
    g_assert_cmpstr(request->mint_id, ==, "../caf\xc3\xa9/x");
    g_assert_cmpstr(request->format->name, ==, "mkv");
    g_assert_cmpstr(request->quality->name, ==, "low");
    g_assert_true(request->falls_back);
    g_assert_cmpstr(request->room, ==, "demo room");
    g_assert_cmpstr(request->url, ==, "wss://host");
    g_assert_cmpstr(request->token, ==, "t.t.t");
    g_assert_cmpstr(request->participants[0], ==, "ann");
    g_assert_cmpstr(request->participants[1], ==, "bob");
    g_assert_null(request->participants[2]);
    g_assert_cmpint(request->publisher_wait_ns, ==, 0);
    g_assert_cmpint(request->max_duration_ns, ==, 1500 * NS_PER_MS);
    g_assert_cmpint(request->idle_ns, ==, 120 * NS_PER_SECOND);
    g_assert_false(wait);
}

static void test_only_the_mint_id(void)
{
    static const char *const texts[] = {
        "{\"mint_id\": \"a\"}",
        "{\"mint_id\": \"a\", \"room\": null, \"participant\": null, \"wait\": null, "
        "\"duration\": null, \"output_format\": null, \"video_quality\": null}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(JsonObject) body = parse(texts[i]);
        g_autoptr(RecordingRequest) request = recording_request_new();
        Outcome refusal;
        bool wait = false;
        request->format = format_for(CONTAINER_WEBM);
        g_assert_true(start_request_read(body, NULL, request, &wait, &refusal));
        g_assert_true(wait);
        g_assert_cmpint(request->format->container, ==, CONTAINER_WEBM);
        g_assert_true(request->quality == quality_default());
        g_assert_false(request->falls_back);
        g_assert_null(request->room);
        g_assert_null(request->participants);
        g_assert_cmpint(request->max_duration_ns, ==, 0);
        g_assert_cmpint(request->publisher_wait_ns, ==, -1);
        g_assert_cmpint(request->idle_ns, ==, -1);
    }
}

static void test_one_participant(void)
{
    g_autoptr(JsonObject) body = parse("{\"mint_id\": \"a\", \"participant\": \"ann\"}");
    g_autoptr(RecordingRequest) request = recording_request_new();
    Outcome refusal;
    bool wait;
    g_assert_true(start_request_read(body, NULL, request, &wait, &refusal));
    g_assert_cmpstr(request->participants[0], ==, "ann");
    g_assert_null(request->participants[1]);
}

/* What follows {"mint_id": "a", ... */
static void test_refused_fields(void)
{
    static const struct {
        const char *field;
        OutcomeCode code;
        const char *part;
    } rows[] = {
        {"\"mint\": \"" SECRET "\"", CODE_BAD_REQUEST,
         "There is no field \"mint\"; there are mint_id, output_format, video_quality, encoder, "
         "fallback, "
         "room, "
         "url, token, participant, publisher_wait, max_duration, max_size, duration, idle, wait."},
        {"\"a\\u001b\\n\": 1", CODE_BAD_REQUEST, "There is no field \"a??\""},
        {"\"mint_id\": 5", CODE_BAD_REQUEST, "\"mint_id\" has to be text; it is a number."},
        {"\"mint_id\": \"\"", CODE_BAD_REQUEST,
         "\"mint_id\" has to have 1 to 256 bytes; it has 0."},
        {"\"mint_id\": \"a\\nb\"", CODE_BAD_REQUEST, "\"mint_id\" holds a control character."},
        {"\"mint_id\": \"a\\u007f\"", CODE_BAD_REQUEST, "control character"},
        {"\"mint_id\": \"a\\u202e\"", CODE_BAD_REQUEST, "control character"},
        {"\"mint_id\": \"a\\ud800\"", CODE_BAD_REQUEST, NULL},
        {"\"room\": [\"x\"]", CODE_BAD_REQUEST, "\"room\" has to be text; it is a list."},
        {"\"room\": {}", CODE_BAD_REQUEST, "it is an object."},
        {"\"room\": true", CODE_BAD_REQUEST, "it is true or false."},
        {"\"token\": \"" SECRET "\\n\"", CODE_BAD_REQUEST, "\"token\" holds a control character."},
        {"\"token\": [\"" SECRET "\"]", CODE_BAD_REQUEST, "\"token\" has to be text"},
        {"\"url\": 1.5", CODE_BAD_REQUEST, "\"url\" has to be text; it is a number."},
        {"\"output_format\": \"avi\"", CODE_BAD_REQUEST,
         "\"output_format\" cannot be \"avi\"; it can be h264, av1, svtav1, vp9, mp4, "
         "webm, mkv, mpegts, ogg, m4a, mp3, wav, auto."},
        {"\"output_format\": \"h264\", \"encoder\": {\"speed\": \"warp\"}", CODE_BAD_REQUEST,
         "\"speed\" of libx264 cannot be \"warp\"; it can be ultrafast, superfast, veryfast, "
         "faster, "
         "fast, medium, slow, slower, veryslow, placebo."},
        {"\"encoder\": {\"tune\": \"film\"}, \"output_format\": \"h264\"", CODE_BAD_REQUEST,
         "There is no encoder option \"tune\"; there are encoder, speed, keyframe_interval, "
         "threads, "
         "bitrate, crf."},
        {"\"output_format\": \"mp3\", \"encoder\": {\"crf\": 20}", CODE_BAD_REQUEST,
         "There is no encoder option \"crf\"; there are encoder, bitrate."},
        {"\"output_format\": \"vp9\", \"encoder\": {\"crf\": 64}", CODE_BAD_REQUEST,
         "\"crf\" of libvpx-vp9 cannot be \"64\"; it can be none, or a number from 0 (best) to "
         "63."},
        {"\"output_format\": \"h264\", \"encoder\": {\"threads\": [1]}", CODE_BAD_REQUEST,
         "\"threads\" of libx264 cannot be \"a list\""},
        {"\"output_format\": \"auto\", \"encoder\": {\"crf\": 20}", CODE_BAD_REQUEST,
         "The format \"auto\" never encodes, so it has no encoder options."},
        {"\"encoder\": \"fast\"", CODE_BAD_REQUEST,
         "\"encoder\" has to be an object of options; it is text."},
        {"\"fallback\": \"low\"", CODE_BAD_REQUEST,
         "\"fallback\" cannot be \"low\"; it can be source."},
        {"\"fallback\": true", CODE_BAD_REQUEST, "\"fallback\" has to be text"},
        {"\"output_format\": 4", CODE_BAD_REQUEST, "has to be text"},
        {"\"video_quality\": \"ultra\"", CODE_BAD_REQUEST,
         "\"video_quality\" cannot be \"ultra\"; it can be low, medium, high, source."},
        {"\"participant\": []", CODE_BAD_REQUEST, "1 to 100 identities; it has 0."},
        {"\"participant\": [1]", CODE_BAD_REQUEST, "\"participant\" has to be text"},
        {"\"participant\": [null]", CODE_BAD_REQUEST, "\"participant\" has to be text; it is null"},
        {"\"participant\": {}", CODE_BAD_REQUEST, "\"participant\" has to be text"},
        {"\"duration\": 0", CODE_BAD_REQUEST,
         "\"duration\" has to be seconds from 0.1 to 31536000, as a number or as text such as "
         "\"30s\" or \"1.5m\"."},
        {"\"duration\": -1", CODE_BAD_REQUEST, "\"duration\" has to be"},
        {"\"duration\": 1e300", CODE_BAD_REQUEST, "\"duration\" has to be"},
        {"\"duration\": 99999999999999999999", CODE_BAD_REQUEST, "\"duration\" has to be"},
        {"\"duration\": 31536001", CODE_BAD_REQUEST, "\"duration\" has to be"},
        {"\"duration\": \"31536001\"", CODE_BAD_REQUEST, "\"duration\" has to be"},
        {"\"duration\": \"soon\"", CODE_BAD_REQUEST, "\"duration\" has to be"},
        {"\"duration\": true", CODE_BAD_REQUEST, "\"duration\" has to be"},
        {"\"duration\": [1]", CODE_BAD_REQUEST, "\"duration\" has to be"},
        {"\"max_duration\": 0", CODE_BAD_REQUEST, "\"max_duration\" has to be seconds"},
        {"\"max_duration\": 5, \"duration\": \"6s\"", CODE_BAD_REQUEST,
         "\"duration\" is the older name of \"max_duration\", and they differ"},
        {"\"max_size\": 65535", CODE_BAD_REQUEST,
         "\"max_size\" has to be at least 65536 bytes, as a number or as text such as \"500MB\" "
         "or \"1GiB\"."},
        {"\"max_size\": -1", CODE_BAD_REQUEST, "\"max_size\" has to be"},
        {"\"max_size\": 1e6", CODE_BAD_REQUEST, "\"max_size\" has to be"},
        {"\"max_size\": \"a lot\"", CODE_BAD_REQUEST, "\"max_size\" has to be"},
        {"\"max_size\": \"1kB\"", CODE_BAD_REQUEST, "\"max_size\" has to be"},
        {"\"max_size\": true", CODE_BAD_REQUEST, "\"max_size\" has to be"},
        {"\"max_size\": []", CODE_BAD_REQUEST, "\"max_size\" has to be"},
        {"\"publisher_wait\": -0.5", CODE_BAD_REQUEST, "\"publisher_wait\" has to be"},
        {"\"idle\": {}", CODE_BAD_REQUEST, "\"idle\" has to be"},
        {"\"wait\": \"true\"", CODE_BAD_REQUEST, "\"wait\" has to be true or false; it is text."},
        {"\"wait\": 1", CODE_BAD_REQUEST, "\"wait\" has to be true or false; it is a number."},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf("{\"mint_id\": \"a\", %s}", rows[i].field);
        g_autoptr(JsonObject) body = json_body_parse(text, strlen(text), NULL);
        g_autoptr(RecordingRequest) request = recording_request_new();
        Outcome refusal;
        bool wait;
        if (body == NULL && rows[i].part == NULL)
            continue; /* refused even before */
        g_assert_nonnull(body);
        g_assert_false(start_request_read(body, NULL, request, &wait, &refusal));
        g_test_message("%s", refusal.sentence);
        g_assert_cmpint(refusal.kind, ==, OUTCOME_FAILED);
        g_assert_cmpint(refusal.code, ==, rows[i].code);
        if (rows[i].part != NULL)
            g_assert_nonnull(strstr(refusal.sentence, rows[i].part));
        g_assert_null(strstr(refusal.sentence, SECRET));
    }
}

static bool is_read(const char *name, size_t length)
{
    g_autofree char *value = g_strnfill(length, 'x');
    g_autoptr(JsonObject) body = json_object_new();
    g_autoptr(RecordingRequest) request = recording_request_new();
    Outcome refusal;
    bool wait;
    json_object_set_string_member(body, "mint_id", "a");
    json_object_set_string_member(body, name, value);
    return start_request_read(body, NULL, request, &wait, &refusal);
}

static void test_lengths(void)
{
    static const struct {
        const char *name;
        size_t max;
    } rows[] = {
        {"mint_id", 256}, {"room", 256}, {"url", 2048}, {"token", 16384}, {"participant", 256}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_true(is_read(rows[i].name, rows[i].max));
        g_assert_false(is_read(rows[i].name, rows[i].max + 1));
        g_assert_false(is_read(rows[i].name, 100000));
    }
}

static void test_mint_id_is_needed(void)
{
    static const char *const texts[] = {"{}", "{\"room\": \"a\"}", "{\"mint_id\": null}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(JsonObject) body = parse(texts[i]);
        g_autoptr(RecordingRequest) request = recording_request_new();
        Outcome refusal;
        bool wait;
        g_assert_false(start_request_read(body, NULL, request, &wait, &refusal));
        g_assert_cmpstr(refusal.sentence, ==, "\"mint_id\" is missing: it names the recording.");
    }
}

static void test_limits(void)
{
    static const struct {
        const char *fields;
        int64_t max_duration_ns;
        uint64_t max_size;
    } rows[] = {
        {"\"wait\": true", 0, 0},
        {"\"max_duration\": 5", 5 * NS_PER_SECOND, 0},
        {"\"duration\": \"5s\", \"max_duration\": 5.0", 5 * NS_PER_SECOND, 0},
        {"\"max_size\": 65536", 0, 65536},
        {"\"max_size\": \"500MB\"", 0, 500000000},
        {"\"max_size\": \"1GiB\", \"max_duration\": \"1.5m\"", 90 * NS_PER_SECOND, 1 << 30},
        {"\"max_size\": null, \"max_duration\": null", 0, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf("{\"mint_id\": \"a\", %s}", rows[i].fields);
        g_autoptr(JsonObject) body = parse(text);
        g_autoptr(RecordingRequest) request = recording_request_new();
        Outcome refusal;
        bool wait;
        g_assert_true(start_request_read(body, NULL, request, &wait, &refusal));
        g_assert_cmpint(request->max_duration_ns, ==, rows[i].max_duration_ns);
        g_assert_cmpuint(request->max_size, ==, rows[i].max_size);
    }
}

/* The configured encoder counts, and a JSON object has no order. */
static void test_encoder_options(void)
{
    EncoderSettings configured[ENCODING_COUNT];
    for (Encoding i = ENCODING_NONE; i < ENCODING_COUNT; i++)
        configured[i] = encoder_settings_default(i);
    configured[ENCODING_AV1].encoder = "libsvtav1";
    static const struct {
        const char *options;
        bool is_default, is_configured; /* taken, where that encoder is the one */
    } rows[] = {
        {"{\"crf\": 30, \"speed\": 10, \"encoder\": \"libsvtav1\"}", true, true},
        {"{\"speed\": 10}", false, true},
        {"{\"speed\": 10, \"encoder\": \"libaom-av1\"}", false, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf(
            "{\"mint_id\": \"a\", \"output_format\": \"av1\", \"encoder\": %s}", rows[i].options);
        g_autoptr(JsonObject) body = parse(text);
        g_autoptr(RecordingRequest) plain = recording_request_new();
        g_autoptr(RecordingRequest) other = recording_request_new();
        Outcome refusal;
        bool wait;
        g_assert_true(start_request_read(body, NULL, plain, &wait, &refusal) == rows[i].is_default);
        g_assert_true(start_request_read(body, configured, other, &wait, &refusal) ==
                      rows[i].is_configured);
    }
}

static void test_pause(void)
{
    g_autoptr(JsonObject) plain = parse("{\"mint_id\": \"a\"}");
    g_autoptr(JsonObject) held = parse("{\"mint_id\": \"a\", \"hold\": true}");
    g_autoptr(JsonObject) wrong = parse("{\"mint_id\": \"a\", \"hold\": \"yes\"}");
    Outcome refusal;
    bool holds;
    g_autofree char *first = pause_request_read(plain, &holds, &refusal);
    g_assert_cmpstr(first, ==, "a");
    g_assert_false(holds);
    g_autofree char *second = pause_request_read(held, &holds, &refusal);
    g_assert_cmpstr(second, ==, "a");
    g_assert_true(holds);
    g_assert_null(pause_request_read(wrong, &holds, &refusal));
    g_assert_cmpstr(refusal.sentence, ==, "\"hold\" has to be true or false; it is text.");
    g_assert_null(resume_request_read(held, &refusal));
    g_assert_cmpstr(refusal.sentence, ==, "There is no field \"hold\"; there are mint_id.");
}

static void test_stop(void)
{
    g_autoptr(JsonObject) body = parse("{\"mint_id\": \"a/b\", \"discard\": true}");
    g_autoptr(JsonObject) unknown = parse("{\"mint_id\": \"a\", \"wait\": true}");
    g_autoptr(JsonObject) empty = parse("{}");
    Outcome refusal;
    bool discards = false;
    g_autofree char *mint_id = stop_request_read(body, &discards, &refusal);
    g_assert_cmpstr(mint_id, ==, "a/b");
    g_assert_true(discards);
    g_assert_null(stop_request_read(unknown, &discards, &refusal));
    g_assert_cmpstr(refusal.sentence, ==,
                    "There is no field \"wait\"; there are mint_id, discard.");
    g_assert_null(stop_request_read(empty, &discards, &refusal));
    g_assert_false(discards);
    g_assert_cmpint(refusal.code, ==, CODE_BAD_REQUEST);
}

void start_request_test_add(void)
{
    g_test_add_func("/start-request/all-fields", test_all_fields);
    g_test_add_func("/start-request/only-the-mint-id", test_only_the_mint_id);
    g_test_add_func("/start-request/one-participant", test_one_participant);
    g_test_add_func("/start-request/refused-fields", test_refused_fields);
    g_test_add_func("/start-request/limits", test_limits);
    g_test_add_func("/start-request/pause", test_pause);
    g_test_add_func("/start-request/lengths", test_lengths);
    g_test_add_func("/start-request/mint-id-is-needed", test_mint_id_is_needed);
    g_test_add_func("/start-request/encoder-in-any-order", test_encoder_options);
    g_test_add_func("/start-request/stop", test_stop);
}
