#include <glib.h>

#include "api/rate_limiter.h"
#include "api_test.h"
#include "base/clock.h"

static void test_burst_and_refill(void)
{
    static const struct {
        const char *address;
        int64_t at_ms;
        unsigned takes; /* that are granted in a row */
        unsigned wait;  /* what the next one is told */
    } rows[] = {
        {"a", 0, 10, 1},     /* two a second, five seconds' worth */
        {"b", 0, 10, 1},     /* another address has its own */
        {"a", 400, 0, 1},    /* 0.8 of one */
        {"a", 500, 1, 1},    /* 1.0 */
        {"a", 1500, 2, 1},   /* a second's worth */
        {"a", 4000, 5, 1},   /* what was not used is kept */
        {"a", 60000, 10, 1}, /* but no more than the burst */
    };
    RateLimiter *limiter = rate_limiter_new(2);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const int64_t now_ns = rows[i].at_ms * NS_PER_MS;
        for (unsigned take = 0; take < rows[i].takes; take++)
            g_assert_cmpuint(rate_limiter_take(limiter, rows[i].address, now_ns), ==, 0);
        g_assert_cmpuint(rate_limiter_take(limiter, rows[i].address, now_ns), ==, rows[i].wait);
    }
    g_assert_cmpuint(rate_limiter_size(limiter), ==, 2);
    rate_limiter_free(limiter);
}

static void test_refusals_cost_nothing(void)
{
    RateLimiter *limiter = rate_limiter_new(1);
    for (unsigned i = 0; i < RATE_BURST_SECONDS; i++)
        g_assert_cmpuint(rate_limiter_take(limiter, "a", 0), ==, 0);
    for (unsigned i = 0; i < 1000; i++)
        g_assert_cmpuint(rate_limiter_take(limiter, "a", 0), ==, 1);
    g_assert_cmpuint(rate_limiter_take(limiter, "a", NS_PER_SECOND), ==, 0);
    rate_limiter_free(limiter);
}

static void test_no_limit(void)
{
    RateLimiter *limiter = rate_limiter_new(0);
    for (unsigned i = 0; i < 1000; i++)
        g_assert_cmpuint(rate_limiter_take(limiter, "a", 0), ==, 0);
    g_assert_cmpuint(rate_limiter_size(limiter), ==, 0);
    rate_limiter_free(limiter);
}

static unsigned take_all(RateLimiter *limiter, const char *address)
{
    unsigned taken = 0;
    while (rate_limiter_take(limiter, address, 0) == 0)
        taken++;
    return taken;
}

/* Memory is bounded; who came last is remembered. */
static void test_many_addresses(void)
{
    RateLimiter *limiter = rate_limiter_new(1);
    take_all(limiter, "first");
    take_all(limiter, "kept");
    for (unsigned i = 0; i < RATE_MAX_ADDRESSES - 1; i++) {
        g_autofree char *address = g_strdup_printf("%u", i);
        rate_limiter_take(limiter, address, 0);
        g_assert_cmpuint(rate_limiter_take(limiter, "kept", 0), >, 0);
    }
    g_assert_cmpuint(rate_limiter_size(limiter), ==, RATE_MAX_ADDRESSES);
    g_assert_cmpuint(take_all(limiter, "first"), ==, RATE_BURST_SECONDS);
    g_assert_cmpuint(rate_limiter_size(limiter), ==, RATE_MAX_ADDRESSES);
    rate_limiter_free(limiter);
}

void rate_limiter_test_add(void)
{
    g_test_add_func("/rate-limiter/burst-and-refill", test_burst_and_refill);
    g_test_add_func("/rate-limiter/refusals-cost-nothing", test_refusals_cost_nothing);
    g_test_add_func("/rate-limiter/no-limit", test_no_limit);
    g_test_add_func("/rate-limiter/many-addresses", test_many_addresses);
}
