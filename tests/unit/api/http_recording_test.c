#include <string.h>

#include "api/http_api.h"
#include "api_test.h"
#include "base/clock.h"
#include "http_scene.h"
#include "store/status_json.h"

#define START "/api/recording/start"
#define STOP "/api/recording/stop"
#define PAUSE "/api/recording/pause"
#define RESUME "/api/recording/resume"

static bool somebody_watches(const void *data)
{
    return ((const WebRTCRecordingService *)data)->watch != 0;
}

static bool nobody_watches(const void *data)
{
    return ((const WebRTCRecordingService *)data)->watch == 0;
}

static void set_state(HttpScene *scene, RecordingState state)
{
    fake_service_activate(scene->service, "a", state);
}

static void test_start_without_waiting(void)
{
    HttpScene scene = http_scene_new();
    g_autofree char *answer =
        http_scene_call(&scene, "POST", START, "{\"mint_id\": \"a\", \"wait\": false}");
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_true(json_object_get_boolean_member(body, "success"));
    g_assert_cmpstr(json_object_get_string_member(body, "mint_id"), ==, "a");
    g_assert_cmpstr(json_object_get_string_member(body, "state"), ==, "connecting");
    g_assert_true(json_object_get_null_member(body, "output_path"));
    g_assert_true(json_object_get_null_member(body, "started_at"));
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(body, "outputs")), ==, 0);
    g_assert_cmpstr(scene.service->request->mint_id, ==, "a");
    g_assert_null(scene.service->request->room);
    http_scene_clear(&scene);
}

static void test_start_waits_for_recording(void)
{
    HttpScene scene = http_scene_new();
    HttpCall *call = http_scene_begin(&scene, "POST", START, "{\"mint_id\": \"a\"}");
    http_scene_run_until(somebody_watches, scene.service);
    g_assert_false(http_call_is_done(call));
    set_state(&scene, RECORDING_RECORDING);
    fake_service_call(scene.service);
    g_autofree char *answer = http_call_finish(call);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_true(json_object_get_boolean_member(body, "success"));
    g_assert_cmpstr(json_object_get_string_member(body, "state"), ==, "recording");
    g_assert_cmpstr(json_object_get_string_member(body, "output_path"), ==, "/srv/a.webm");
    g_assert_cmpstr(json_object_get_string_member(body, "started_at"), ==,
                    "2026-01-02T15:04:05.000Z");
    http_scene_clear(&scene);
}

static void test_start_tells_the_state_reached(void)
{
    HttpScene scene = http_scene_new();
    HttpCall *call = http_scene_begin(&scene, "POST", START, "{\"mint_id\": \"a\"}");
    http_scene_run_until(somebody_watches, scene.service);
    set_state(&scene, RECORDING_SUBSCRIBING);
    fake_service_call(scene.service);
    g_autofree char *answer = http_call_finish(call);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_cmpstr(json_object_get_string_member(body, "state"), ==, "subscribing");
    http_scene_clear(&scene);
}

static void test_start_that_fails_later(void)
{
    HttpScene scene = http_scene_new();
    HttpCall *call = http_scene_begin(&scene, "POST", START, "{\"mint_id\": \"a\"}");
    http_scene_run_until(somebody_watches, scene.service);
    set_state(&scene, RECORDING_STOPPED);
    outcome_set(&scene.service->active->outcome, OUTCOME_FAILED, CODE_NO_SUCH_ROOM,
                "There is no room \"a\".");
    fake_service_call(scene.service);
    g_autofree char *answer = http_call_finish(call);
    http_assert_error(answer, 404, "no_such_room", "There is no room");
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_cmpstr(json_object_get_string_member(body, "mint_id"), ==, "a");
    g_assert_cmpstr(json_object_get_string_member(body, "state"), ==, "stopped");
    http_scene_clear(&scene);
}

