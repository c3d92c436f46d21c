#include "sink/interleaver.h"

#include "base/clock.h"

static bool may_still_come(const SinkTrack *track, int64_t pts_ns, int64_t now_ns)
{
    if (track->part == NULL || track->count > 0 || track->ended || track->info.muted)
        return false;
    if (track->has_time && track->end_ns > pts_ns)
        return false;
    return now_ns - track->seen_ns < INTERLEAVER_PATIENCE_NS;
}

SinkTrack *interleaver_next(SinkTrack *const *tracks, unsigned track_count, int64_t now_ns,
                            bool is_stopping)
{
    SinkTrack *next = NULL;
    for (unsigned i = 0; i < track_count; i++) {
        const Frame *head = sink_track_head(tracks[i]);
        if (head == NULL || tracks[i]->part == NULL)
            continue;
        if (next == NULL || head->pts_ns < sink_track_head(next)->pts_ns)
            next = tracks[i];
    }
    if (next == NULL || is_stopping || next->count >= SINK_TRACK_RING / 2)
        return next;
    const int64_t pts_ns = sink_track_head(next)->pts_ns;
    for (unsigned i = 0; i < track_count; i++) {
        if (may_still_come(tracks[i], pts_ns, now_ns))
            return NULL;
    }
    return next;
}
