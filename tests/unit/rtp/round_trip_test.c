#include <glib.h>

#include "base/clock.h"
#include "rtp/round_trip.h"
#include "rtp_test.h"

static void assumes_what_the_server_does(void)
{
    const RoundTrip round_trip = {0};
    g_assert_cmpint(round_trip_ns(&round_trip), ==, 70 * NS_PER_MS);
    g_assert_cmpint(round_trip_answer_ns(&round_trip), ==, 110 * NS_PER_MS);
}

static void follows_and_smooths(void)
{
    RoundTrip round_trip = {0};
    round_trip_sample(&round_trip, 50 * NS_PER_MS);
    g_assert_cmpint(round_trip_ns(&round_trip), ==, 50 * NS_PER_MS);
    round_trip_sample(&round_trip, 58 * NS_PER_MS);
    g_assert_cmpint(round_trip_ns(&round_trip), ==, 51 * NS_PER_MS);
    for (unsigned i = 0; i < 100; i++)
        round_trip_sample(&round_trip, 130 * NS_PER_MS);
    g_assert_cmpint(round_trip_ns(&round_trip), >, 129 * NS_PER_MS);
    g_assert_cmpint(round_trip_answer_ns(&round_trip), <, 141 * NS_PER_MS);
}

/* Asking again by the old round trip would only make the queue longer. */
static void a_queue_is_believed_soon(void)
{
    RoundTrip round_trip = {0};
    for (unsigned i = 0; i < 20; i++)
        round_trip_sample(&round_trip, 50 * NS_PER_MS);
    round_trip_sample(&round_trip, NS_PER_SECOND);
    round_trip_sample(&round_trip, NS_PER_SECOND);
    g_assert_cmpint(round_trip_answer_ns(&round_trip), >, NS_PER_SECOND);
    for (unsigned i = 0; i < 40; i++)
        round_trip_sample(&round_trip, 50 * NS_PER_MS);
    g_assert_cmpint(round_trip_answer_ns(&round_trip), <, 80 * NS_PER_MS);
}

/* The more it varies, the longer an answer is waited for. */
static void waits_longer_where_it_varies(void)
{
    RoundTrip steady = {0}, varying = {0};
    for (unsigned i = 0; i < 50; i++) {
        round_trip_sample(&steady, 100 * NS_PER_MS);
        round_trip_sample(&varying, (i % 2 == 0 ? 50 : 150) * NS_PER_MS);
    }
    g_assert_cmpint(round_trip_answer_ns(&steady), ==, 110 * NS_PER_MS);
    g_assert_cmpint(round_trip_answer_ns(&varying), >, 250 * NS_PER_MS);
}

static void nonsense_changes_nothing(void)
{
    RoundTrip round_trip = {0};
    round_trip_sample(&round_trip, -1);
    g_assert_false(round_trip.is_known);
    round_trip_sample(&round_trip, 50 * NS_PER_MS);
    round_trip_sample(&round_trip, 11 * NS_PER_SECOND);
    g_assert_cmpint(round_trip_ns(&round_trip), ==, 50 * NS_PER_MS);
}

void round_trip_test_add(void)
{
    g_test_add_func("/round_trip/assumed", assumes_what_the_server_does);
    g_test_add_func("/round_trip/smoothed", follows_and_smooths);
    g_test_add_func("/round_trip/queue", a_queue_is_believed_soon);
    g_test_add_func("/round_trip/varying", waits_longer_where_it_varies);
    g_test_add_func("/round_trip/nonsense", nonsense_changes_nothing);
}
