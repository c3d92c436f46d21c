#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "recorder/recorder_private.h"

#define PCM_BITRATE (48000 * 2 * 16)
#define ENCODER_POOL_BYTES (32U << 20)
#define ENCODER_KEPT_NS (10 * NS_PER_SECOND)
#define BEHIND_SHOWN_NS (5 * NS_PER_SECOND)

/* ---- settings ---- */

/* The request's options go before the configured ones; the preset's rate is the most. */
static EncoderSettings settings_of(const WebRTCRecorder *recorder, const TrackContext *track)
{
    const RecordingRequest *request = recorder->request;
    const Quality *quality = request->quality;
    const Encoding encoding = track->plan.encoding;
    EncoderSettings settings = recorder->environment.config->encodings[encoding];
    char problem[OUTCOME_SENTENCE_MAX];
    if (request->encoder_options && encoding == format_main_encoding(request->format) &&
        !encoder_settings_parse(&settings, encoding, request->encoder_options, problem,
                                sizeof problem))
        log_warning("recorder", request->mint_id, "%s", problem);
    const unsigned most =
        track->kind == TRACK_VIDEO ? quality->video_bitrate : quality->audio_bitrate;
    settings.bitrate = settings.bitrate > 0 ? MIN(settings.bitrate, most) : most;
    if (encoding == ENCODING_PCM)
        settings.bitrate = PCM_BITRATE;
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

void recorder_pass_through(TrackContext *track, const char *why)
{
    track->plan.treatment = TREATMENT_PASSTHROUGH;
    track->plan.codec = track->announced;
    g_snprintf(track->plan.why, sizeof track->plan.why, "It goes as published: %s.", why);
}

static void on_failed(void *owner, unsigned track_id, const char *sentence)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_track(recorder, track_id);
    g_autofree char *name = recorder_track_name(track);
    release_slot(recorder, track);
    track->encoder_failed = true;
    recorder_pass_through(track, "its encoder failed");
    /* what came before went into the encoder, and the rest refers to it */
    if (track->kind == TRACK_VIDEO)
        on_need_keyframe(recorder, track_id);
    recorder_note(recorder, "The %s goes on as published: its encoder failed.", name);
    recorder_fail_track(recorder, track, CODE_ENCODER_FAILED,
                        "%s From then on the %s was recorded as published.", sentence, name);
    track->encoder_outcome = track->outcome;
}

/* ---- life ---- */

static bool has_slot(const WebRTCRecorder *recorder)
{
    const EncodeSlots *slots = recorder->environment.encode_slots;
    return slots->used < slots->max;
}

/* The recording ends, or the track goes as published; false: it ends. */
static bool go_without(WebRTCRecorder *recorder, TrackContext *track, const char *why)
{
    g_autofree char *name = recorder_track_name(track);
    if (!recorder->request->falls_back && !recorder->started) {
        recorder_fail(recorder, CODE_NO_CAPACITY,
                      "The %s has to be encoded, but %s; stop a recording, raise "
                      "encoding.max_encodes, or ask for the fallback \"source\".",
                      name, why);
        return false;
    }
    track->goes_without_encoder = true;
    recorder_pass_through(track, why);
    if (track->encoder)
        track_encoder_bypass(track->encoder, true);
    recorder_note(recorder, "The %s goes as published: %s.", name, why);
    return true;
}

static bool take_slot(WebRTCRecorder *recorder, TrackContext *track)
{
    EncodeSlots *slots = recorder->environment.encode_slots;
    if (track->kind != TRACK_VIDEO)
        return true;
    if (!has_slot(recorder))
        return false;
    slots->used++;
    track->holds_encode_slot = true;
    return true;
}

