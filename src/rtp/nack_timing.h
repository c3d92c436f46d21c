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

/* What the timing follows from, and how the server answers, of one source. Zeroed at its start. */
typedef struct {
    RoundTrip round_trip;
    bool is_shared;
    int64_t lateness_ns;      /* with a margin; fades */
    int64_t asked_ns;         /* when something was asked for last; 0 = never */
    int64_t unheard_ns;       /* since when no NACK was answered */
    unsigned unheard;         /* NACKs since then */
    unsigned unheard_packets; /* that they asked for */
    uint8_t lost_fraction;    /* of 256, before anything was asked for again */
} NackPace;

NackTiming nack_pace_timing(const NackPace *pace);

/* A packet came by itself so long after one that was sent later. */
void nack_pace_late(NackPace *pace, int64_t late_ns);

/* A receiver report went out; `has_time`: the server can tell the round trip from it. */
void nack_pace_reported(NackPace *pace, bool has_time, uint8_t lost_fraction);

void nack_pace_asked(NackPace *pace, int64_t now_ns, unsigned packets);
/* Also where NACKs are known not to be heard, so that they are not counted. */
void nack_pace_answered(NackPace *pace);

/* Several NACKs in a row without an answer, longer than loss explains. */
bool nack_pace_is_unheard(const NackPace *pace, int64_t now_ns);

/* Something was asked for in the last seconds. */
bool nack_pace_is_lossy(const NackPace *pace, int64_t now_ns);
