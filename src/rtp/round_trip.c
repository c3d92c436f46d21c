#include "rtp/round_trip.h"

#include "base/clock.h"

#define ASSUMED_NS (70 * NS_PER_MS)
#define ASSUMED_DEVIATION_NS (10 * NS_PER_MS)
#define LONGEST_NS (10 * NS_PER_SECOND)
#define MIN_MARGIN_NS (10 * NS_PER_MS) /* timers and a busy machine on both sides */

void round_trip_sample(RoundTrip *round_trip, int64_t sample_ns)
{
    if (sample_ns < 0 || sample_ns > LONGEST_NS)
        return;
    if (!round_trip->is_known) {
        *round_trip = (RoundTrip){true, sample_ns, sample_ns / 8};
        return;
    }
    const int64_t error_ns = sample_ns - round_trip->smoothed_ns;
    const int64_t distance_ns = error_ns < 0 ? -error_ns : error_ns;
    /* the queue of a saturated link grows within a few samples, of which there is one a second */
    const bool is_queue = sample_ns > round_trip_answer_ns(round_trip);
    round_trip->deviation_ns += (distance_ns - round_trip->deviation_ns) / 4;
    round_trip->smoothed_ns += error_ns / (is_queue ? 2 : 8);
}

int64_t round_trip_ns(const RoundTrip *round_trip)
{
    return round_trip->is_known ? round_trip->smoothed_ns : ASSUMED_NS;
}

int64_t round_trip_answer_ns(const RoundTrip *round_trip)
{
    const int64_t deviation_ns =
        round_trip->is_known ? round_trip->deviation_ns : ASSUMED_DEVIATION_NS;
    const int64_t margin_ns = 4 * deviation_ns;
    return round_trip_ns(round_trip) + (margin_ns > MIN_MARGIN_NS ? margin_ns : MIN_MARGIN_NS);
}
