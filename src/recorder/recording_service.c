#include "recorder/recording_service.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "recorder/machine_limits.h"
#include "recorder/recovery.h"
#include "recorder/service_tick.h"
#include "recorder/watch_list.h"
#include "recorder/webrtc_recorder.h"
#include "store/catalog.h"
#include "store/status_json.h"
#include "transport/mailbox_source.h"
#include "transport/sctp_stack.h"

#define STILL_NS (1500 * NS_PER_MS)
#define MEMORY_MAX 1000 /* finished recordings that are remembered without a catalog */
#define NET_THREADS_MAX 16
#define SINK_THREADS_MAX 8

struct WebRTCRecordingService {
    const Config *config;
    Mailbox *mailbox;
    GSource *mailbox_source;
    ServiceTick *tick;
    int64_t ticked_ns;
    MemoryReturn memory_return;
    NetThread *net_threads[NET_THREADS_MAX];
    unsigned net_thread_count, next_net_thread;
    SinkPool *sink_pool;
    EncodeSlots encode_slots;
    GHashTable *active; /* mint_id -> WebRTCRecorder* */
    GPtrArray *stopped; /* of WebRTCRecorder*, to be freed at the next tick */
    WatchList *watches;
    Catalog *catalog;   /* or NULL */
    Recovery *recovery; /* with a catalog */
    GHashTable *memory; /* those that no sidecar tells of: mint_id -> JsonObject* */
    uint64_t results[CODE_COUNT];
    void (*all_stopped)(void *owner);
    void *all_stopped_owner;
};

/* ---- watches ---- */

unsigned recording_service_watch_start(WebRTCRecordingService *service, const char *mint_id,
                                       RecordingWatchFn fn, void *owner)
{
    return watch_list_add(service->watches, mint_id, WATCH_START, fn, owner);
}

unsigned recording_service_watch_stop(WebRTCRecordingService *service, const char *mint_id,
                                      RecordingWatchFn fn, void *owner)
{
    return watch_list_add(service->watches, mint_id, WATCH_STOP, fn, owner);
}

void recording_service_unwatch(WebRTCRecordingService *service, unsigned id)
{
    watch_list_remove(service->watches, id);
}

/* ---- the recorders report ---- */

static void remember(WebRTCRecordingService *service, WebRTCRecorder *recorder)
{
    RecordingStatus *status = webrtc_recorder_status(recorder);
    service->results[status->outcome.code]++;
    const bool is_on_disk = service->catalog && !webrtc_recorder_lacks_sidecar(recorder);
    if (!is_on_disk && !status->discarded && g_hash_table_size(service->memory) < MEMORY_MAX)
        g_hash_table_replace(service->memory, g_strdup(status->mint_id), status_json(status));
    recording_status_free(status);
}

static void call_watches_later(void *owner, void *message)
{
    (void)message;
    watch_list_call(((WebRTCRecordingService *)owner)->watches);
}

static void on_state_changed(void *owner, WebRTCRecorder *recorder, RecordingState state)
{
    WebRTCRecordingService *service = owner;
    service_tick_hurry(service->tick);
    if (state == RECORDING_STOPPED)
        remember(service, recorder);
    if (state == RECORDING_RECORDING || state == RECORDING_STOPPED)
        mailbox_post(service->mailbox, call_watches_later, service, NULL);
}

static void on_unsteady(void *owner)
{
    service_tick_hurry(((WebRTCRecordingService *)owner)->tick);
}

static void on_sidecar_closed(void *owner, const char *path)
{
    WebRTCRecordingService *service = owner;
    if (service->catalog)
        catalog_add(service->catalog, path);
}

static void collect_stopped(WebRTCRecordingService *service)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, service->active);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        WebRTCRecorder *recorder = value;
        if (webrtc_recorder_state(recorder) != RECORDING_STOPPED)
            continue;
        g_hash_table_iter_steal(&iterator);
        g_ptr_array_add(service->stopped, recorder);
    }
    service->memory_return.is_wanted |= service->stopped->len > 0;
    g_ptr_array_set_size(service->stopped, 0);
}

