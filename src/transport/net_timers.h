/* The timers of a net thread's many connections as one source of its loop: GLib looks at each
 * source in each turn.
 * Thread: net. */
#pragma once

#include <glib.h>
#include <stdint.h>

typedef struct NetTimers NetTimers;

/* Embedded in its owner, which sets the first two. */
typedef struct {
    void *owner;
    /* The time has come; it may be set anew, and timers added and removed. */
    void (*fire)(void *owner);
    unsigned index;
} NetTimer;

NetTimers *net_timers_new(GMainContext *context);
void net_timers_free(NetTimers *timers); /* all of them are removed by then */

void net_timers_add(NetTimers *timers, NetTimer *timer); /* not set */
void net_timers_remove(NetTimers *timers, NetTimer *timer);

/* Once, at that monotonic time; CLOCK_NEVER = not at all. */
void net_timers_set(NetTimers *timers, NetTimer *timer, int64_t at_ns);
