/* One track on its way into a file: its queue's frames in order, what a header says about it, and
 * what has been written of it.
 * Thread: the output's sink thread. */
#pragma once

#include <libavcodec/avcodec.h>

#include "sink/output.h"

#define SINK_TRACK_RING 256

typedef struct Part Part;

typedef struct {
    OutputTrack info;

    /* Frames out of the queue that have no place in a file yet, or wait for other tracks' turn. */
    Frame *ring[SINK_TRACK_RING];
    unsigned first, count;
    bool ended;       /* the queue said so */
    bool refused;     /* no file takes it; its frames are dropped */
    bool wants_key;   /* a frame was dropped: what follows refers to it */
    bool given_up;    /* a header was written without waiting for it any longer */
    int64_t seen_ns;  /* monotonic: when its last frame came */
    int64_t ready_ns; /* monotonic: since when it waits for a file */

    Codec codec;
    AVCodecParameters *parameters;          /* of its last key frame, or of its audio codec */
    Part *part;                             /* NULL: in no file yet; borrowed */
    unsigned stream;                        /* in `part` */
    uint64_t pending_frames, pending_bytes; /* with the muxer, not on disk */

    bool has_start; /* something is written, silence included */
    bool has_time;  /* the times below are known */
    bool last_is_silence;
    int64_t end_ns; /* of what is written */
    int64_t last_pts_ns;
    int64_t typical_ns;    /* distance of its frames */
    int64_t held_until_ns; /* its last frame lasts so long; 0: as long as the others */

    bool has_correction;
    int64_t delta_ns, slew_start_ns, slew_end_ns;
    OutputTrackResult result;
} SinkTrack;

SinkTrack *sink_track_new(const OutputTrack *info);
void sink_track_free(SinkTrack *track);

/* Takes what its queue holds, as far as there is room. */
void sink_track_pull(SinkTrack *track, int64_t now_ns);

Frame *sink_track_head(const SinkTrack *track); /* NULL when there is none */
Frame *sink_track_pop(SinkTrack *track);        /* the caller's */

/* Drops the head, or all there is. */
void sink_track_drop(SinkTrack *track, DropReason reason);
void sink_track_drop_all(SinkTrack *track, DropReason reason);

/* What the muxer holds went to disk, or did not. */
void sink_track_commit(SinkTrack *track, int64_t now_ns);
void sink_track_abandon(SinkTrack *track, DropReason reason);

/* Writes a hole down among the results, joined to the last one where they touch. */
void sink_track_add_gap(SinkTrack *track, int64_t start_ns, int64_t end_ns);
