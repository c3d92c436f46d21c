#include "fake_service.h"

#include <string.h>

#include "base/clock.h"

WebRTCRecordingService *fake_service_new(void)
{
    return g_new0(WebRTCRecordingService, 1);
}

void fake_service_free(WebRTCRecordingService *service)
{
    recording_status_free(service->active);
    g_clear_pointer(&service->finished, json_object_unref);
    recording_request_free(service->request);
    g_free(service);
}

static void fill_track(TrackStatus *track)
{
    g_strlcpy(track->sid, "TR_one", sizeof track->sid);
    g_strlcpy(track->identity, "a\"b\\c\n", sizeof track->identity);
    track->kind = TRACK_VIDEO;
    track->codec = CODEC_VP8;
    track->packets = 1000;
    track->lost = 3;
    track->last_write_age_ns = 1250 * NS_PER_MS;
    track->queue.size = 7;
}

void fake_service_activate(WebRTCRecordingService *service, const char *mint_id,
                           RecordingState state)
{
    recording_status_free(service->active);
    RecordingStatus *status = calloc(1, sizeof *status);
    g_assert_nonnull(status);
    g_strlcpy(status->mint_id, mint_id, sizeof status->mint_id);
    status->state = state;
    status->started_wall_ns = INT64_C(1767366245) * NS_PER_SECOND;
    status->video_frames = 42;
    status->outputs = calloc(1, sizeof *status->outputs);
    status->output_count = 1;
    g_strlcpy(status->outputs->path, "/srv/a.webm", sizeof status->outputs->path);
    status->tracks = calloc(1, sizeof *status->tracks);
    status->track_count = 1;
    fill_track(status->tracks);
    service->active = status;
}

void fake_service_call(WebRTCRecordingService *service)
{
    if (service->watch == 0)
        return;
    service->watch = 0;
    service->fn(service->owner, service->active);
}

static bool is_active(const WebRTCRecordingService *service, const char *mint_id)
{
    return service->active != NULL && strcmp(service->active->mint_id, mint_id) == 0;
}

const char *recording_service_start(WebRTCRecordingService *service,
                                    const RecordingRequest *request, Outcome *ret_refusal)
{
    if (service->refusal.code != CODE_NONE) {
        *ret_refusal = service->refusal;
        return NULL;
    }
    recording_request_free(service->request);
    service->request = recording_request_copy(request);
    fake_service_activate(service, request->mint_id, RECORDING_CONNECTING);
    service->active->output_count = 0;
    service->active->started_wall_ns = 0;
    return service->active->mint_id;
}

bool recording_service_stop(WebRTCRecordingService *service, const char *mint_id)
{
    if (!is_active(service, mint_id))
        return false;
    service->stops++;
    service->active->state = RECORDING_STOPPING;
    return true;
}

static bool may(const WebRTCRecordingService *service, Outcome *ret_refusal)
{
    *ret_refusal = service->refusal;
    return service->refusal.code == CODE_NONE;
}

bool recording_service_discard(WebRTCRecordingService *service, const char *mint_id,
                               Outcome *ret_refusal)
{
    if (!may(service, ret_refusal))
        return false;
    g_assert_true(is_active(service, mint_id));
    service->active->discarded = true;
    return true;
}

bool recording_service_pause(WebRTCRecordingService *service, const char *mint_id, bool holds,
                             Outcome *ret_refusal)
{
    if (!may(service, ret_refusal))
        return false;
    g_assert_true(is_active(service, mint_id));
    service->active->paused = true;
    service->holds = holds;
    return true;
}

bool recording_service_resume(WebRTCRecordingService *service, const char *mint_id,
                              Outcome *ret_refusal)
{
    if (!may(service, ret_refusal))
        return false;
    g_assert_true(is_active(service, mint_id));
    service->active->paused = false;
    return true;
}

static unsigned watch(WebRTCRecordingService *service, const char *mint_id, RecordingWatchFn fn,
                      void *owner)
{
    if (!is_active(service, mint_id))
        return 0;
    service->fn = fn;
    service->owner = owner;
    service->watch = ++service->last_watch;
    return service->watch;
}

unsigned recording_service_watch_start(WebRTCRecordingService *service, const char *mint_id,
                                       RecordingWatchFn fn, void *owner)
{
    return watch(service, mint_id, fn, owner);
}

unsigned recording_service_watch_stop(WebRTCRecordingService *service, const char *mint_id,
                                      RecordingWatchFn fn, void *owner)
{
    return watch(service, mint_id, fn, owner);
}

void recording_service_unwatch(WebRTCRecordingService *service, unsigned id)
{
    if (service->watch == id)
        service->watch = 0;
}

static void *copy_of(const void *memory, size_t size)
{
    void *copy = malloc(size);
    g_assert_nonnull(copy);
    return memcpy(copy, memory, size);
}

RecordingStatus *recording_service_status(WebRTCRecordingService *service, const char *mint_id)
{
    if (!is_active(service, mint_id))
        return NULL;
    RecordingStatus *status = copy_of(service->active, sizeof *status);
    status->outputs = copy_of(status->outputs, sizeof *status->outputs);
    status->tracks = copy_of(status->tracks, sizeof *status->tracks);
    return status;
}

JsonObject *recording_service_finished(WebRTCRecordingService *service, const char *mint_id)
{
    if (service->finished == NULL || strcmp(service->finished_id, mint_id) != 0)
        return NULL;
    return json_object_ref(service->finished);
}

void recording_service_foreach(WebRTCRecordingService *service, RecordingWatchFn visit, void *owner)
{
    if (service->active != NULL)
        visit(owner, service->active);
}

unsigned recording_service_active_count(const WebRTCRecordingService *service)
{
    return service->active != NULL ? 1 : 0;
}

const uint64_t *recording_service_results(const WebRTCRecordingService *service)
{
    return service->results;
}
