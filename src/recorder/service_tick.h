/* When the service looks at its recordings. Thread: main. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct ServiceTick ServiceTick;

/* `fn` is called again and again from now on, in the thread's default context. */
ServiceTick *service_tick_new(void (*fn)(void *owner), void *owner);
void service_tick_free(ServiceTick *tick);

/* Every SERVICE_TICK_MS, or every SERVICE_TICK_STEADY_MS where there are SERVICE_TICK_MANY
 * recordings, so that each look costs, and all of them do nothing but record. */
#define SERVICE_TICK_MS 100
#define SERVICE_TICK_STEADY_MS 250
#define SERVICE_TICK_MANY 200
void service_tick_set(ServiceTick *tick, unsigned recordings, bool all_are_steady);
void service_tick_hurry(ServiceTick *tick); /* one of them is not any more */
