#include <glib.h>

#include "base/clock.h"
#include "recorder/gap_watch.h"
#include "recorder_tests.h"

static bool at(GapWatch *watch, int64_t ms, bool is_key, uint64_t lost, TrackGap *ret_gap)
{
    const Frame frame = {.pts_ns = ms * NS_PER_MS, .is_key = is_key};
    return gap_watch_frame(watch, &frame, lost, ret_gap);
}

static GapWatch after_ten_pictures(void)
{
    GapWatch watch = {0};
    TrackGap gap;
    for (int64_t i = 0; i < 10; i++)
        g_assert_false(at(&watch, i * 40, i == 0, 0, &gap));
    return watch;
}

static void test_lost_packets(void)
{
    GapWatch watch = after_ten_pictures();
    TrackGap gap;
    g_assert_true(at(&watch, 360 + 800, true, 3, &gap));
    g_assert_cmpint(gap.start_ns, ==, 360 * NS_PER_MS);
    g_assert_cmpint(gap.end_ns, ==, 1160 * NS_PER_MS);
    g_assert_cmpuint(gap.frames, ==, 19);
    g_assert_cmpuint(gap.packets, ==, 3);
    g_assert_true(gap.ends_with_key);
    g_assert_false(gap.queue_was_full);
    g_assert_false(at(&watch, 1200, false, 3, &gap));
    g_assert_true(at(&watch, 1280, false, 4, &gap)); /* one that nothing referred to */
    g_assert_cmpuint(gap.frames, ==, 1);
    g_assert_false(gap.ends_with_key);
}

static void test_full_queue(void)
{
    GapWatch watch = after_ten_pictures();
    TrackGap gap;
    gap_watch_queue_full(&watch);
    g_assert_true(at(&watch, 560, true, 0, &gap));
    g_assert_true(gap.queue_was_full);
    g_assert_cmpuint(gap.packets, ==, 0);
    g_assert_cmpuint(gap.frames, ==, 4);
}

/* A publisher that pauses, and packets that were lost without a picture: no gap of ours. */
static void test_no_gap(void)
{
    GapWatch watch = after_ten_pictures();
    TrackGap gap;
    g_assert_false(at(&watch, 5000, true, 0, &gap));
    g_assert_false(at(&watch, 5040, false, 1, &gap));
    GapWatch first = {0};
    g_assert_false(at(&first, 5000, true, 7, &gap));
}

void gap_watch_test_add(void)
{
    g_test_add_func("/recorder/gap-watch/lost-packets", test_lost_packets);
    g_test_add_func("/recorder/gap-watch/full-queue", test_full_queue);
    g_test_add_func("/recorder/gap-watch/none", test_no_gap);
}
