#include "base/clock.h"
#include "base/log.h"
#include "recorder/recorder_private.h"

/* What waits in front of an encoder is still to come into the file. */
#define ENCODERS_PATIENCE_NS (20 * NS_PER_SECOND)

typedef struct {
    WebRTCRecorder *recorder;
    OutputSlot *slot;
} OutputOwner;

static void on_opened(void *owner, const char *path, Container container)
{
    OutputOwner *pair = owner;
    OutputSlot *slot = pair->slot;
    if (!slot->opened) {
        slot->opened = ++pair->recorder->opened_count;
        slot->path = g_strdup(path);
        slot->container = container;
    }
    recorder_note(pair->recorder, "Writing %s.", path);
    pair->recorder->sidecar_due_ns = 0; /* with those of others that begin now */
}

static void on_track_started(void *owner, unsigned track_id)
{
    OutputOwner *pair = owner;
    WebRTCRecorder *recorder = pair->recorder;
    TrackContext *track = recorder_track(recorder, track_id);
    g_autofree char *name = recorder_track_name(track);
    log_info("recorder", recorder->request->mint_id, "First frame received: the %s.", name);
    track->started = true;
    if (!recorder->started) {
        recorder->started = true;
        recorder->started_ns = clock_monotonic_ns();
        recorder->started_wall_ns = recorder_wall_ns(recorder);
    }
    if (!recorder_is_ending(recorder))
        recorder_advance(recorder);
}

static void on_need_keyframe(void *owner, unsigned track_id)
{
    OutputOwner *pair = owner;
    const TrackContext *track = recorder_track(pair->recorder, track_id);
    if (track_context_encodes(track))
        track_encoder_request_key(track->encoder);
    else if (!recorder_is_ending(pair->recorder))
        net_session_request_keyframe(pair->recorder->net, track_id);
}

static void on_failed(void *owner, const Outcome *outcome)
{
    OutputOwner *pair = owner;
    pair->slot->failure = *outcome;
    if (recorder_is_ending(pair->recorder))
        return;
    for (unsigned i = 0; i < pair->recorder->outputs->len; i++) {
        const OutputSlot *slot = pair->recorder->outputs->pdata[i];
        if (slot->failure.code == CODE_NONE)
            return;
    }
    recorder_fail(pair->recorder, outcome->code, "%s", outcome->sentence);
}

static void on_track_failed(void *owner, unsigned track_id, const Outcome *outcome)
{
    OutputOwner *pair = owner;
    TrackContext *track = recorder_track(pair->recorder, track_id);
    recorder_fail_track(pair->recorder, track, outcome->code, "%s", outcome->sentence);
}

static void on_finished(void *owner, const OutputResult *result)
{
    OutputOwner *pair = owner;
    recorder_output_finished(pair->recorder, pair->slot, result);
    g_free(pair);
}

static char *choose_stem(const WebRTCRecorder *recorder, const TrackContext *track, GError **error)
{
    const RecordingRequest *request = recorder->request;
    const Config *config = recorder->environment.config;
    const OutputPathValues values = {
        .room_name = recorder->room_name ? recorder->room_name : "",
        .room_id = recorder->room_sid ? recorder->room_sid : "",
        .publisher_identity = track->identity,
        .track_id = track->sid,
        .track_type = track_kind_name(track->kind),
        .track_source = track_source_name(track->source),
        .mint_id = request->mint_id,
        .time_wall_ns = recorder_wall_ns(recorder),
        .screen_share = track_context_is_screen(track),
        .several_outputs = recorder->outputs->len > 0,
        .nth = track->nth,
    };
    const char *template =
        request->output_template ? request->output_template : config->output_template;
    const char *directory = request->directory ? request->directory : config->output_dir;
    Container ignored;
    return output_path_stem(directory, template, &values, &ignored, error);
}

static OutcomeCode store_code(const GError *error)
{
    switch ((StoreError)error->code) {
    case STORE_ERROR_BAD_TEMPLATE:
        return CODE_BAD_REQUEST;
    case STORE_ERROR_EXISTS:
        return CODE_OUTPUT_EXISTS;
    case STORE_ERROR_DISK_FULL:
        return CODE_DISK_FULL;
    case STORE_ERROR_WRITE:
        return CODE_WRITE_FAILED;
    }
    return CODE_WRITE_FAILED;
}

static bool open_slot(WebRTCRecorder *recorder, OutputSlot *slot, const TrackContext *track)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *stem = choose_stem(recorder, track, &error);
    if (stem)
        slot->sidecar = sidecar_new(stem, &error);
    if (!slot->sidecar) {
        recorder_fail(recorder, store_code(error), "%s", error->message);
        return false;
    }
    g_autofree char *reserved = g_strdup(sidecar_stem(slot->sidecar));
    const OutputConfig config = {
        .stem = reserved,
        .container = recorder->request->format->container,
        .falls_back_to_mkv = format_encodes(recorder->request->format) &&
                             recorder->request->quality->video_bitrate > 0,
        .stop_patience_ns = ENCODERS_PATIENCE_NS,
        .audio_only = recorder->request->audio_only,
        .finalize_max_bytes = recorder->environment.config->finalize_max_bytes,
        .title = recorder->room_name,
        .started_at_wall_ns = recorder_wall_ns(recorder),
    };
    const OutputOwner pair = {recorder, slot};
    const OutputEvents events = {
        .owner = g_memdup2(&pair, sizeof pair),
        .mailbox = recorder->environment.mailbox,
        .opened = on_opened,
        .track_started = on_track_started,
        .need_keyframe = on_need_keyframe,
        .failed = on_failed,
        .track_failed = on_track_failed,
        .finished = on_finished,
    };
    slot->output = output_new(recorder->environment.sink_pool, &config, events);
    return true;
}

OutputSlot *recorder_output_for(WebRTCRecorder *recorder, const TrackContext *track)
{
    const bool is_screen = track_context_is_screen(track);
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        OutputSlot *slot = recorder->outputs->pdata[i];
        if (output_slot_matches(slot, track->identity, is_screen, track->nth))
            return slot->output ? slot : NULL;
    }
    OutputSlot *slot =
        output_slot_new(recorder->outputs->len, track->identity, is_screen, track->nth);
    if (!open_slot(recorder, slot, track)) {
        output_slot_free(slot);
        return NULL;
    }
    g_ptr_array_add(recorder->outputs, slot);
    if (recorder->outputs->len <= SIDECARS_AT_ONCE)
        recorder_write_sidecar(recorder, slot);
    recorder->sidecar_due_ns = 0;
    return slot;
}