/* Every code that the service can refuse with comes out with its status. */
static void test_start_that_is_refused(void)
{
    HttpScene scene = http_scene_new();
    for (OutcomeCode code = CODE_NONE + 1; code < CODE_COUNT; code++) {
        outcome_set(&scene.service->refusal, OUTCOME_FAILED, code, "Because \xff of %d.", code);
        g_autofree char *answer = http_scene_call(&scene, "POST", START, "{\"mint_id\": \"a\"}");
        http_assert_error(answer, (unsigned)outcome_code_http_status(code), outcome_code_name(code),
                          "Because");
    }
    http_scene_clear(&scene);
}

static void test_draining_refuses_starts(void)
{
    HttpScene scene = http_scene_new();
    http_api_drain(scene.api);
    g_autofree char *answer = http_scene_call(&scene, "POST", START, "{\"mint_id\": \"a\"}");
    http_assert_error(answer, 503, "no_capacity", "ending");
    g_assert_null(scene.service->request);
    http_scene_clear(&scene);
}

static void test_hanging_up_stops_nothing(void)
{
    HttpScene scene = http_scene_new();
    HttpCall *call = http_scene_begin(&scene, "POST", START, "{\"mint_id\": \"a\"}");
    http_scene_run_until(somebody_watches, scene.service);
    http_call_hang_up(call);
    set_state(&scene, RECORDING_RECORDING);
    fake_service_call(scene.service); /* answers into a closed connection */
    g_autofree char *answer = http_scene_call(&scene, "GET", "/api/recording/status/a", NULL);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    g_assert_cmpuint(scene.service->stops, ==, 0);
    http_scene_clear(&scene);
}

static void assert_soon_served(HttpScene *scene)
{
    const int64_t deadline_ns = clock_monotonic_ns() + 5 * NS_PER_SECOND;
    unsigned status = 0;
    while (status != 200) {
        g_autofree char *answer = http_scene_call(scene, "GET", "/healthz", NULL);
        status = http_answer_status(answer);
        g_assert_cmpint(clock_monotonic_ns(), <, deadline_ns);
    }
}

/* A caller who is gone has no part in the limits, however long the start or stop takes. */
static void test_hanging_up_gives_the_place_back(void)
{
    static const char *const paths[] = {START, STOP};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        HttpScene scene = http_scene_new_with("api.max_connections=1 api.request_rate=0");
        fake_service_activate(scene.service, "a", RECORDING_RECORDING);
        HttpCall *call = http_scene_begin(&scene, "POST", paths[i], "{\"mint_id\": \"a\"}");
        http_scene_run_until(somebody_watches, scene.service);
        http_call_hang_up(call);
        assert_soon_served(&scene);
        g_assert_true(nobody_watches(scene.service));
        g_assert_cmpuint(scene.service->stops, ==, i);
        http_scene_clear(&scene);
    }
}

/* Who only ends its sending cannot be told from who hangs up, and may still read. */
static void test_ending_the_sending(void)
{
    HttpScene scene = http_scene_new();
    HttpCall *call = http_scene_begin(&scene, "POST", START, "{\"mint_id\": \"a\"}");
    http_call_end_sending(call);
    g_autofree char *answer = http_call_finish(call);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_cmpstr(json_object_get_string_member(body, "mint_id"), ==, "a");
    g_assert_true(nobody_watches(scene.service));
    http_scene_clear(&scene);
}

static void test_ending_lets_go_of_waiting_callers(void)
{
    HttpScene scene = http_scene_new();
    HttpCall *call = http_scene_begin(&scene, "POST", START, "{\"mint_id\": \"a\"}");
    http_scene_run_until(somebody_watches, scene.service);
    http_api_free(scene.api);
    scene.api = NULL;
    g_assert_true(nobody_watches(scene.service));
    g_autofree char *answer = http_call_finish(call);
    g_assert_cmpstr(answer, ==, "");
    http_scene_clear(&scene);
}

