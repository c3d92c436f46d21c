#include <glib.h>

#include "base/clock.h"
#include "recorder/service_tick.h"
#include "recorder_tests.h"

typedef struct {
    GMainContext *context;
    ServiceTick *tick;
    unsigned calls;
    int64_t called_ns; /* the last time, or made; no later than that */
} Fixture;

static void on_tick(void *owner)
{
    ((Fixture *)owner)->calls++;
}

static void set_up(Fixture *fixture)
{
    *fixture = (Fixture){.context = g_main_context_new(), .called_ns = clock_monotonic_ns()};
    g_main_context_push_thread_default(fixture->context);
    fixture->tick = service_tick_new(on_tick, fixture);
}

static void tear_down(Fixture *fixture)
{
    service_tick_free(fixture->tick);
    g_assert_false(g_main_context_pending(fixture->context));
    g_main_context_pop_thread_default(fixture->context);
    g_main_context_unref(fixture->context);
}

/* The loop would sleep for what is left of so many milliseconds since the last call. */
static void assert_interval(Fixture *fixture, int interval_ms)
{
    int priority, timeout_ms;
    g_assert_true(g_main_context_acquire(fixture->context));
    g_main_context_prepare(fixture->context, &priority);
    g_main_context_query(fixture->context, priority, &timeout_ms, NULL, 0);
    g_main_context_release(fixture->context);
    const int64_t past_ms = (clock_monotonic_ns() - fixture->called_ns) / NS_PER_MS;
    g_assert_cmpint(timeout_ms, <=, interval_ms + 1);
    g_assert_cmpint(timeout_ms, >=, interval_ms - past_ms - 1);
}

static void test_interval(void)
{
    Fixture fixture;
    set_up(&fixture);
    assert_interval(&fixture, SERVICE_TICK_MS);
    service_tick_set(fixture.tick, SERVICE_TICK_MANY - 1, true);
    assert_interval(&fixture, SERVICE_TICK_MS);
    service_tick_set(fixture.tick, SERVICE_TICK_MANY, false);
    assert_interval(&fixture, SERVICE_TICK_MS);
    service_tick_set(fixture.tick, SERVICE_TICK_MANY, true);
    assert_interval(&fixture, SERVICE_TICK_STEADY_MS);
    service_tick_hurry(fixture.tick);
    assert_interval(&fixture, SERVICE_TICK_MS);
    tear_down(&fixture);
}

static void test_calls(void)
{
    Fixture fixture;
    set_up(&fixture);
    const int64_t begin_ns = fixture.called_ns;
    while (fixture.calls < 3) {
        fixture.called_ns = clock_monotonic_ns();
        g_main_context_iteration(fixture.context, TRUE);
    }
    g_assert_cmpint(clock_monotonic_ns() - begin_ns, >=, 3 * SERVICE_TICK_MS * NS_PER_MS);
    assert_interval(&fixture, SERVICE_TICK_MS);
    tear_down(&fixture);
}

void service_tick_test_add(void)
{
    g_test_add_func("/service_tick/interval", test_interval);
    g_test_add_func("/service_tick/calls", test_calls);
}
