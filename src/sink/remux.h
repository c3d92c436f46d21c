/* Copies the packets of one or more parts into one file on the recording's timeline, with the head
 * corrections applied.
 * Thread: the finaliser's; blocks. Errors are FFmpeg's numbers (negative). */
#pragma once

#include "sink/part.h"

typedef struct {
    const OutputConfig *config;
    Part *const *parts; /* closed */
    unsigned part_count;
    Container container;
    const char *path; /* created exclusively */
} RemuxJob;

/* Where a time of this track lies when its head correction is applied. */
int64_t remux_corrected_ns(const SinkTrack *track, int64_t pts_ns);

/* The file is written, synced and closed. `ret_zero_ns` is its zero on the timeline. On an error
 * what was written is removed. */
int remux_run(const RemuxJob *job, int64_t *ret_zero_ns);
