#include "recorder/service_tick.h"

#include "base/clock.h"

typedef struct {
    GSource source;
    ServiceTick *tick;
} TickSource;

struct ServiceTick {
    GSource *source;
    void (*fn)(void *owner);
    void *owner;
    int64_t called_ns, interval_ns;
};

static void set_next(const ServiceTick *tick)
{
    g_source_set_ready_time(tick->source, (tick->called_ns + tick->interval_ns) / NS_PER_US);
}

static gboolean on_time(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)callback;
    (void)data;
    ServiceTick *tick = ((TickSource *)source)->tick;
    tick->called_ns = clock_monotonic_ns();
    set_next(tick);
    tick->fn(tick->owner);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {.dispatch = on_time};

ServiceTick *service_tick_new(void (*fn)(void *owner), void *owner)
{
    ServiceTick *tick = g_new0(ServiceTick, 1);
    tick->fn = fn;
    tick->owner = owner;
    tick->called_ns = clock_monotonic_ns();
    tick->interval_ns = SERVICE_TICK_MS * NS_PER_MS;
    tick->source = g_source_new(&source_functions, sizeof(TickSource));
    ((TickSource *)tick->source)->tick = tick;
    g_source_set_name(tick->source, "service_tick");
    set_next(tick);
    g_source_attach(tick->source, g_main_context_get_thread_default());
    return tick;
}

void service_tick_free(ServiceTick *tick)
{
    if (!tick)
        return;
    g_source_destroy(tick->source);
    g_source_unref(tick->source);
    g_free(tick);
}

void service_tick_set(ServiceTick *tick, unsigned recordings, bool all_are_steady)
{
    const bool is_rare = recordings >= SERVICE_TICK_MANY && all_are_steady;
    tick->interval_ns = (is_rare ? SERVICE_TICK_STEADY_MS : SERVICE_TICK_MS) * NS_PER_MS;
    set_next(tick);
}

void service_tick_hurry(ServiceTick *tick)
{
    service_tick_set(tick, 0, false);
}
