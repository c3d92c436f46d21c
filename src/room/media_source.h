/* Runs one synthetic publisher: draws, encodes and packetizes pictures and sound at their times.
 * Frame n is captured at n/fps on the publisher's own clock; the numbers go on while nobody listens
 * or the track is muted. Nothing is encoded without listeners.
 * Thread: main for all calls but the marked; frames are handed out on the source's own thread,
 * which is paced by absolute deadlines on the monotonic clock. */
#pragma once

#include <glib.h>

#include "room/media_frame.h"

/* The publisher's clock: position 0 is its start. */
typedef struct {
    int64_t start_monotonic_ns;
    int64_t start_wall_ns; /* its own idea of the wall clock, as in sender reports */
    double speed;          /* 1.0 = as ours */
} MediaTimeline;

int64_t media_timeline_position(const MediaTimeline *timeline, int64_t monotonic_ns);
int64_t media_timeline_monotonic(const MediaTimeline *timeline, int64_t position_ns);
/* 32.32 fixed point seconds since 1900. */
uint64_t media_timeline_ntp(const MediaTimeline *timeline, int64_t position_ns);
/* RTP clock units from the start; exact for whole frames. */
uint64_t media_timeline_ticks(int64_t position_ns, uint32_t clock_rate);

typedef struct {
    unsigned publisher;             /* index, goes into the frames */
    Codec video_codec, audio_codec; /* CODEC_UNKNOWN = none */
    unsigned width, height, fps, video_bitrate;
    int64_t keyframe_interval_ns; /* 0 = only on request */
    MediaTimeline timeline;
} MediaSourceConfig;

typedef struct {
    void *owner;
    /* On the source's thread; takes the frame over. */
    void (*frame)(void *owner, MediaFrame *frame);
} MediaSourceOut;

typedef struct MediaSource MediaSource;

/* NULL with EMBEDDED_ROOM_ERROR_ENCODER. */
MediaSource *media_source_new(const MediaSourceConfig *config, MediaSourceOut out, GError **error);
/* Joins the thread: no frame comes afterwards. */
void media_source_free(MediaSource *source);

void media_source_set_sending(MediaSource *source, TrackKind kind, bool sends);
void media_source_set_muted(MediaSource *source, TrackKind kind, bool muted);
/* From the next picture on; it is a key frame. */
void media_source_set_video(MediaSource *source, Codec codec, unsigned width, unsigned height);

/* Any thread. */
void media_source_request_keyframe(MediaSource *source);

typedef struct {
    uint64_t video_frames, audio_frames; /* encoded */
    uint64_t video_number;               /* of the last one encoded */
    uint64_t skipped; /* not encoded because the machine was more than a second behind */
} MediaSourceStats;

MediaSourceStats media_source_stats(const MediaSource *source); /* any thread */
