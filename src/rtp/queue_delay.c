#include "rtp/queue_delay.h"

#include "base/clock.h"

/* An older timestamp is a late packet's, up to here. */
#define LATE_MAX_NS (2 * NS_PER_SECOND)

void queue_delay_reset(QueueDelay *delay)
{
    *delay = (QueueDelay){0};
}

static void begin(QueueDelay *delay, uint32_t rtp_timestamp, int64_t arrival_ns)
{
    queue_delay_reset(delay);
    delay->has_packet = true;
    delay->rtp_timestamp = rtp_timestamp;
    delay->media_ns = arrival_ns;
}

static int64_t media_time(const QueueDelay *delay, uint32_t rtp_timestamp, uint32_t clock_rate)
{
    const int32_t ticks = (int32_t)(rtp_timestamp - delay->rtp_timestamp);
    return delay->media_ns + ticks * NS_PER_SECOND / clock_rate;
}

void queue_delay_packet(QueueDelay *delay, uint32_t rtp_timestamp, int64_t arrival_ns,
                        uint32_t clock_rate)
{
    if (!delay->has_packet)
        begin(delay, rtp_timestamp, arrival_ns);
    int64_t media_ns = media_time(delay, rtp_timestamp, clock_rate);
    if (media_ns < delay->media_ns && delay->media_ns - media_ns <= LATE_MAX_NS)
        return;
    if (media_ns < delay->media_ns) {
        begin(delay, rtp_timestamp, arrival_ns);
        media_ns = arrival_ns;
    }
    delay->rtp_timestamp = rtp_timestamp;
    delay->media_ns = media_ns;
    const int64_t transit_ns = arrival_ns - media_ns;
    if (!delay->is_filled || transit_ns < delay->lowest_ns)
        delay->lowest_ns = transit_ns;
    delay->is_filled = true;
}

int64_t queue_delay_take(QueueDelay *delay)
{
    if (!delay->is_filled)
        return 0;
    delay->is_filled = false;
    delay->past_ns[delay->past_next] = delay->lowest_ns;
    delay->past_next = (delay->past_next + 1) % QUEUE_DELAY_INTERVALS;
    if (delay->past_count < QUEUE_DELAY_INTERVALS)
        delay->past_count++;
    int64_t lowest_ns = delay->lowest_ns;
    for (unsigned i = 0; i < delay->past_count; i++)
        lowest_ns = delay->past_ns[i] < lowest_ns ? delay->past_ns[i] : lowest_ns;
    return delay->lowest_ns - lowest_ns;
}
