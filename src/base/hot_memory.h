/* The memory that the next packets of one connection will touch. Among hundreds of connections a
 * connection's own has gone from the caches since it was last read; fetched together, and while the
 * one before it is worked on, its lines cost a fraction of one miss after the other.
 * Thread: its owner's. What is listed may be freed meanwhile: fetching it does no harm. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HOT_MEMORY_RANGES 62 /* a peer and three tracks; what is beyond them is not listed */
#define HOT_MEMORY_LINE 64

typedef struct {
    unsigned count;
    uintptr_t ranges[HOT_MEMORY_RANGES]; /* a line, and in its low bits how many follow it */
} HotMemory;

/* At most 4 KiB of it. NULL and 0 bytes add nothing. */
void hot_memory_add(HotMemory *hot, const void *begin, size_t size);

/* Does not wait for it. */
void hot_memory_fetch(const HotMemory *hot);
void hot_memory_fetch_list(const HotMemory *hot); /* `ranges`, which is memory itself */
