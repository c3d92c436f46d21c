#include <string.h>

#include "base/clock.h"
#include "recorder/recorder_private.h"

#define ENCODER_POOL_BYTES (32U << 20)
#define BEHIND_SHOWN_NS (5 * NS_PER_SECOND)

/* ---- the plan ---- */

static TrackFacts facts_of(const TrackContext *track, const Publication *publication)
{
    TrackFacts facts = {
        .kind = track->kind,
        .codec = track->announced,
        .size = {publication->width, publication->height},
        .layer_count = MIN(publication->layer_count, TRACK_PLAN_MAX_LAYERS),
    };
    for (unsigned i = 0; i < facts.layer_count; i++)
        facts.layers[i] = (TrackSize){publication->layers[i].width, publication->layers[i].height};
    return facts;
}

void recorder_plan_track(const WebRTCRecorder *recorder, TrackContext *track,
                         const Publication *publication)
{
    const TrackFacts facts = facts_of(track, publication);
    const RecordingRequest *request = recorder->request;
    track->plan = track_plan_make(&facts, request->format, request->quality);
    if (track->encoder) {
        track->plan.treatment = TREATMENT_TRANSCODE;
        track->plan.codec = track->encoder_codec;
    }
}

/* ---- settings ---- */

static EncoderSettings settings_of(const WebRTCRecorder *recorder, const TrackContext *track)
{
    const Config *config = recorder->environment.config;
    const Format *format = recorder->request->format;
    const Quality *quality = recorder->request->quality;
    const bool is_video = track->kind == TRACK_VIDEO;
    EncoderSettings settings = {
        .encoder = is_video ? format->video_encoder : format->audio_encoder,
        .bitrate = is_video ? quality->video_bitrate : quality->audio_bitrate,
        .crf = -1,
        .threads = 1,
        .keyframe_interval_ns = config->encoder_keyframe_ns,
    };
    if (!is_video)
        return settings;
    if (strcmp(settings.encoder, "libx264") == 0)
        settings.speed = config->h264_speed;
    else
        settings.speed = strcmp(settings.encoder, "libsvtav1") == 0 ? "12" : "8";
    return settings;
}

/* ---- the encoder reports ---- */

static void on_need_keyframe(void *owner, unsigned track_id)
{
    WebRTCRecorder *recorder = owner;
    if (!recorder_is_ending(recorder))
        net_session_request_keyframe(recorder->net, track_id);
}

static void release_slot(WebRTCRecorder *recorder, TrackContext *track)
{
    if (track->holds_encode_slot)
        recorder->environment.encode_slots->used--;
    track->holds_encode_slot = false;
}

static void on_failed(void *owner, unsigned track_id, const char *sentence)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_track(recorder, track_id);
    g_autofree char *name = recorder_track_name(track);
    release_slot(recorder, track);
    recorder_note(recorder, "The %s goes on as published: its encoder failed.", name);
    recorder_fail_track(recorder, track, CODE_ENCODER_FAILED,
                        "%s The %s was recorded as published, in Matroska.", sentence, name);
}

/* ---- life ---- */

static bool has_slot(const WebRTCRecorder *recorder)
{
    const EncodeSlots *slots = recorder->environment.encode_slots;
    return slots->used < slots->max;
}

/* False when every encoder is taken: then the recording ends, or the track goes as published. */
static bool take_slot(WebRTCRecorder *recorder, TrackContext *track)
{
    EncodeSlots *slots = recorder->environment.encode_slots;
    if (track->kind != TRACK_VIDEO)
        return true;
    if (has_slot(recorder)) {
        slots->used++;
        track->holds_encode_slot = true;
        return true;
    }
    g_autofree char *name = recorder_track_name(track);
    if (!recorder->request->falls_back && !recorder->started) {
        recorder_fail(recorder, CODE_NO_CAPACITY,
                      "The %s has to be encoded, but %u of %u encoders are at work; stop a "
                      "recording, raise encoding.max_encodes, or ask for the fallback \"source\".",
                      name, slots->used, slots->max);
        return false;
    }
    track->plan.treatment = TREATMENT_PASSTHROUGH;
    track->plan.codec = track->announced;
    g_snprintf(track->plan.why, sizeof track->plan.why,
               "%u of %u encoders were at work, so it goes as published.", slots->used, slots->max);
    recorder_note(recorder, "The %s goes as published: %u of %u encoders are at work.", name,
                  slots->used, slots->max);
    return true;
}

