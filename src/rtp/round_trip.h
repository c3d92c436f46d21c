/* The round trip to the sender and how much it varies (RFC 6298 section 2).
 * Thread: any; values only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool is_known;
    int64_t smoothed_ns;
    int64_t deviation_ns;
} RoundTrip;

/* A sample that is negative or longer than ten seconds is no measurement and changes nothing. */
void round_trip_sample(RoundTrip *round_trip, int64_t sample_ns);

/* What was measured, or what a LiveKit server assumes before it has measured. */
int64_t round_trip_ns(const RoundTrip *round_trip);

/* How long after a question its answer still comes. */
int64_t round_trip_answer_ns(const RoundTrip *round_trip);