static void test_ending_sends_what_was_answered(void)
{
    HttpScene scene = http_scene_new();
    HttpCall *call = http_scene_begin(&scene, "POST", START, "{\"mint_id\": \"a\"}");
    http_scene_run_until(somebody_watches, scene.service);
    set_state(&scene, RECORDING_RECORDING);
    fake_service_call(scene.service);
    http_api_free(scene.api);
    scene.api = NULL;
    g_autofree char *answer = http_call_finish(call);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    http_scene_clear(&scene);
}

static char *stop_with_outcome(HttpScene *scene, OutcomeKind kind, OutcomeCode code)
{
    set_state(scene, RECORDING_RECORDING);
    HttpCall *call = http_scene_begin(scene, "POST", STOP, "{\"mint_id\": \"a\"}");
    http_scene_run_until(somebody_watches, scene->service);
    g_assert_false(http_call_is_done(call));
    set_state(scene, RECORDING_STOPPED);
    scene->service->active->end_reason = END_STOPPED;
    outcome_set(&scene->service->active->outcome, kind, code, "A sentence.");
    fake_service_call(scene->service);
    return http_call_finish(call);
}

static void test_stop(void)
{
    HttpScene scene = http_scene_new();
    g_autofree char *answer = stop_with_outcome(&scene, OUTCOME_COMPLETE, CODE_NONE);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_true(json_object_get_boolean_member(body, "success"));
    g_assert_cmpstr(json_object_get_string_member(body, "output_path"), ==, "/srv/a.webm");
    g_assert_cmpstr(json_object_get_string_member(body, "outcome"), ==, "complete");
    g_assert_cmpstr(json_object_get_string_member(body, "end_reason"), ==, "stopped");
    JsonObject *stats = json_object_get_object_member(body, "stats");
    g_assert_cmpint(json_object_get_int_member(stats, "video_frames"), ==, 42);
    g_assert_false(json_object_has_member(body, "error"));
    g_assert_cmpuint(scene.service->stops, ==, 1);
    http_scene_clear(&scene);
}

static void test_stop_that_is_partial(void)
{
    HttpScene scene = http_scene_new();
    g_autofree char *answer = stop_with_outcome(&scene, OUTCOME_PARTIAL, CODE_STALLED);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_true(json_object_get_boolean_member(body, "success"));
    g_assert_cmpstr(json_object_get_string_member(body, "code"), ==, "stalled");
    g_assert_cmpstr(json_object_get_string_member(body, "error"), ==, "A sentence.");
    http_scene_clear(&scene);
}

static void test_stop_without_a_file(void)
{
    HttpScene scene = http_scene_new();
    g_autofree char *answer = stop_with_outcome(&scene, OUTCOME_FAILED, CODE_CANCELLED);
    http_assert_error(answer, 503, "cancelled", "A sentence.");
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_cmpstr(json_object_get_string_member(body, "outcome"), ==, "failed");
    g_assert_true(json_object_has_member(body, "stats"));
    http_scene_clear(&scene);
}

/* The watch is called with nothing when the recording was already put away. */
static void test_stop_answers_from_the_past(void)
{
    HttpScene scene = http_scene_new();
    set_state(&scene, RECORDING_RECORDING);
    HttpCall *call = http_scene_begin(&scene, "POST", STOP, "{\"mint_id\": \"a\"}");
    http_scene_run_until(somebody_watches, scene.service);
    scene.service->active->state = RECORDING_STOPPED;
    scene.service->active->outcome.kind = OUTCOME_COMPLETE;
    scene.service->finished = status_json(scene.service->active);
    scene.service->finished_id = "a";
    g_clear_pointer(&scene.service->active, recording_status_free);
    fake_service_call(scene.service);
    g_autofree char *answer = http_call_finish(call);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);

    g_autofree char *again = http_scene_call(&scene, "POST", STOP, "{\"mint_id\": \"a\"}");
    g_assert_cmpstr(http_answer_body(again), ==, http_answer_body(answer));

    g_autofree char *status = http_scene_call(&scene, "GET", "/api/recording/status/a", NULL);
    g_autoptr(JsonObject) body = http_answer_json(status);
    g_assert_cmpstr(json_object_get_string_member(body, "state"), ==, "stopped");

    g_autofree char *unknown = http_scene_call(&scene, "POST", STOP, "{\"mint_id\": \"b\"}");
    http_assert_error(unknown, 404, "not_found", "No active recording \"b\"");
    http_scene_clear(&scene);
}