static void tell_all_stopped(WebRTCRecordingService *service)
{
    if (!service->all_stopped || g_hash_table_size(service->active) > 0)
        return;
    void (*const all_stopped)(void *owner) = service->all_stopped;
    service->all_stopped = NULL;
    all_stopped(service->all_stopped_owner);
}

/* What came meanwhile is to be read before anybody looks at deadlines. */
static bool stood_still(WebRTCRecordingService *service, int64_t now_ns)
{
    const int64_t still_ns = now_ns - service->ticked_ns;
    const bool is_late = service->ticked_ns > 0 && still_ns > STILL_NS;
    GHashTableIter iterator;
    gpointer value;
    service->ticked_ns = now_ns;
    g_hash_table_iter_init(&iterator, service->active);
    while (is_late && g_hash_table_iter_next(&iterator, NULL, &value))
        webrtc_recorder_stood_still(value, still_ns);
    return is_late;
}

static void on_tick(void *owner)
{
    WebRTCRecordingService *service = owner;
    GHashTableIter iterator;
    gpointer value;
    bool are_steady = true;
    mailbox_drain(service->mailbox); /* what was left there */
    const int64_t now_ns = clock_monotonic_ns();
    if (stood_still(service, now_ns))
        return;
    g_hash_table_iter_init(&iterator, service->active);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        webrtc_recorder_tick(value, now_ns);
        are_steady &= webrtc_recorder_is_steady(value);
    }
    watch_list_call(service->watches);
    collect_stopped(service);
    machine_return_memory(&service->memory_return, now_ns);
    service_tick_set(service->tick, g_hash_table_size(service->active), are_steady);
    tell_all_stopped(service);
}

/* ---- life ---- */

static void open_catalog(WebRTCRecordingService *service)
{
    const Config *config = service->config;
    service->catalog = catalog_new(config->output_dir);
    service->recovery = recovery_new(&(RecoveryConfig){.catalog = service->catalog,
                                                       .sink_pool = service->sink_pool,
                                                       .mailbox = service->mailbox,
                                                       .max_bytes = config->finalize_max_bytes});
}

/* False when the system gives no more threads or descriptors. */
static bool start_threads(WebRTCRecordingService *service)
{
    const unsigned cores = machine_cores();
    const unsigned wanted = service->config->net_threads;
    const unsigned nets = CLAMP(wanted > 0 ? wanted : cores, 1, NET_THREADS_MAX);
    for (unsigned i = 0; i < nets; i++) {
        char name[16];
        g_snprintf(name, sizeof name, "net-%u", i);
        service->net_threads[i] = net_thread_new(name);
        if (!service->net_threads[i])
            return false;
        service->net_thread_count++;
    }
    service->encode_slots.max =
        service->config->max_encodes > 0 ? service->config->max_encodes : cores;
    const unsigned sinks = service->config->sink_threads;
    service->sink_pool = sink_pool_new(CLAMP(sinks > 0 ? sinks : cores, 1, SINK_THREADS_MAX));
    return service->sink_pool && sctp_stack_thread();
}

WebRTCRecordingService *recording_service_new(const Config *config, bool use_catalog,
                                              Outcome *ret_refusal)
{
    WebRTCRecordingService *service = g_new0(WebRTCRecordingService, 1);
    service->config = config;
    service->active =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)webrtc_recorder_free);
    service->stopped = g_ptr_array_new_with_free_func((GDestroyNotify)webrtc_recorder_free);
    service->watches =
        watch_list_new(service->active, config->connection_ns + config->subscription_ns);
    service->memory =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_object_unref);
    service->mailbox = mailbox_new();
    if (!service->mailbox || !start_threads(service)) {
        recording_service_free(service);
        outcome_set(ret_refusal, OUTCOME_FAILED, CODE_NO_CAPACITY,
                    "The system gives no further threads or descriptors; raise its limits "
                    "(TasksMax and LimitNOFILE, ulimit -u and -n).");
        return NULL;
    }
    service->mailbox_source =
        mailbox_source_attach(service->mailbox, g_main_context_get_thread_default());
    if (use_catalog)
        open_catalog(service);
    service->tick = service_tick_new(on_tick, service);
    return service;
}

