#include <glib.h>

#include "base/clock.h"
#include "recorder/gap_watch.h"
#include "recorder_tests.h"

static bool with_missing(GapWatch *watch, int64_t ms, bool is_key, uint64_t lost, uint64_t missing,
                         TrackGap *ret_gap)
{
    const Frame frame = {.pts_ns = ms * NS_PER_MS, .is_key = is_key};
    return gap_watch_frame(watch, &frame, lost, missing, ret_gap);
}

/* Where any number may be missing. */
static bool at(GapWatch *watch, int64_t ms, bool is_key, uint64_t lost, TrackGap *ret_gap)
{
    return with_missing(watch, ms, is_key, lost, watch->missing + 1000, ret_gap);
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

/* One packet was lost, and then nobody sent a picture for a minute. */
static void test_a_mute_is_not_lost(void)
{
    GapWatch watch = after_ten_pictures();
    TrackGap gap;
    const uint64_t before = watch.missing;
    gap_watch_packet(&watch, 1, 1);
    g_assert_true(with_missing(&watch, 60360, true, 1, before + 3, &gap));
    g_assert_cmpuint(gap.frames, ==, 3);
    g_assert_cmpint(gap.end_ns, ==, 60360 * NS_PER_MS);
    g_assert_false(
        with_missing(&watch, 99000, true, 2, before + 3, &gap)); /* no picture's packet */
}

/* Numbers that began anew say nothing: the distance is all that is known. */
static void test_a_jump(void)
{
    GapWatch watch = after_ten_pictures();
    TrackGap gap;
    gap_watch_packet(&watch, 3, 2);
    g_assert_true(with_missing(&watch, 1160, true, 2, watch.missing + 1, &gap));
    g_assert_cmpuint(gap.frames, ==, 19);
    gap_watch_packet(&watch, 0, 2);
    g_assert_true(with_missing(&watch, 1960, true, 4, watch.missing + 1, &gap));
    g_assert_cmpuint(gap.frames, ==, 1);
}

void gap_watch_test_add(void)
{
    g_test_add_func("/recorder/gap-watch/lost-packets", test_lost_packets);
    g_test_add_func("/recorder/gap-watch/full-queue", test_full_queue);
    g_test_add_func("/recorder/gap-watch/none", test_no_gap);
    g_test_add_func("/recorder/gap-watch/mute", test_a_mute_is_not_lost);
    g_test_add_func("/recorder/gap-watch/jump", test_a_jump);
}