static void test_discard(void)
{
    HttpScene scene = http_scene_new();
    set_state(&scene, RECORDING_RECORDING);
    HttpCall *call =
        http_scene_begin(&scene, "POST", STOP, "{\"mint_id\": \"a\", \"discard\": true}");
    http_scene_run_until(somebody_watches, scene.service);
    scene.service->active->state = RECORDING_STOPPED;
    scene.service->active->output_count = 0;
    outcome_set(&scene.service->active->outcome, OUTCOME_FAILED, CODE_CANCELLED, "As asked.");
    fake_service_call(scene.service);
    g_autofree char *answer = http_call_finish(call);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    g_autoptr(JsonObject) body = http_answer_json(answer);
    g_assert_true(json_object_get_boolean_member(body, "success"));
    g_assert_true(json_object_get_boolean_member(body, "discarded"));
    g_assert_true(json_object_get_null_member(body, "output_path"));
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(body, "outputs")), ==, 0);
    g_assert_cmpstr(json_object_get_string_member(body, "outcome"), ==, "failed");
    g_assert_cmpstr(json_object_get_string_member(body, "code"), ==, "cancelled");
    g_assert_cmpstr(json_object_get_string_member(body, "error"), ==, "As asked.");
    http_scene_clear(&scene);
}

static void test_pause_and_resume(void)
{
    static const struct {
        const char *path, *fields;
        bool paused, holds;
    } steps[] = {
        {PAUSE, "", true, false},
        {PAUSE, ", \"hold\": true", true, true},
        {PAUSE, ", \"hold\": null", true, false},
        {RESUME, "", false, false},
    };
    HttpScene scene = http_scene_new();
    set_state(&scene, RECORDING_RECORDING);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autofree char *text = g_strdup_printf("{\"mint_id\": \"a\"%s}", steps[i].fields);
        g_autofree char *answer = http_scene_call(&scene, "POST", steps[i].path, text);
        g_assert_cmpuint(http_answer_status(answer), ==, 200);
        g_autoptr(JsonObject) body = http_answer_json(answer);
        g_assert_true(json_object_get_boolean_member(body, "success"));
        g_assert_cmpstr(json_object_get_string_member(body, "mint_id"), ==, "a");
        g_assert_cmpstr(json_object_get_string_member(body, "state"), ==, "recording");
        g_assert_true(json_object_get_boolean_member(body, "paused") == steps[i].paused);
        g_assert_true(json_object_has_member(body, "paused_time"));
        g_assert_true(json_object_has_member(body, "stats"));
        g_assert_true(scene.service->holds == steps[i].holds);
    }
    http_scene_clear(&scene);
}

static void test_commands_that_are_refused(void)
{
    static const struct {
        const char *path, *fields, *known;
    } rows[] = {
        {PAUSE, "", "mint_id, hold."},
        {RESUME, "", "mint_id."},
        {STOP, ", \"discard\": true", "mint_id, discard."},
    };
    HttpScene scene = http_scene_new();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf("{\"mint_id\": \"a\"%s}", rows[i].fields);
        outcome_set(&scene.service->refusal, OUTCOME_FAILED, CODE_WRONG_STATE, "It has ended.");
        g_autofree char *ended = http_scene_call(&scene, "POST", rows[i].path, text);
        http_assert_error(ended, 409, "wrong_state", "It has ended.");
        outcome_set(&scene.service->refusal, OUTCOME_FAILED, CODE_NOT_FOUND, "Nobody knows it.");
        g_autofree char *unknown = http_scene_call(&scene, "POST", rows[i].path, text);
        http_assert_error(unknown, 404, "not_found", "Nobody knows it.");
        g_autofree char *bad =
            http_scene_call(&scene, "POST", rows[i].path, "{\"mint_id\": \"a\", \"x\": 1}");
        http_assert_error(bad, 400, "bad_request", rows[i].known);
    }
    http_scene_clear(&scene);
}

