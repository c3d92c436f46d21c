#include <glib.h>

#include "base/clock.h"
#include "timing/transit_filter.h"
#include "timing_test.h"

static int64_t lowest_ms(const TransitFilter *filter, int64_t now_ms)
{
    int64_t lowest_ns = -1;
    g_assert_true(transit_filter_lowest(filter, now_ms * NS_PER_MS, &lowest_ns));
    return lowest_ns / NS_PER_MS;
}

static void remembers_the_lowest_of_eight_seconds(void)
{
    TransitFilter filter = {0};
    int64_t lowest_ns;
    g_assert_false(transit_filter_lowest(&filter, 0, &lowest_ns));
    for (int64_t ms = 0; ms < 12000; ms += 20) {
        const int64_t transit_ms = ms == 1000 ? 10 : 30 + ms % 7;
        transit_filter_add(&filter, transit_ms * NS_PER_MS, ms * NS_PER_MS);
        g_assert_cmpint(lowest_ms(&filter, ms), >=, 10);
        if (ms >= 1000 && ms < 8900)
            g_assert_cmpint(lowest_ms(&filter, ms), ==, 10);
        if (ms > 9600)
            g_assert_cmpint(lowest_ms(&filter, ms), ==, 30);
    }
    g_assert_cmpint(transit_filter_age(&filter, 12 * NS_PER_SECOND), ==, 12 * NS_PER_SECOND);
    transit_filter_add(&filter, 90 * NS_PER_MS, 60 * NS_PER_SECOND);
    g_assert_cmpint(lowest_ms(&filter, 60000), ==, 90);
    g_assert_cmpint(transit_filter_age(&filter, 60 * NS_PER_SECOND), ==, 0);
}

static void learns_the_drift(void)
{
    static const int64_t drifts_ppb[] = {300000, -300000, 3000000, -3000000, 0};
    for (unsigned i = 0; i < G_N_ELEMENTS(drifts_ppb); i++) {
        TransitFilter filter = {0};
        for (int64_t ms = 0; ms < 60000; ms += 20) {
            const int64_t noise_ns = (ms * 7919) % 5000 * NS_PER_US;
            const int64_t transit_ns = ms * drifts_ppb[i] / 1000 + noise_ns;
            transit_filter_add(&filter, transit_ns, ms * NS_PER_MS);
        }
        g_assert_cmpint(filter.slope_ppb, >, drifts_ppb[i] - 30000);
        g_assert_cmpint(filter.slope_ppb, <, drifts_ppb[i] + 30000);
        const int64_t true_ms = 60000 * drifts_ppb[i] / 1000000000;
        g_assert_cmpint(llabs(lowest_ms(&filter, 60000) - true_ms), <=, 2);
    }
}

void transit_filter_test_add(void)
{
    g_test_add_func("/transit_filter/lowest", remembers_the_lowest_of_eight_seconds);
    g_test_add_func("/transit_filter/drift", learns_the_drift);
}