void recording_service_free(WebRTCRecordingService *service)
{
    if (!service)
        return;
    watch_list_free(service->watches);
    g_ptr_array_unref(service->stopped);
    g_hash_table_unref(service->active);
    service_tick_free(service->tick);
    for (unsigned i = 0; i < service->net_thread_count; i++)
        net_thread_free(service->net_threads[i]);
    sink_pool_free(service->sink_pool);
    recovery_free(service->recovery);
    if (service->mailbox_source)
        g_source_destroy(service->mailbox_source);
    g_clear_pointer(&service->mailbox_source, g_source_unref);
    mailbox_free(service->mailbox);
    catalog_free(service->catalog);
    g_hash_table_unref(service->memory);
    g_free(service);
}

unsigned recording_service_recovered(const WebRTCRecordingService *service)
{
    return service->recovery ? recovery_found(service->recovery) : 0;
}

/* ---- starting ---- */

/* They have not taken yet what they will need. */
static unsigned count_starting(const WebRTCRecordingService *service)
{
    GHashTableIter iterator;
    gpointer value;
    unsigned count = 0;
    g_hash_table_iter_init(&iterator, service->active);
    while (g_hash_table_iter_next(&iterator, NULL, &value))
        count += webrtc_recorder_state(value) < RECORDING_RECORDING;
    return count;
}

static bool check_capacity(const WebRTCRecordingService *service, Outcome *ret_refusal)
{
    const unsigned active = g_hash_table_size(service->active);
    if (active < service->config->max_recordings)
        return machine_has_descriptors(1 + count_starting(service), ret_refusal);
    outcome_set(ret_refusal, OUTCOME_FAILED, CODE_NO_CAPACITY,
                "%u recordings run, and service.max_recordings is %u.", active,
                service->config->max_recordings);
    return false;
}

static bool check_free(WebRTCRecordingService *service, const char *mint_id, Outcome *ret_refusal)
{
    watch_list_call(service->watches);
    collect_stopped(service);
    if (!g_hash_table_contains(service->active, mint_id))
        return true;
    outcome_set(ret_refusal, OUTCOME_FAILED, CODE_ALREADY_ACTIVE,
                "A recording '%.100s' is already active; stop it first or take another mint_id.",
                mint_id);
    return false;
}

const char *recording_service_start(WebRTCRecordingService *service, const RecordingRequest *wanted,
                                    Outcome *ret_refusal)
{
    g_autoptr(RecordingRequest) request = recording_request_copy(wanted);
    recording_request_complete(request, service->config);
    request->keep_failed_sidecar = service->catalog != NULL;
    if (!recording_request_check(request, service->config, ret_refusal) ||
        !check_free(service, request->mint_id, ret_refusal) ||
        !check_capacity(service, ret_refusal))
        return NULL;
    const RecorderEnvironment environment = {
        .encode_slots = &service->encode_slots,
        .config = service->config,
        .net_thread = service->net_threads[service->next_net_thread],
        .sink_pool = service->sink_pool,
        .mailbox = service->mailbox,
    };
    service->next_net_thread = (service->next_net_thread + 1) % service->net_thread_count;
    const RecorderOut out = {
        .owner = service,
        .state_changed = on_state_changed,
        .unsteady = on_unsteady,
        .sidecar_closed = on_sidecar_closed,
    };
    WebRTCRecorder *recorder = webrtc_recorder_new(&environment, request, out);
    const char *mint_id = webrtc_recorder_mint_id(recorder);
    g_hash_table_remove(service->memory, mint_id);
    g_hash_table_insert(service->active, (char *)mint_id, recorder);
    webrtc_recorder_start(recorder);
    return mint_id;
}

/* ---- asking and stopping ---- */

