#include "timing/rtp_timeline.h"

#include "base/clock.h"

#define RTP_CYCLE (INT64_C(1) << 32)

void rtp_timeline_start(RtpTimeline *timeline, uint32_t clock_rate, uint32_t first_rtp,
                        int64_t arrival_ns)
{
    *timeline = (RtpTimeline){
        .clock_rate = clock_rate,
        .last_rtp = first_rtp,
        .last_arrival_ns = arrival_ns,
    };
}

static int64_t ticks_in(const RtpTimeline *timeline, int64_t duration_ns)
{
    const int64_t rate = timeline->clock_rate;
    return duration_ns / NS_PER_SECOND * rate + duration_ns % NS_PER_SECOND * rate / NS_PER_SECOND;
}

int64_t rtp_timeline_ticks(const RtpTimeline *timeline, uint32_t rtp, int64_t arrival_ns)
{
    const int64_t nearest = timeline->last_ticks + (int32_t)(rtp - timeline->last_rtp);
    const int64_t expected =
        timeline->last_ticks + ticks_in(timeline, arrival_ns - timeline->last_arrival_ns);
    const int64_t missing = expected - nearest;
    const int64_t half = missing < 0 ? -RTP_CYCLE / 2 : RTP_CYCLE / 2;
    return nearest + (missing + half) / RTP_CYCLE * RTP_CYCLE;
}

void rtp_timeline_note(RtpTimeline *timeline, uint32_t rtp, int64_t ticks, int64_t arrival_ns)
{
    timeline->last_rtp = rtp;
    timeline->last_ticks = ticks;
    timeline->last_arrival_ns = arrival_ns;
}

int64_t rtp_timeline_ns(const RtpTimeline *timeline, int64_t ticks)
{
    const int64_t rate = timeline->clock_rate;
    return ticks / rate * NS_PER_SECOND + ticks % rate * NS_PER_SECOND / rate;
}
