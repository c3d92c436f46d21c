#include "api/recording_routes.h"

#include <string.h>

#include "api/answer.h"
#include "api/http_connection.h"
#include "api/start_request.h"
#include "base/text.h"
#include "store/status_json.h"

static const char *const start_members[] = {"mint_id",    "output_path", "outputs", "state",
                                            "started_at", "outcome",     NULL};
static const char *const stop_members[] = {"mint_id",  "output_path",  "outputs",   "stats",
                                           "outcome",  "end_reason",   "state",     "started_at",
                                           "ended_at", "file_size_mb", "discarded", NULL};
static const char *const pause_members[] = {"mint_id",     "state", "paused",
                                            "paused_time", "stats", NULL};

struct RecordingRoutes {
    WebRTCRecordingService *service;
    const Config *config;
    const Gate *gate;
    GPtrArray *waiters; /* of Waiter* */
};

/* A caller that waits for its recording to run or to end. */
typedef struct {
    RecordingRoutes *routes;
    SoupServerMessage *message;
    GCancellable *hang_up;
    char *mint_id;
    unsigned watch; /* 0 when it was called */
    const char *const *members;
} Waiter;

/* ---- what a status becomes ---- */

static const char *get_text(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    const bool is_text = node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                         json_node_get_value_type(node) == G_TYPE_STRING;
    return is_text ? json_node_get_string(node) : NULL;
}

static void copy_member(JsonObject *from, JsonObject *to, const char *name)
{
    JsonNode *node = json_object_get_member(from, name);
    if (node != NULL)
        json_object_set_member(to, name, json_node_copy(node));
    else
        json_object_set_null_member(to, name);
}

/* What went wrong, also where the recording is partial. */
static void copy_error(JsonObject *status, JsonObject *to)
{
    const char *code = get_text(status, "code");
    const char *error = get_text(status, "error");
    if (code == NULL)
        return;
    json_object_set_string_member(to, "code", code);
    json_object_set_string_member(to, "error", error != NULL ? error : code);
    json_object_set_string_member(to, "detail", error != NULL ? error : code);
}

/* A stop that says 404 is one of an id that nobody knows. */
static unsigned failed_status(OutcomeCode code, const char *const *members)
{
    const int status = code != CODE_NONE ? outcome_code_http_status(code) : 503;
    return members == stop_members && status == 404 ? 503 : (unsigned)status;
}

/* What was to be discarded has not failed. */
static bool is_discarded(JsonObject *status, const char *const *members)
{
    return members == stop_members &&
           json_object_get_boolean_member_with_default(status, "discarded", FALSE);
}

/* Takes some members of a status; one that failed is an error with its code's HTTP status. */
static void answer_status(SoupServerMessage *message, JsonObject *status,
                          const char *const *members)
{
    const bool has_failed =
        g_strcmp0(get_text(status, "outcome"), outcome_kind_name(OUTCOME_FAILED)) == 0 &&
        !is_discarded(status, members);
    const OutcomeCode code = outcome_code_from_name(get_text(status, "code"));
    JsonObject *body = json_object_new();
    json_object_set_boolean_member(body, "success", !has_failed);
    for (; *members != NULL; members++)
        copy_member(status, body, *members);
    copy_error(status, body);
    answer_json(message, has_failed ? failed_status(code, members) : 200, body);
}

static void answer_unknown(SoupServerMessage *message, const char *mint_id)
{
    char printable[120];
    text_printable(mint_id, strlen(mint_id), printable, sizeof printable);
    g_autofree char *sentence =
        g_strdup_printf("No active recording \"%s\", and none that has ended.", printable);
    answer_error(message, 404, CODE_NOT_FOUND, sentence);
}

/* The status of an active or a finished recording; NULL when there is neither. */
static JsonObject *find_status(WebRTCRecordingService *service, const char *mint_id)
{
    RecordingStatus *status = recording_service_status(service, mint_id);
    if (status == NULL)
        return recording_service_finished(service, mint_id);
    JsonObject *object = status_json(status);
    recording_status_free(status);
    return object;
}

static void answer_found(WebRTCRecordingService *service, SoupServerMessage *message,
                         const char *mint_id, const char *const *members)
{
    g_autoptr(JsonObject) status = find_status(service, mint_id);
    if (status != NULL)
        answer_status(message, status, members);
    else
        answer_unknown(message, mint_id);
}

/* ---- waiting ---- */

