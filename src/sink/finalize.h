/* After the last frame: joins the parts, writes the plain file with its index first, measures what
 * is there and says what came out of it. Thread: the finaliser's; blocks. */
#pragma once

#include "sink/part.h"

typedef struct {
    const OutputConfig *config;
    const Outcome *outcome; /* of the writing */
    bool is_wanted;         /* else the files stay as they are */
    Part *const *parts;     /* closed */
    unsigned part_count;
    SinkTrack *const *tracks;
    unsigned track_count;
} FinalizeJob;

void finalize_run(const FinalizeJob *job, OutputResult *ret_result);

/* Removes the parts instead. */
void finalize_discard(const FinalizeJob *job, OutputResult *ret_result);
