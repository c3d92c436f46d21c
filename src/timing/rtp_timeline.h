/* Unwraps the 32-bit RTP timestamps of one track into nanoseconds of its media time.
 * Thread: net; a value, no allocation. */
#pragma once

#include <stdint.h>

typedef struct {
    uint32_t clock_rate;
    uint32_t last_rtp;
    int64_t last_ticks; /* since the first timestamp */
    int64_t last_arrival_ns;
} RtpTimeline;

void rtp_timeline_start(RtpTimeline *timeline, uint32_t clock_rate, uint32_t first_rtp,
                        int64_t arrival_ns);

/* Of the possible times the one nearest to what real time lets expect: a track may be silent for
 * longer than half a wrap. May be before the first. */
int64_t rtp_timeline_ticks(const RtpTimeline *timeline, uint32_t rtp, int64_t arrival_ns);

/* Takes the timestamp as the reference for the next ones. */
void rtp_timeline_note(RtpTimeline *timeline, uint32_t rtp, int64_t ticks, int64_t arrival_ns);

int64_t rtp_timeline_ns(const RtpTimeline *timeline, int64_t ticks);
