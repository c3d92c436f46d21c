#include "recorder/gap_watch.h"

#include "base/clock.h"

#define USUAL_NS (NS_PER_SECOND / 30)
#define TYPICAL_MAX_NS (250 * NS_PER_MS)

void gap_watch_queue_full(GapWatch *watch)
{
    watch->queue_was_full = true;
}

static void note_distance(GapWatch *watch, int64_t distance_ns)
{
    if (distance_ns <= 0 || distance_ns > TYPICAL_MAX_NS)
        return;
    if (watch->typical_ns == 0)
        watch->typical_ns = distance_ns;
    watch->typical_ns += (distance_ns - watch->typical_ns) / 8;
}

bool gap_watch_frame(GapWatch *watch, const Frame *frame, uint64_t packets_lost, TrackGap *ret_gap)
{
    const int64_t typical_ns = watch->typical_ns > 0 ? watch->typical_ns : USUAL_NS;
    const int64_t distance_ns = frame->pts_ns - watch->last_pts_ns;
    const uint64_t packets = packets_lost - watch->packets_lost;
    const bool is_broken = watch->has_frame && (packets > 0 || watch->queue_was_full);
    const bool is_gap = is_broken && distance_ns > typical_ns + typical_ns / 2;
    if (is_gap)
        *ret_gap = (TrackGap){
            .start_ns = watch->last_pts_ns,
            .end_ns = frame->pts_ns,
            .frames = (unsigned)((distance_ns + typical_ns / 2) / typical_ns - 1),
            .packets = packets,
            .queue_was_full = watch->queue_was_full,
            .ends_with_key = frame->is_key,
        };
    else if (watch->has_frame && packets == 0)
        note_distance(watch, distance_ns);
    watch->has_frame = true;
    watch->queue_was_full = false;
    watch->last_pts_ns = frame->pts_ns;
    watch->packets_lost = packets_lost;
    return is_gap;
}