/* NULL when the system gives no thread. */
static TrackEncoder *make_encoder(WebRTCRecorder *recorder, TrackContext *track)
{
    const Quality *quality = recorder->request->quality;
    recorder_make_encode_queue(recorder, track);
    track->encoder_codec = track->plan.codec;
    track->encoder_settings = settings_of(recorder, track);
    Pool *pool = pool_new(ENCODER_POOL_BYTES);
    const TrackEncoderConfig config = {
        .track_id = track->id,
        .kind = track->kind,
        .codec = track->plan.codec,
        .settings = track->encoder_settings,
        .published = {track->plan.size.width, track->plan.size.height},
        .ceiling = {quality->max_width, quality->max_height},
        .encode_timeout_ns = recorder->environment.config->encode_timeout_ns,
        .in = track->encode_queue,
        .out = track->queue,
        .counters = &track->counters,
        .pool = pool,
    };
    const TrackEncoderEvents events = {recorder, recorder->environment.mailbox, on_need_keyframe,
                                       on_failed};
    TrackEncoder *encoder = track_encoder_new(&config, &events);
    pool_unref(pool);
    return encoder;
}

bool recorder_start_encoder(WebRTCRecorder *recorder, TrackContext *track)
{
    if (track->plan.treatment != TREATMENT_TRANSCODE)
        return true;
    if (track->encoder && (track->holds_encode_slot || track->kind != TRACK_VIDEO))
        return true;
    if (!take_slot(recorder, track)) {
        const EncodeSlots *slots = recorder->environment.encode_slots;
        char why[64];
        g_snprintf(why, sizeof why, "%u of %u encoders are at work", slots->used, slots->max);
        return go_without(recorder, track, why);
    }
    if (track->encoder) { /* whoever is back */
        track_encoder_bypass(track->encoder, false);
        return true;
    }
    track->encoder = make_encoder(recorder, track);
    if (!track->encoder) {
        release_slot(recorder, track);
        return go_without(recorder, track, "the system gives no further thread");
    }
    recorder_divert(recorder, track);
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
    const uint64_t lost = stats.behind + bounded_queue_stats(track->encode_queue).dropped;
    const int64_t timeout_ns = recorder->environment.config->encode_timeout_ns;
    const bool loses = lost != track->encoder_lost;
    const bool hangs = stats.busy_since_ns > 0 && now_ns - stats.busy_since_ns > timeout_ns;
    track->encoder_lost = lost;
    if (!track_context_encodes(track) || (!loses && !hangs))
        return; /* what only passes through its thread waits for the writer */
    track->behind_ns = now_ns;
    g_autofree char *name = recorder_track_name(track);
    recorder_fail_track(recorder, track, CODE_ENCODER_BEHIND,
                        "The encoder %s is too slow for the %s: pictures were left out. Choose a "
                        "quicker encoding speed, a lower preset, fewer recordings at the same "
                        "time, or the format mkv or auto, which keep what is published.",
                        track->encoder_settings.encoder, name);
    track->encoder_outcome = track->outcome;
}

/* Whoever publishes anew, or comes back soon, finds the encoder still there. */
static bool is_gone(const WebRTCRecorder *recorder, const TrackContext *track, int64_t now_ns)
{
    return !track->published && !recorder_is_reconnecting(recorder) &&
           now_ns - track->removed_ns > ENCODER_KEPT_NS;
}

void recorder_check_encoders(WebRTCRecorder *recorder, int64_t now_ns)
{
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        if (!track->encoder)
            continue;
        check_behind(recorder, track, now_ns);
        if (is_gone(recorder, track, now_ns))
            release_slot(recorder, track);
    }
}

/* ---- status ---- */

void recorder_copy_encoder(const TrackContext *track, TrackStatus *status, int64_t now_ns)
{
    status->treatment = track->plan.treatment;
    g_strlcpy(status->why, track->plan.why, sizeof status->why);
    if (!track->encoder)
        return;
    const TrackEncoderStats stats = track_encoder_stats(track->encoder);
    status->encoder_codec = track->encoder_codec;
    status->encoder_settings = track->encoder_settings;
    status->encoded_frames = stats.frames_out;
    status->undecodable_frames = stats.undecodable;
    status->left_out_frames = stats.behind;
    status->encode_timeouts = stats.timeouts;
    status->encoder_busy_ns = stats.busy_ns;
    status->encoder_behind = track->behind_ns > 0 && now_ns - track->behind_ns < BEHIND_SHOWN_NS;
}