static void test_status_of_any_name(void)
{
    static const struct {
        const char *mint_id, *path;
    } rows[] = {
        {"plain", "plain"},     {"a b", "a%20b"},   {"../x", "..%2Fx"},
        {"a/b", "a/b"},         {"100%", "100%25"}, {"caf\xc3\xa9", "caf%C3%A9"},
        {"a?b#c", "a%3Fb%23c"}, {"a+b", "a+b"},     {"status", "status"},
    };
    HttpScene scene = http_scene_new();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strconcat("/api/recording/status/", rows[i].path, NULL);
        fake_service_activate(scene.service, rows[i].mint_id, RECORDING_RECORDING);
        g_autofree char *answer = http_scene_call(&scene, "GET", path, NULL);
        g_assert_cmpuint(http_answer_status(answer), ==, 200);
        g_autoptr(JsonObject) body = http_answer_json(answer);
        g_assert_cmpstr(json_object_get_string_member(body, "mint_id"), ==, rows[i].mint_id);
    }
    http_scene_clear(&scene);
}

static void test_active(void)
{
    HttpScene scene = http_scene_new();
    g_autofree char *none = http_scene_call(&scene, "GET", "/api/recording/active", NULL);
    g_assert_cmpstr(http_answer_body(none), ==, "{\"success\":true,\"recordings\":{}}\n");
    set_state(&scene, RECORDING_RECORDING);
    g_autofree char *one = http_scene_call(&scene, "GET", "/api/recording/active", NULL);
    g_autoptr(JsonObject) body = http_answer_json(one);
    JsonObject *recordings = json_object_get_object_member(body, "recordings");
    JsonObject *recording = json_object_get_object_member(recordings, "a");
    g_assert_cmpstr(json_object_get_string_member(recording, "state"), ==, "recording");
    g_assert_true(json_object_has_member(recording, "checklist"));
    http_scene_clear(&scene);
}

void http_recording_test_add(void)
{
    g_test_add_func("/http-recording/start-without-waiting", test_start_without_waiting);
    g_test_add_func("/http-recording/start-waits", test_start_waits_for_recording);
    g_test_add_func("/http-recording/start-tells-the-state", test_start_tells_the_state_reached);
    g_test_add_func("/http-recording/start-that-fails-later", test_start_that_fails_later);
    g_test_add_func("/http-recording/start-that-is-refused", test_start_that_is_refused);
    g_test_add_func("/http-recording/draining", test_draining_refuses_starts);
    g_test_add_func("/http-recording/hanging-up", test_hanging_up_stops_nothing);
    g_test_add_func("/http-recording/hanging-up/place", test_hanging_up_gives_the_place_back);
    g_test_add_func("/http-recording/ending-the-sending", test_ending_the_sending);
    g_test_add_func("/http-recording/ending-with-waiters", test_ending_lets_go_of_waiting_callers);
    g_test_add_func("/http-recording/ending-with-answers", test_ending_sends_what_was_answered);
    g_test_add_func("/http-recording/stop", test_stop);
    g_test_add_func("/http-recording/stop-partial", test_stop_that_is_partial);
    g_test_add_func("/http-recording/stop-without-a-file", test_stop_without_a_file);
    g_test_add_func("/http-recording/stop-from-the-past", test_stop_answers_from_the_past);
    g_test_add_func("/http-recording/discard", test_discard);
    g_test_add_func("/http-recording/pause-and-resume", test_pause_and_resume);
    g_test_add_func("/http-recording/commands-refused", test_commands_that_are_refused);
    g_test_add_func("/http-recording/status-of-any-name", test_status_of_any_name);
    g_test_add_func("/http-recording/active", test_active);
}
