/* The room's clock: stands at zero until the first subscriber has joined, then runs.
 * Thread: started by main, read by any. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    _Atomic int64_t zero_ns; /* monotonic; 0 = stands */
} RoomClock;

static inline bool room_clock_runs(const RoomClock *clock)
{
    return atomic_load_explicit(&clock->zero_ns, memory_order_relaxed) != 0;
}

static inline void room_clock_start(RoomClock *clock, int64_t now_ns)
{
    atomic_store_explicit(&clock->zero_ns, now_ns, memory_order_relaxed);
}

static inline int64_t room_clock_at(const RoomClock *clock, int64_t now_ns)
{
    const int64_t zero_ns = atomic_load_explicit(&clock->zero_ns, memory_order_relaxed);
    return zero_ns == 0 || now_ns < zero_ns ? 0 : now_ns - zero_ns;
}
