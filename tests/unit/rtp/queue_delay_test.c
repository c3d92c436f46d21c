#include <glib.h>

#include "base/clock.h"
#include "rtp/queue_delay.h"
#include "rtp_test.h"

#define RATE 90000
#define FPS 25
#define TICKS (RATE / FPS)
#define START_NS (1000 * NS_PER_SECOND)

/* A second of packets, each `late_ns` later than sent and `jitter_ns` more for every second one. */
static int64_t second(QueueDelay *delay, unsigned number, int64_t late_ns, int64_t jitter_ns)
{
    for (unsigned i = 0; i < FPS; i++) {
        const unsigned frame = number * FPS + i;
        const int64_t sent_ns = START_NS + frame * (NS_PER_SECOND / FPS);
        queue_delay_packet(delay, 0xfffff000u + frame * TICKS,
                           sent_ns + late_ns + (i % 2 ? jitter_ns : 0), RATE);
    }
    return queue_delay_take(delay);
}

static void jitter_is_no_queue(void)
{
    QueueDelay delay = {0};
    for (unsigned i = 0; i < 30; i++)
        g_assert_cmpint(second(&delay, i, 50 * NS_PER_MS, 35 * NS_PER_MS), <, NS_PER_MS);
}

static void a_queue_that_grows_is_seen(void)
{
    QueueDelay delay = {0};
    for (unsigned i = 0; i < 5; i++)
        second(&delay, i, 50 * NS_PER_MS, 0);
    g_assert_cmpint(second(&delay, 5, 250 * NS_PER_MS, 0), ==, 200 * NS_PER_MS);
    g_assert_cmpint(second(&delay, 6, 400 * NS_PER_MS, 0), ==, 350 * NS_PER_MS);
    g_assert_cmpint(second(&delay, 7, 50 * NS_PER_MS, 0), ==, 0);
}

/* 3000 ppm slow: three milliseconds more each second, of twenty seconds at most. */
static void drift_is_forgotten(void)
{
    QueueDelay delay = {0};
    for (unsigned i = 0; i < 120; i++)
        g_assert_cmpint(second(&delay, i, i * 3 * NS_PER_MS, 0), <=, 60 * NS_PER_MS);
}

static void late_packets_and_jumps_are_no_queue(void)
{
    QueueDelay delay = {0};
    for (unsigned i = 0; i < 3; i++)
        second(&delay, i, 50 * NS_PER_MS, 0);
    /* sent again half a second later */
    queue_delay_packet(&delay, 0xfffff000u + 70 * TICKS, START_NS + 3500 * NS_PER_MS, RATE);
    g_assert_cmpint(second(&delay, 3, 50 * NS_PER_MS, 0), ==, 0);
    /* an hour back, and forth again */
    for (unsigned i = 0; i < FPS; i++)
        queue_delay_packet(&delay, 0xfffff000u - 3600u * RATE + i * TICKS,
                           START_NS + 4 * NS_PER_SECOND + i * (NS_PER_SECOND / FPS), RATE);
    g_assert_cmpint(queue_delay_take(&delay), <, NS_PER_MS);
    g_assert_cmpint(second(&delay, 5, 50 * NS_PER_MS, 0), <, NS_PER_MS);
}

static void nothing_says_nothing(void)
{
    QueueDelay delay = {0};
    g_assert_cmpint(queue_delay_take(&delay), ==, 0);
    second(&delay, 0, 0, 0);
    g_assert_cmpint(queue_delay_take(&delay), ==, 0);
}

void queue_delay_test_add(void)
{
    g_test_add_func("/rtp/queue_delay/jitter_is_no_queue", jitter_is_no_queue);
    g_test_add_func("/rtp/queue_delay/a_queue_that_grows_is_seen", a_queue_that_grows_is_seen);
    g_test_add_func("/rtp/queue_delay/drift_is_forgotten", drift_is_forgotten);
    g_test_add_func("/rtp/queue_delay/late_packets_and_jumps_are_no_queue",
                    late_packets_and_jumps_are_no_queue);
    g_test_add_func("/rtp/queue_delay/nothing_says_nothing", nothing_says_nothing);
}
