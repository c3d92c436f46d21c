#include "status_json_test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/status_json.h"

static RecordingStatus *new_status(void)
{
    RecordingStatus *status = calloc(1, sizeof *status);
    g_strlcpy(status->mint_id, "stream-1", sizeof status->mint_id);
    status->state = RECORDING_RECORDING;
    status->requested_wall_ns = 1767323045 * NS_PER_SECOND + 6 * NS_PER_MS;
    status->connection_ns = 250 * NS_PER_MS;
    status->video_frames = 30;
    status->file_bytes = 3 * 1024 * 1024;
    status->track_count = 1;
    status->tracks = calloc(1, sizeof *status->tracks);
    g_strlcpy(status->tracks[0].sid, "TR_a", sizeof status->tracks[0].sid);
    g_strlcpy(status->tracks[0].identity, "a\"b\xff", sizeof status->tracks[0].identity);
    status->tracks[0].codec = CODEC_VP8;
    status->tracks[0].kind = TRACK_VIDEO;
    status->tracks[0].last_write_age_ns = -1;
    status->tracks[0].queue =
        (QueueStats){.size = 2, .max = 60, .total_enqueued = 32, .dropped = 1};
    status->tracks[0].ledger[STAGE_DEPAY].dropped[DROP_BEFORE_KEYFRAME] = 7;
    status->output_count = 2;
    status->outputs = calloc(2, sizeof *status->outputs);
    g_strlcpy(status->outputs[0].path, "/rec/a.webm", sizeof status->outputs[0].path);
    g_strlcpy(status->outputs[1].path, "/rec/b.webm", sizeof status->outputs[1].path);
    return status;
}

/* As a reader gets it: written and parsed again, so that it is valid JSON whatever is in a name. */
static JsonNode *read_back(const RecordingStatus *status)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), status_json(status));
    json_object_unref(json_node_get_object(node));
    g_autofree char *text = json_to_string(node, FALSE);
    g_autoptr(GError) error = NULL;
    JsonNode *parsed = json_from_string(text, &error);
    g_assert_no_error(error);
    return parsed;
}

static void test_running(void)
{
    RecordingStatus *status = new_status();
    g_autoptr(JsonNode) node = read_back(status);
    JsonObject *root = json_node_get_object(node);
    g_assert_true(json_object_get_boolean_member(root, "success"));
    g_assert_cmpstr(json_object_get_string_member(root, "state"), ==, "recording");
    g_assert_cmpstr(json_object_get_string_member(root, "requested_at"), ==,
                    "2026-01-02T03:04:05.006Z");
    g_assert_true(json_object_get_null_member(root, "started_at"));
    g_assert_true(json_object_get_null_member(root, "outcome"));
    g_assert_cmpfloat(json_object_get_double_member(root, "file_size_mb"), ==, 3.0);
    g_assert_cmpstr(json_object_get_string_member(root, "output_path"), ==, "/rec/a.webm");
    JsonArray *outputs = json_object_get_array_member(root, "outputs");
    g_assert_cmpuint(json_array_get_length(outputs), ==, 2);
    g_assert_cmpstr(json_array_get_string_element(outputs, 1), ==, "/rec/b.webm");
    JsonObject *stats = json_object_get_object_member(root, "stats");
    g_assert_cmpint(json_object_get_int_member(stats, "video_frames"), ==, 30);
    g_assert_cmpfloat(json_object_get_double_member(stats, "connection_time"), ==, 0.25);
    recording_status_free(status);
}

static void test_track(void)
{
    RecordingStatus *status = new_status();
    g_autoptr(JsonNode) node = read_back(status);
    JsonObject *root = json_node_get_object(node);
    JsonObject *track =
        json_object_get_object_member(json_object_get_object_member(root, "tracks"), "TR_a");
    g_assert_true(g_str_has_prefix(json_object_get_string_member(track, "identity"), "a\"b"));
    g_assert_cmpstr(json_object_get_string_member(track, "codec"), ==, "VP8");
    g_assert_true(json_object_get_null_member(track, "last_write_age"));
    JsonObject *queue =
        json_object_get_object_member(json_object_get_object_member(root, "queues"), "TR_a");
    g_assert_cmpint(json_object_get_int_member(queue, "size"), ==, 2);
    g_assert_cmpint(json_object_get_int_member(queue, "total_enqueued"), ==, 32);
    JsonObject *ledger =
        json_object_get_object_member(json_object_get_object_member(root, "ledger"), "TR_a");
    JsonObject *depay = json_object_get_object_member(ledger, "depay");
    JsonObject *dropped = json_object_get_object_member(depay, "dropped");
    g_assert_cmpint(json_object_get_int_member(dropped, "before_keyframe"), ==, 7);
    g_assert_cmpuint(json_object_get_size(dropped), ==, 1);
    recording_status_free(status);
}

static void test_failed(void)
{
    RecordingStatus *status = new_status();
    status->state = RECORDING_STOPPED;
    status->output_count = 0;
    outcome_set(&status->outcome, OUTCOME_FAILED, CODE_NO_RTP, "Nothing came.");
    g_autoptr(JsonNode) node = read_back(status);
    JsonObject *root = json_node_get_object(node);
    g_assert_cmpstr(json_object_get_string_member(root, "outcome"), ==, "failed");
    g_assert_cmpstr(json_object_get_string_member(root, "code"), ==, "no_rtp");
    g_assert_cmpstr(json_object_get_string_member(root, "error"), ==, "Nothing came.");
    g_assert_true(json_object_get_null_member(root, "output_path"));
    JsonObject *checklist = json_object_get_object_member(root, "checklist");
    g_assert_cmpuint(json_object_get_size(checklist), ==, CHECK_COUNT);
    recording_status_free(status);
}

static void test_pauses(void)
{
    RecordingStatus *status = new_status();
    status->paused = true;
    status->paused_ns = 3500 * NS_PER_MS;
    status->pause_count = 2;
    status->pauses = calloc(2, sizeof *status->pauses);
    status->pauses[0] = (StatusPause){2 * NS_PER_SECOND, 4 * NS_PER_SECOND, true};
    status->pauses[1] = (StatusPause){9 * NS_PER_SECOND, INT64_MAX, false};
    g_autoptr(JsonNode) node = read_back(status);
    JsonObject *root = json_node_get_object(node);
    g_assert_true(json_object_get_boolean_member(root, "paused"));
    g_assert_false(json_object_get_boolean_member(root, "discarded"));
    g_assert_cmpfloat(json_object_get_double_member(root, "paused_time"), ==, 3.5);
    JsonArray *pauses = json_object_get_array_member(root, "pauses");
    g_assert_cmpuint(json_array_get_length(pauses), ==, 2);
    JsonObject *first = json_array_get_object_element(pauses, 0);
    JsonObject *second = json_array_get_object_element(pauses, 1);
    g_assert_cmpfloat(json_object_get_double_member(first, "start"), ==, 2);
    g_assert_cmpfloat(json_object_get_double_member(first, "end"), ==, 4);
    g_assert_true(json_object_get_boolean_member(first, "hold"));
    g_assert_true(json_object_get_null_member(second, "end"));
    g_assert_false(json_object_get_boolean_member(second, "hold"));
    recording_status_free(status);
}

void status_json_test_add(void)
{
    g_test_add_func("/store/status-json/running", test_running);
    g_test_add_func("/store/status-json/track", test_track);
    g_test_add_func("/store/status-json/failed", test_failed);
    g_test_add_func("/store/status-json/pauses", test_pauses);
}