static void on_watch(void *owner, const RecordingStatus *status)
{
    Waiter *waiter = owner;
    waiter->watch = 0;
    if (status != NULL) {
        g_autoptr(JsonObject) object = status_json(status);
        answer_status(waiter->message, object, waiter->members);
    } else {
        answer_found(waiter->routes->service, waiter->message, waiter->mint_id, waiter->members);
    }
    soup_server_message_unpause(waiter->message);
}

static void on_hang_up(GCancellable *hang_up, gpointer data)
{
    Waiter *waiter = data;
    (void)hang_up;
    if (waiter->watch == 0)
        return;
    recording_service_unwatch(waiter->routes->service, waiter->watch);
    on_watch(waiter, NULL);
}

/* The answer is out. */
static void on_finished(SoupServerMessage *message, gpointer data)
{
    Waiter *waiter = data;
    g_ptr_array_remove_fast(waiter->routes->waiters, waiter);
    (void)message;
}

static void waiter_free(gpointer data)
{
    Waiter *waiter = data;
    if (waiter->watch != 0)
        recording_service_unwatch(waiter->routes->service, waiter->watch);
    g_signal_handlers_disconnect_by_data(waiter->message, waiter);
    g_signal_handlers_disconnect_by_data(waiter->hang_up, waiter);
    g_object_unref(waiter->message);
    g_object_unref(waiter->hang_up);
    g_free(waiter->mint_id);
    g_free(waiter);
}

typedef unsigned (*WatchFn)(WebRTCRecordingService *service, const char *mint_id,
                            RecordingWatchFn fn, void *owner);

static void wait_for(RecordingRoutes *routes, SoupServerMessage *message, const char *mint_id,
                     WatchFn watch, const char *const *members)
{
    GCancellable *hang_up =
        http_connection_hang_up(soup_server_message_get_remote_address(message));
    if (g_cancellable_is_cancelled(hang_up)) {
        answer_found(routes->service, message, mint_id, members);
        return;
    }
    Waiter *waiter = g_new0(Waiter, 1);
    waiter->routes = routes;
    waiter->message = g_object_ref(message);
    waiter->hang_up = g_object_ref(hang_up);
    waiter->mint_id = g_strdup(mint_id);
    waiter->members = members;
    g_ptr_array_add(routes->waiters, waiter);
    g_signal_connect(message, "finished", G_CALLBACK(on_finished), waiter);
    g_signal_connect(hang_up, "cancelled", G_CALLBACK(on_hang_up), waiter);
    waiter->watch = watch(routes->service, mint_id, on_watch, waiter);
    if (waiter->watch != 0)
        soup_server_message_pause(message);
    else
        answer_found(routes->service, message, mint_id, members);
}

/* ---- the routes ---- */

RecordingRoutes *recording_routes_new(WebRTCRecordingService *service, const Config *config,
                                      const Gate *gate)
{
    RecordingRoutes *routes = g_new0(RecordingRoutes, 1);
    routes->service = service;
    routes->config = config;
    routes->gate = gate;
    routes->waiters = g_ptr_array_new_with_free_func(waiter_free);
    return routes;
}

void recording_routes_free(RecordingRoutes *routes)
{
    if (routes == NULL)
        return;
    g_ptr_array_unref(routes->waiters);
    g_free(routes);
}

/* Whether the caller may reach the recording of that id; one that nobody knows is everybody's. */
static bool may_reach(const RecordingRoutes *routes, const Caller *caller, const char *mint_id,
                      Refusal *refusal)
{
    if (caller->room == NULL)
        return true;
    g_autoptr(JsonObject) status = find_status(routes->service, mint_id);
    const char *room = status != NULL ? get_text(status, "room") : NULL;
    return status == NULL || caller_may(caller, room != NULL ? room : "", refusal);
}

/* As may_reach(), with the answer given. */
static bool check_reach(const RecordingRoutes *routes, SoupServerMessage *message,
                        const Caller *caller, const char *mint_id)
{
    Refusal refusal = {.status = 0};
    if (may_reach(routes, caller, mint_id, &refusal))
        return true;
    answer_refusal(message, &refusal);
    return false;
}

/* A caller who is bound to a room starts recordings of that one; a token in the request has to be
 * for it, which the service compares with the request's room. */
static bool check_start(const RecordingRoutes *routes, const Caller *caller,
                        RecordingRequest *request, Refusal *refusal)
{
    if (!gate_check_url(routes->gate, caller, request->url, refusal))
        return false;
    if (caller->room == NULL)
        return true;
    if (request->room == NULL)
        request->room = g_strdup(request->token != NULL ? caller->room : request->mint_id);
    return caller_may(caller, request->room, refusal) &&
           may_reach(routes, caller, request->mint_id, refusal);
}

