/* Estimates the lowest delay between a track's media time and its arrival: queues and bursts only
 * ever add to it. Minima are kept for half seconds over eight seconds, and corrected by the drift
 * of the two clocks, which is read from minima of four seconds over two minutes.
 * Thread: net; a value, no allocation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TRANSIT_BUCKETS 16
#define TRANSIT_TREND_POINTS 32

typedef struct {
    int64_t at_ns;
    int64_t transit_ns;
} TransitPoint;

typedef struct {
    TransitPoint buckets[TRANSIT_BUCKETS]; /* a ring; at_ns is when its half second began */
    unsigned bucket_count, bucket_last;
    int64_t first_ns;
    TransitPoint trend_minimum;
    int64_t trend_begin_ns;
    int64_t slope_ppb; /* how fast the transit grows; 0 until known */
    unsigned trend_count, trend_next;
    TransitPoint trend[TRANSIT_TREND_POINTS]; /* a ring of minima of four seconds */
} TransitFilter;

void transit_filter_reset(TransitFilter *filter);

/* One packet: arrival minus media time, both in nanoseconds. */
void transit_filter_add(TransitFilter *filter, int64_t transit_ns, int64_t arrival_ns);

/* The media times were set: all that is kept is to be off by so much. */
void transit_filter_move(TransitFilter *filter, int64_t by_ns);

/* The timeline moved: the slope stays as it is until it is known anew. */
void transit_filter_forget_trend(TransitFilter *filter);

/* The lowest of the last eight seconds, as it would be now. False before the first packet. */
bool transit_filter_lowest(const TransitFilter *filter, int64_t now_ns, int64_t *ret_transit_ns);

/* Since when there are packets without a hole of over eight seconds. */
int64_t transit_filter_age(const TransitFilter *filter, int64_t now_ns);
