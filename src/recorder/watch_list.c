#include "recorder/watch_list.h"

#include "base/clock.h"
#include "recorder/webrtc_recorder.h"

typedef struct {
    unsigned id;
    char *mint_id;
    WatchKind kind;
    int64_t deadline_ns;
    RecordingWatchFn fn;
    void *owner;
} Watch;

struct WatchList {
    GHashTable *active;
    int64_t patience_ns;
    GPtrArray *watches; /* of Watch* */
    unsigned last_id;
};

static void watch_free(gpointer data)
{
    Watch *watch = data;
    g_free(watch->mint_id);
    g_free(watch);
}

WatchList *watch_list_new(GHashTable *active, int64_t patience_ns)
{
    WatchList *list = g_new0(WatchList, 1);
    list->active = active;
    list->patience_ns = patience_ns;
    list->watches = g_ptr_array_new_with_free_func(watch_free);
    return list;
}

void watch_list_free(WatchList *list)
{
    if (!list)
        return;
    g_ptr_array_unref(list->watches);
    g_free(list);
}

static bool is_due(const WatchList *list, const Watch *watch, int64_t now_ns)
{
    WebRTCRecorder *recorder = g_hash_table_lookup(list->active, watch->mint_id);
    if (!recorder)
        return true;
    const RecordingState state = webrtc_recorder_state(recorder);
    if (watch->kind == WATCH_STOP)
        return state == RECORDING_STOPPED;
    return state == RECORDING_RECORDING || state == RECORDING_STOPPED ||
           now_ns >= watch->deadline_ns;
}

static Watch *take_due(WatchList *list, int64_t now_ns)
{
    for (unsigned i = 0; i < list->watches->len; i++) {
        if (is_due(list, list->watches->pdata[i], now_ns))
            return g_ptr_array_steal_index(list->watches, i);
    }
    return NULL;
}

void watch_list_call(WatchList *list)
{
    const int64_t now_ns = clock_monotonic_ns();
    for (Watch *watch; (watch = take_due(list, now_ns));) {
        WebRTCRecorder *recorder = g_hash_table_lookup(list->active, watch->mint_id);
        RecordingStatus *status = recorder ? webrtc_recorder_status(recorder) : NULL;
        watch->fn(watch->owner, status);
        recording_status_free(status);
        watch_free(watch);
    }
}

unsigned watch_list_add(WatchList *list, const char *mint_id, WatchKind kind, RecordingWatchFn fn,
                        void *owner)
{
    WebRTCRecorder *recorder = g_hash_table_lookup(list->active, mint_id);
    if (!recorder)
        return 0;
    Watch *watch = g_new0(Watch, 1);
    watch->id = ++list->last_id;
    watch->mint_id = g_strdup(mint_id);
    watch->kind = kind;
    watch->deadline_ns = webrtc_recorder_requested_ns(recorder) + list->patience_ns;
    watch->fn = fn;
    watch->owner = owner;
    g_ptr_array_add(list->watches, watch);
    return watch->id;
}

void watch_list_remove(WatchList *list, unsigned id)
{
    for (unsigned i = 0; i < list->watches->len; i++) {
        const Watch *watch = list->watches->pdata[i];
        if (watch->id == id) {
            g_ptr_array_remove_index(list->watches, i);
            return;
        }
    }
}
