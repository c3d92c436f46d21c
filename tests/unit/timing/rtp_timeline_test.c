#include <glib.h>

#include "base/clock.h"
#include "timing/rtp_timeline.h"
#include "timing_test.h"

static void unwraps(void)
{
    RtpTimeline timeline;
    rtp_timeline_start(&timeline, 90000, 0xfffffff0, 0);
    g_assert_cmpint(rtp_timeline_ticks(&timeline, 0x10, NS_PER_MS), ==, 32);
    g_assert_cmpint(rtp_timeline_ticks(&timeline, 0xffffffe0, NS_PER_MS), ==, -16);
    rtp_timeline_note(&timeline, 0x10, 32, NS_PER_MS);
    g_assert_cmpint(rtp_timeline_ticks(&timeline, 0xfffffff0, NS_PER_MS), ==, 0);
}

/* A camera that was off for a day: 1.8 wraps at 90 kHz. */
static void knows_the_wraps_of_a_long_silence(void)
{
    RtpTimeline timeline;
    const int64_t day_ns = 86400 * NS_PER_SECOND;
    const int64_t ticks = INT64_C(86400) * 90000;
    rtp_timeline_start(&timeline, 90000, 1000, 0);
    g_assert_cmpint(rtp_timeline_ticks(&timeline, (uint32_t)(1000 + ticks), day_ns), ==, ticks);
    g_assert_cmpint(rtp_timeline_ticks(&timeline, (uint32_t)(1000 + ticks + 500), day_ns), ==,
                    ticks + 500);
}

static void converts_without_overflow(void)
{
    RtpTimeline timeline;
    rtp_timeline_start(&timeline, 48000, 0, 0);
    g_assert_cmpint(rtp_timeline_ns(&timeline, 960), ==, 20 * NS_PER_MS);
    g_assert_cmpint(rtp_timeline_ns(&timeline, -960), ==, -20 * NS_PER_MS);
    g_assert_cmpint(rtp_timeline_ns(&timeline, INT64_C(48000) * 86400 * 365), ==,
                    86400 * 365 * NS_PER_SECOND);
}

void rtp_timeline_test_add(void)
{
    g_test_add_func("/rtp_timeline/unwraps", unwraps);
    g_test_add_func("/rtp_timeline/long_silence", knows_the_wraps_of_a_long_silence);
    g_test_add_func("/rtp_timeline/converts", converts_without_overflow);
}