bool recording_service_stop(WebRTCRecordingService *service, const char *mint_id)
{
    WebRTCRecorder *recorder = g_hash_table_lookup(service->active, mint_id);
    if (!recorder)
        return false;
    webrtc_recorder_stop(recorder, END_STOPPED);
    return true;
}

static void refuse_inactive(WebRTCRecordingService *service, const char *mint_id,
                            Outcome *ret_refusal)
{
    g_autoptr(JsonObject) finished = recording_service_finished(service, mint_id);
    if (finished)
        outcome_set(ret_refusal, OUTCOME_FAILED, CODE_WRONG_STATE,
                    "The recording '%.100s' has ended; its files are kept as they are.", mint_id);
    else
        outcome_set(ret_refusal, OUTCOME_FAILED, CODE_NOT_FOUND,
                    "No active recording '%.100s', and none that has ended.", mint_id);
}

/* NULL with a refusal. */
static WebRTCRecorder *find_running(WebRTCRecordingService *service, const char *mint_id,
                                    Outcome *ret_refusal)
{
    watch_list_call(service->watches);
    collect_stopped(service);
    WebRTCRecorder *recorder = g_hash_table_lookup(service->active, mint_id);
    if (!recorder)
        refuse_inactive(service, mint_id, ret_refusal);
    return recorder;
}

bool recording_service_discard(WebRTCRecordingService *service, const char *mint_id,
                               Outcome *ret_refusal)
{
    WebRTCRecorder *recorder = find_running(service, mint_id, ret_refusal);
    if (recorder)
        webrtc_recorder_discard(recorder);
    return recorder != NULL;
}

bool recording_service_pause(WebRTCRecordingService *service, const char *mint_id, bool holds,
                             Outcome *ret_refusal)
{
    WebRTCRecorder *recorder = find_running(service, mint_id, ret_refusal);
    return recorder && webrtc_recorder_pause(recorder, holds, ret_refusal);
}

bool recording_service_resume(WebRTCRecordingService *service, const char *mint_id,
                              Outcome *ret_refusal)
{
    WebRTCRecorder *recorder = find_running(service, mint_id, ret_refusal);
    return recorder && webrtc_recorder_resume(recorder, ret_refusal);
}

/* Nothing is known any more of one that was discarded. */
static bool is_forgotten(const WebRTCRecorder *recorder)
{
    return webrtc_recorder_is_discarded(recorder) &&
           webrtc_recorder_state(recorder) == RECORDING_STOPPED;
}

RecordingStatus *recording_service_status(WebRTCRecordingService *service, const char *mint_id)
{
    WebRTCRecorder *recorder = g_hash_table_lookup(service->active, mint_id);
    return recorder && !is_forgotten(recorder) ? webrtc_recorder_status(recorder) : NULL;
}

JsonObject *recording_service_finished(WebRTCRecordingService *service, const char *mint_id)
{
    JsonObject *known = g_hash_table_lookup(service->memory, mint_id);
    if (known || !service->catalog)
        return known ? json_object_ref(known) : NULL;
    g_autoptr(JsonNode) node = catalog_find(service->catalog, mint_id);
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_dup_object(node) : NULL;
}

void recording_service_foreach(WebRTCRecordingService *service, RecordingWatchFn visit, void *owner)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, service->active);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        RecordingStatus *status = webrtc_recorder_status(value);
        visit(owner, status);
        recording_status_free(status);
    }
}

unsigned recording_service_active_count(const WebRTCRecordingService *service)
{
    return g_hash_table_size(service->active);
}

void recording_service_stop_all(WebRTCRecordingService *service, void (*done)(void *owner),
                                void *owner)
{
    service->all_stopped = done;
    service->all_stopped_owner = owner;
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, service->active);
    while (g_hash_table_iter_next(&iterator, NULL, &value))
        webrtc_recorder_stop(value, END_STOPPED);
}

const uint64_t *recording_service_results(const WebRTCRecordingService *service)
{
    return service->results;
}
