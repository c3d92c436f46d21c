/* Sees from the frames that leave where pictures are missing between them because something was
 * lost, and tells that once the pictures go on. Thread: net; values only. Zeroed at the start of a
 * track. */
#pragma once

#include "flow/frame.h"
#include "flow/track.h"

typedef struct {
    bool has_frame, queue_was_full;
    int64_t last_pts_ns, typical_ns;
    uint64_t packets_lost; /* in all, at the last frame */
} GapWatch;

/* Frames were dropped because a queue was full. */
void gap_watch_queue_full(GapWatch *watch);

/* The next picture of the track, with its time; `packets_lost` were given up so far. True when some
 * are missing in front of it. */
bool gap_watch_frame(GapWatch *watch, const Frame *frame, uint64_t packets_lost, TrackGap *ret_gap);
