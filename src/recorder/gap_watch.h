/* Sees from the frames that leave where pictures are missing between them because something was
 * lost, and tells that once the pictures go on. Thread: net; values only. Zeroed at the start of a
 * track. */
#pragma once

#include "flow/frame.h"
#include "flow/track.h"

typedef struct {
    bool has_frame, queue_was_full;
    bool has_jumped; /* the packets' numbers began anew: nobody knows how many were lost */
    int64_t last_pts_ns, typical_ns;
    uint64_t packets_lost, missing; /* in all, at the last frame */
    uint64_t lost_before;           /* in all, at the last packet */
} GapWatch;

/* Frames were dropped because a queue was full. */
void gap_watch_queue_full(GapWatch *watch);

/* The next packet, in order, with what the receiver says is lost in front of it; `packets_lost`
 * were given up so far. */
void gap_watch_packet(GapWatch *watch, unsigned lost_before, uint64_t packets_lost);

/* The next picture of the track, with its time; `missing` pictures at most are missing so far (see
 * depayloader_missing()). True when some are missing in front of it: by the usual distance, but not
 * those of a time in which nobody sent any. */
bool gap_watch_frame(GapWatch *watch, const Frame *frame, uint64_t packets_lost, uint64_t missing,
                     TrackGap *ret_gap);