void recording_routes_start(RecordingRoutes *routes, SoupServerMessage *message,
                            const Caller *caller, JsonObject *body)
{
    g_autoptr(RecordingRequest) request = recording_request_new();
    Refusal denial = {.status = 0};
    Outcome refusal;
    bool wait;
    request->format = routes->config->format;
    request->quality = routes->config->quality;
    if (!start_request_read(body, routes->config->encodings, request, &wait, &refusal)) {
        answer_outcome(message, &refusal);
        return;
    }
    if (!check_start(routes, caller, request, &denial)) {
        answer_refusal(message, &denial);
        return;
    }
    const char *mint_id = recording_service_start(routes->service, request, &refusal);
    if (mint_id == NULL)
        answer_outcome(message, &refusal);
    else if (wait)
        wait_for(routes, message, mint_id, recording_service_watch_start, start_members);
    else
        answer_found(routes->service, message, mint_id, start_members);
}

static void stop(RecordingRoutes *routes, SoupServerMessage *message, const char *mint_id,
                 bool discards)
{
    Outcome refusal;
    if (discards && !recording_service_discard(routes->service, mint_id, &refusal))
        answer_outcome(message, &refusal);
    else if (recording_service_stop(routes->service, mint_id))
        wait_for(routes, message, mint_id, recording_service_watch_stop, stop_members);
    else
        answer_found(routes->service, message, mint_id, stop_members);
}

void recording_routes_stop(RecordingRoutes *routes, SoupServerMessage *message,
                           const Caller *caller, JsonObject *body)
{
    Outcome refusal;
    bool discards;
    g_autofree char *mint_id = stop_request_read(body, &discards, &refusal);
    if (mint_id == NULL)
        answer_outcome(message, &refusal);
    else if (check_reach(routes, message, caller, mint_id))
        stop(routes, message, mint_id, discards);
}

void recording_routes_pause(RecordingRoutes *routes, SoupServerMessage *message,
                            const Caller *caller, JsonObject *body)
{
    Outcome refusal;
    bool holds;
    g_autofree char *mint_id = pause_request_read(body, &holds, &refusal);
    if (mint_id != NULL && !check_reach(routes, message, caller, mint_id))
        return;
    if (mint_id == NULL || !recording_service_pause(routes->service, mint_id, holds, &refusal))
        answer_outcome(message, &refusal);
    else
        answer_found(routes->service, message, mint_id, pause_members);
}

void recording_routes_resume(RecordingRoutes *routes, SoupServerMessage *message,
                             const Caller *caller, JsonObject *body)
{
    Outcome refusal;
    g_autofree char *mint_id = resume_request_read(body, &refusal);
    if (mint_id != NULL && !check_reach(routes, message, caller, mint_id))
        return;
    if (mint_id == NULL || !recording_service_resume(routes->service, mint_id, &refusal))
        answer_outcome(message, &refusal);
    else
        answer_found(routes->service, message, mint_id, pause_members);
}

void recording_routes_status(RecordingRoutes *routes, SoupServerMessage *message,
                             const Caller *caller, const char *mint_id)
{
    if (!check_reach(routes, message, caller, mint_id))
        return;
    JsonObject *status = find_status(routes->service, mint_id);
    if (status == NULL) {
        answer_unknown(message, mint_id);
        return;
    }
    json_object_set_boolean_member(status, "success", TRUE);
    answer_json(message, 200, status);
}

typedef struct {
    const Caller *caller;
    JsonObject *recordings;
} Listing;

static void add_recording(void *owner, const RecordingStatus *status)
{
    const Listing *listing = owner;
    if (listing->caller->room != NULL && strcmp(listing->caller->room, status->room) != 0)
        return;
    g_autofree char *mint_id = g_utf8_make_valid(status->mint_id, -1);
    json_object_set_object_member(listing->recordings, mint_id, status_json(status));
}

void recording_routes_active(RecordingRoutes *routes, SoupServerMessage *message,
                             const Caller *caller)
{
    Listing listing = {.caller = caller, .recordings = json_object_new()};
    recording_service_foreach(routes->service, add_recording, &listing);
    JsonObject *body = json_object_new();
    json_object_set_boolean_member(body, "success", TRUE);
    json_object_set_object_member(body, "recordings", listing.recordings);
    answer_json(message, 200, body);
}
