/* Chooses the track whose frame is written next, so that a file's tracks go forward together.
 * A track that has been quiet for longer than the patience is not waited for.
 * Thread: the output's sink thread. */
#pragma once

#include "sink/sink_track.h"

#define INTERLEAVER_PATIENCE_NS (300 * NS_PER_MS)

/* NULL when nothing waits or when it is another track's turn, whose frame has not come yet. */
SinkTrack *interleaver_next(SinkTrack *const *tracks, unsigned track_count, int64_t now_ns,
                            bool is_stopping);
