/* The process's two clocks in nanoseconds.
 * Thread: any; the hot path reads the time once per wake-up. */
#pragma once

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_SECOND INT64_C(1000000000)

/* A deadline that never comes. */
#define CLOCK_NEVER INT64_MAX

int64_t clock_monotonic_ns(void);
int64_t clock_wall_ns(void); /* since 1970, UTC */
