/* When to ask for a missing packet, and when no answer can come any more, by what a LiveKit server
 * serves: it sends a packet again at most three times, and heeds no NACK for one that it sent, or
 * was heard to be asked for, within min(100 ms, two round trips). A NACK that it does not heed, or
 * that was lost, uses up none of the three.
 * Thread: any; values only. */
#pragma once

#include "rtp/round_trip.h"

typedef struct {
    int64_t reorder_ns;  /* other packets may have overtaken it: nothing is asked for sooner */
    int64_t first_ns;    /* from when the packet should have come to when the server heeds */
    int64_t spacing_ns;  /* between two NACKs for one packet */
    int64_t answer_ns;   /* after a NACK its answer comes at the soonest */
    int64_t patience_ns; /* from the first NACK to when the third repetition is lost, too */
} NackTiming;

/* `lateness_ns`: how late packets were that came by themselves. `is_shared`: the server knows the
 * round trip too, from receiver reports; before it assumes one. */
NackTiming nack_timing(const RoundTrip *round_trip, int64_t lateness_ns, bool is_shared);
