#include <glib.h>

#include "base/clock.h"
#include "base_test.h"

static void test_runs_forward(void)
{
    int64_t last = clock_monotonic_ns();
    g_assert_cmpint(last, >, 0);
    for (unsigned i = 0; i < 1000; i++) {
        const int64_t now = clock_monotonic_ns();
        g_assert_cmpint(now, >=, last);
        last = now;
    }
}

static void test_counts_nanoseconds_since_1970(void)
{
    const int64_t before = g_get_real_time() * NS_PER_US;
    const int64_t now = clock_wall_ns();
    g_assert_cmpint(now, >=, before);
    g_assert_cmpint(now, <, before + 60 * NS_PER_SECOND);
}

void clock_test_add(void)
{
    g_test_add_func("/clock/runs-forward", test_runs_forward);
    g_test_add_func("/clock/counts-since-1970", test_counts_nanoseconds_since_1970);
}
