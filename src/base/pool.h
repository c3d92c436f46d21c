/* Recycles memory blocks of a few size classes under a ceiling in bytes.
 * Thread: any; one short lock a call. A pool lives until its last reference and last block are
 * gone, so that a frame may outlive the recording's net side. */
#pragma once

#include <stddef.h>

#include "base/hot_memory.h"

typedef struct Pool Pool;

Pool *pool_new(size_t max_bytes);
Pool *pool_ref(Pool *pool);
void pool_unref(Pool *pool);

/* At least `size` bytes, aligned for any type; NULL when the ceiling would be passed or `size` is
 * over the largest class (8 MiB). The block goes back with pool_put(). */
void *pool_get(Pool *pool, size_t size, size_t *ret_capacity);
void pool_put(Pool *pool, void *block);

typedef struct {
    size_t max_bytes;
    size_t held_bytes; /* taken from the system: in use or idle */
    size_t in_use_bytes;
    size_t system_allocations; /* since the start; constant when the pool is warm */
} PoolUsage;

PoolUsage pool_usage(Pool *pool);

/* Adds what pool_get() touches of it. */
void pool_hot_memory(const Pool *pool, HotMemory *hot);
