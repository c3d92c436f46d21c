#include "rtp/nack_timing.h"

#include "base/clock.h"

#define HEEDS_AFTER_MAX_NS (100 * NS_PER_MS)
#define ROUNDING_NS (2 * NS_PER_MS) /* the server counts in whole milliseconds */
#define REORDER_MIN_NS (20 * NS_PER_MS)
#define REORDER_MAX_NS (150 * NS_PER_MS)
#define SPACING_MIN_NS (20 * NS_PER_MS)
#define PATIENCE_MIN_NS (250 * NS_PER_MS) /* a server that hangs for a moment answers then */
#define PATIENCE_MAX_NS (2 * NS_PER_SECOND)

#define LOSSY_NS (5 * NS_PER_SECOND)
#define UNHEARD_NACKS 4
/* Where a fifth of all packets is lost, a third of the NACKs that the server heeds bring nothing,
 * and it heeds every other one: packets are asked for in vain twelve times only once in hundreds.
 */
#define FRACTION_A_PACKET 4 /* lost, of 256, for each packet that is asked for in vain */

/* Of four times at which the server heeds, three are heard even where a fifth of all packets is
 * lost; asking twice in between, or else six times, makes a lost NACK cost little. */
#define ASKS_IN_PAIRS 8
#define ASKS 6

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t heeds_after_ns(const RoundTrip *round_trip, bool is_shared)
{
    if (!round_trip->is_known || !is_shared)
        return HEEDS_AFTER_MAX_NS;
    const int64_t whole_ms = (round_trip->smoothed_ns + NS_PER_MS - 1) / NS_PER_MS;
    return min(HEEDS_AFTER_MAX_NS, 2 * whole_ms * NS_PER_MS);
}

NackTiming nack_timing(const RoundTrip *round_trip, int64_t lateness_ns, bool is_shared)
{
    const int64_t heeds_ns = heeds_after_ns(round_trip, is_shared);
    const int64_t answered_ns = round_trip_answer_ns(round_trip);
    /* Where the answer is here before the server heeds again, a NACK too many costs nothing. */
    const bool in_pairs = answered_ns < heeds_ns;
    const int64_t spacing_ns = in_pairs ? heeds_ns / 2 : max(answered_ns, heeds_ns);
    NackTiming timing = {
        .reorder_ns = min(max(lateness_ns, REORDER_MIN_NS), REORDER_MAX_NS),
        .first_ns = max(heeds_ns - round_trip_ns(round_trip), 0) + ROUNDING_NS,
        .spacing_ns = max(spacing_ns + ROUNDING_NS, SPACING_MIN_NS),
        .answer_ns = round_trip_ns(round_trip),
    };
    const int64_t asks = in_pairs ? ASKS_IN_PAIRS : ASKS;
    const int64_t last_ns = (asks - 1) * timing.spacing_ns + answered_ns;
    timing.patience_ns = min(max(last_ns, PATIENCE_MIN_NS), PATIENCE_MAX_NS);
    return timing;
}

NackTiming nack_pace_timing(const NackPace *pace)
{
    return nack_timing(&pace->round_trip, pace->lateness_ns, pace->is_shared);
}

void nack_pace_late(NackPace *pace, int64_t late_ns)
{
    pace->lateness_ns = max(pace->lateness_ns, late_ns + late_ns / 4);
}

void nack_pace_reported(NackPace *pace, bool has_time, uint8_t lost_fraction)
{
    pace->lost_fraction = lost_fraction;
    pace->is_shared = pace->is_shared || has_time;
    pace->lateness_ns -= pace->lateness_ns / 16;
}

void nack_pace_asked(NackPace *pace, int64_t now_ns, unsigned packets)
{
    pace->asked_ns = now_ns;
    pace->unheard_packets += packets;
    if (pace->unheard++ == 0)
        pace->unheard_ns = now_ns;
}

void nack_pace_answered(NackPace *pace)
{
    pace->unheard = 0;
    pace->unheard_packets = 0;
}

bool nack_pace_is_unheard(const NackPace *pace, int64_t now_ns)
{
    const int64_t patience_ns = HEEDS_AFTER_MAX_NS + 2 * round_trip_answer_ns(&pace->round_trip);
    return pace->unheard >= UNHEARD_NACKS &&
           pace->unheard_packets >= pace->lost_fraction / FRACTION_A_PACKET &&
           now_ns - pace->unheard_ns >= patience_ns && now_ns - pace->asked_ns < patience_ns;
}

bool nack_pace_is_lossy(const NackPace *pace, int64_t now_ns)
{
    return pace->asked_ns != 0 && now_ns - pace->asked_ns < LOSSY_NS;
}
