#include "transport/net_timers.h"

#include <stdbool.h>

#include "base/check.h"
#include "base/clock.h"

typedef struct {
    GSource source;
    NetTimers *timers;
} TimersSource;

/* Side by side: to look at a thousand of them takes a microsecond. */
typedef struct {
    int64_t at_ns;
    NetTimer *timer; /* NULL where one was removed while they fire */
} Entry;

struct NetTimers {
    GSource *source;
    GArray *entries; /* of Entry */
    int64_t next_ns;
    unsigned removed;
    bool is_firing;
};

static Entry *entry_at(const NetTimers *timers, unsigned index)
{
    return &g_array_index(timers->entries, Entry, index);
}

static void wake_at(NetTimers *timers, int64_t at_ns)
{
    if (at_ns == timers->next_ns)
        return;
    timers->next_ns = at_ns;
    const int64_t at_us = at_ns / NS_PER_US + (at_ns % NS_PER_US > 0);
    g_source_set_ready_time(timers->source, at_ns == CLOCK_NEVER ? -1 : at_us);
}

static void remove_at(NetTimers *timers, unsigned index)
{
    g_array_remove_index_fast(timers->entries, index);
    if (index < timers->entries->len && entry_at(timers, index)->timer)
        entry_at(timers, index)->timer->index = index;
}

static void forget_removed(NetTimers *timers)
{
    for (unsigned i = timers->entries->len; i > 0 && timers->removed > 0; i--) {
        if (entry_at(timers, i - 1)->timer)
            continue;
        remove_at(timers, i - 1);
        timers->removed--;
    }
}

static void fire_due(NetTimers *timers, int64_t now_ns)
{
    timers->is_firing = true;
    for (unsigned i = 0; i < timers->entries->len; i++) {
        Entry *entry = entry_at(timers, i);
        if (!entry->timer || entry->at_ns > now_ns)
            continue;
        entry->at_ns = CLOCK_NEVER;
        entry->timer->fire(entry->timer->owner);
    }
    timers->is_firing = false;
    forget_removed(timers);
}

static gboolean on_due(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)callback;
    (void)data;
    NetTimers *timers = ((TimersSource *)source)->timers;
    fire_due(timers, clock_monotonic_ns());
    int64_t next_ns = CLOCK_NEVER;
    for (unsigned i = 0; i < timers->entries->len; i++)
        next_ns = MIN(next_ns, entry_at(timers, i)->at_ns);
    wake_at(timers, next_ns);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {.dispatch = on_due};

NetTimers *net_timers_new(GMainContext *context)
{
    NetTimers *timers = g_new0(NetTimers, 1);
    timers->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    timers->next_ns = CLOCK_NEVER;
    timers->source = g_source_new(&source_functions, sizeof(TimersSource));
    ((TimersSource *)timers->source)->timers = timers;
    g_source_set_name(timers->source, "net_timers");
    g_source_attach(timers->source, context);
    return timers;
}

void net_timers_free(NetTimers *timers)
{
    if (!timers)
        return;
    require(timers->entries->len == 0);
    g_source_destroy(timers->source);
    g_source_unref(timers->source);
    g_array_unref(timers->entries);
    g_free(timers);
}

void net_timers_add(NetTimers *timers, NetTimer *timer)
{
    const Entry entry = {CLOCK_NEVER, timer};
    timer->index = timers->entries->len;
    g_array_append_val(timers->entries, entry);
}

void net_timers_remove(NetTimers *timers, NetTimer *timer)
{
    Entry *entry = entry_at(timers, timer->index);
    require(entry->timer == timer);
    if (!timers->is_firing) {
        remove_at(timers, timer->index);
        return;
    }
    *entry = (Entry){CLOCK_NEVER, NULL};
    timers->removed++;
}

void net_timers_set(NetTimers *timers, NetTimer *timer, int64_t at_ns)
{
    Entry *entry = entry_at(timers, timer->index);
    require(entry->timer == timer);
    entry->at_ns = at_ns;
    if (at_ns < timers->next_ns)
        wake_at(timers, at_ns);
}
