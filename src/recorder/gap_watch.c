#include "recorder/gap_watch.h"

#include <glib.h>

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

void gap_watch_packet(GapWatch *watch, unsigned lost_before, uint64_t packets_lost)
{
    watch->has_jumped |= lost_before > packets_lost - watch->lost_before;
    watch->lost_before = packets_lost;
}

static unsigned count_missing(const GapWatch *watch, int64_t distance_ns, int64_t typical_ns,
                              uint64_t missing)
{
    const int64_t by_distance = (distance_ns + typical_ns / 2) / typical_ns - 1;
    if (watch->has_jumped)
        return (unsigned)by_distance;
    return (unsigned)MIN(by_distance, (int64_t)(missing - watch->missing));
}

bool gap_watch_frame(GapWatch *watch, const Frame *frame, uint64_t packets_lost, uint64_t missing,
                     TrackGap *ret_gap)
{
    const int64_t typical_ns = watch->typical_ns > 0 ? watch->typical_ns : USUAL_NS;
    const int64_t distance_ns = frame->pts_ns - watch->last_pts_ns;
    const uint64_t packets = packets_lost - watch->packets_lost;
    const bool is_broken = watch->has_frame && (packets > 0 || watch->queue_was_full);
    const bool is_late = is_broken && distance_ns > typical_ns + typical_ns / 2;
    const unsigned frames = is_late ? count_missing(watch, distance_ns, typical_ns, missing) : 0;
    if (frames > 0)
        *ret_gap = (TrackGap){
            .start_ns = watch->last_pts_ns,
            .end_ns = frame->pts_ns,
            .frames = frames,
            .packets = packets,
            .queue_was_full = watch->queue_was_full,
            .ends_with_key = frame->is_key,
        };
    else if (watch->has_frame && packets == 0)
        note_distance(watch, distance_ns);
    watch->has_frame = true;
    watch->queue_was_full = false;
    watch->has_jumped = false;
    watch->last_pts_ns = frame->pts_ns;
    watch->packets_lost = packets_lost;
    watch->missing = missing;
    return frames > 0;
}