bool recorder_start_encoder(WebRTCRecorder *recorder, TrackContext *track)
{
    if (track->plan.treatment != TREATMENT_TRANSCODE || track->encoder)
        return true;
    if (!take_slot(recorder, track))
        return false;
    if (track->plan.treatment != TREATMENT_TRANSCODE)
        return true;
    const Config *config = recorder->environment.config;
    const Quality *quality = recorder->request->quality;
    const bool is_video = track->kind == TRACK_VIDEO;
    track->encoded =
        bounded_queue_new(track->kind, is_video ? config->video_max_items : config->audio_max_items,
                          config->queue_max_bytes);
    Pool *pool = pool_new(ENCODER_POOL_BYTES);
    track->encoder_codec = track->plan.codec;
    track->encoder_settings = settings_of(recorder, track);
    const TrackEncoderConfig encoder = {
        .track_id = track->id,
        .kind = track->kind,
        .codec = track->plan.codec,
        .settings = track->encoder_settings,
        .published = {track->plan.size.width, track->plan.size.height},
        .ceiling = {quality->max_width, quality->max_height},
        .encode_timeout_ns = config->encode_timeout_ns,
        .in = track->queue,
        .out = track->encoded,
        .counters = &track->counters,
        .pool = pool,
    };
    const TrackEncoderEvents events = {recorder, recorder->environment.mailbox, on_need_keyframe,
                                       on_failed};
    track->encoder = track_encoder_new(&encoder, &events);
    pool_unref(pool);
    return true;
}

void recorder_end_encoders(WebRTCRecorder *recorder)
{
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        if (track->encoder)
            track_encoder_hurry(track->encoder);
        release_slot(recorder, track);
    }
}

/* ---- is it quick enough ---- */

static void check_behind(WebRTCRecorder *recorder, TrackContext *track, int64_t now_ns)
{
    const TrackEncoderStats stats = track_encoder_stats(track->encoder);
    const uint64_t lost = stats.behind + bounded_queue_stats(track->queue).dropped;
    const int64_t timeout_ns = recorder->environment.config->encode_timeout_ns;
    const bool hangs = stats.busy_since_ns > 0 && now_ns - stats.busy_since_ns > timeout_ns;
    if (lost == track->encoder_lost && !hangs)
        return;
    track->encoder_lost = lost;
    track->behind_ns = now_ns;
    g_autofree char *name = recorder_track_name(track);
    recorder_fail_track(recorder, track, CODE_ENCODER_BEHIND,
                        "The encoder %s is too slow for the %s: pictures were left out. Choose a "
                        "quicker encoding speed, a lower preset, fewer recordings at the same "
                        "time, or the format mkv or auto, which keep what is published.",
                        track->encoder_settings.encoder, name);
}

void recorder_check_encoders(WebRTCRecorder *recorder, int64_t now_ns)
{
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        if (track->encoder)
            check_behind(recorder, track, now_ns);
    }
}

/* ---- status ---- */

void recorder_copy_encoder(const TrackContext *track, TrackStatus *status, int64_t now_ns)
{
    status->treatment = track->plan.treatment;
    g_strlcpy(status->why, track->plan.why, sizeof status->why);
    status->file_codec = track->plan.codec;
    if (!track->encoder)
        return;
    const TrackEncoderStats stats = track_encoder_stats(track->encoder);
    g_strlcpy(status->encoder, track->encoder_settings.encoder, sizeof status->encoder);
    if (track->encoder_settings.speed)
        g_strlcpy(status->encoder_speed, track->encoder_settings.speed,
                  sizeof status->encoder_speed);
    status->encoder_bitrate = track->encoder_settings.bitrate;
    status->encoded_frames = stats.frames_out;
    status->undecodable_frames = stats.undecodable;
    status->left_out_frames = stats.behind;
    status->encode_timeouts = stats.timeouts;
    status->size_changes = stats.size_changes;
    status->encoder_busy_ns = stats.busy_ns;
    status->encoder_behind = track->behind_ns > 0 && now_ns - track->behind_ns < BEHIND_SHOWN_NS;
}
