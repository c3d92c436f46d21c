#include "recorder/track_context.h"

#include <glib.h>

#include "base/log.h"

TrackContext *track_context_new(unsigned id, const char *identity, TrackKind kind,
                                TrackSource source, unsigned nth, TrackQueueLimits limits)
{
    TrackContext *track = g_new0(TrackContext, 1);
    track->id = id;
    track->identity = g_strdup(identity);
    track->kind = kind;
    track->source = source;
    track->nth = nth;
    track->queue = bounded_queue_new(kind, limits.max_items, limits.max_bytes);
    return track;
}

void track_context_free(TrackContext *track)
{
    if (!track)
        return;
    if (track->encoder) {
        bounded_queue_end(track->encode_queue);
        track_encoder_hurry(track->encoder);
    }
    if (!track_encoder_free(track->encoder)) {
        log_error("recorder", NULL, "The encoder of track %s hangs; its memory is lost.",
                  track->sid);
        return;
    }
    bounded_queue_free(track->queue);
    bounded_queue_free(track->encode_queue);
    g_free(track->identity);
    g_free(track->sid);
    g_free(track->participant_sid);
    g_free(track);
}

bool track_context_encodes(const TrackContext *track)
{
    return track->encoder && !track->encoder_failed && !track->goes_without_encoder;
}

BoundedQueue *track_context_input_queue(const TrackContext *track)
{
    return track->is_diverted ? track->encode_queue : track->queue;
}

TrackSource track_context_source(const Publication *publication)
{
    if (publication->source != SOURCE_UNKNOWN)
        return publication->source;
    return publication->kind == TRACK_VIDEO ? SOURCE_CAMERA : SOURCE_MICROPHONE;
}

bool track_context_is_screen(const TrackContext *track)
{
    return track->source == SOURCE_SCREEN_SHARE || track->source == SOURCE_SCREEN_SHARE_AUDIO;
}

/* A server that unpacks RED for us announces `audio/red`; what arrives is Opus. */
static Codec announced_codec(const Publication *publication)
{
    if (publication->codec == CODEC_UNKNOWN && publication->kind == TRACK_AUDIO)
        return CODEC_OPUS;
    return publication->codec;
}

void track_context_publish(TrackContext *track, const Participant *participant,
                           const Publication *publication)
{
    g_free(track->sid);
    g_free(track->participant_sid);
    track->sid = g_strdup(publication->sid);
    track->participant_sid = g_strdup(participant->sid);
    track->announced = announced_codec(publication);
    track->published = true;
    track->muted = publication->muted;
    track->was_unmuted = track->was_unmuted || !publication->muted;
    track->paused = false;
    track->goes_without_encoder = false;
    track->layer_was_asked = false;
    track->confirmed = false;
    track->on_track = false;
    track->stalled = false;
    track->retry_ns = 0;
    track->outcome = (Outcome){0};
}

bool track_context_is_subscribed(const TrackContext *track)
{
    return track->confirmed && (track->on_track || track->muted);
}
