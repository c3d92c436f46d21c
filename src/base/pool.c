#include "base/pool.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>

#include "base/check.h"

#define SMALLEST_BYTES ((size_t)512)
#define CLASS_COUNT 15 /* 512 B, 1 KiB, ... 8 MiB */

typedef struct Block Block;

struct Block {
    unsigned class_index;
    Block *next; /* while idle */
    alignas(max_align_t) unsigned char data[];
};

struct Pool {
    pthread_mutex_t lock;
    unsigned references;
    size_t blocks_in_use;
    PoolUsage usage;
    Block *idle[CLASS_COUNT];
};

static size_t class_bytes(unsigned class_index)
{
    return SMALLEST_BYTES << class_index;
}

static Block *block_of(void *data)
{
    return (Block *)(void *)((unsigned char *)data - offsetof(Block, data));
}

Pool *pool_new(size_t max_bytes)
{
    Pool *pool = calloc(1, sizeof *pool);
    require(pool != NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pool->references = 1;
    pool->usage.max_bytes = max_bytes;
    return pool;
}

Pool *pool_ref(Pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->references++;
    pthread_mutex_unlock(&pool->lock);
    return pool;
}

static void release_idle_block(Pool *pool, unsigned class_index)
{
    Block *block = pool->idle[class_index];
    pool->idle[class_index] = block->next;
    pool->usage.held_bytes -= class_bytes(class_index);
    free(block);
}

static void pool_free(Pool *pool)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        while (pool->idle[i] != NULL)
            release_idle_block(pool, i);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void pool_unref(Pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    check(pool->references > 0);
    const bool is_last = --pool->references == 0 && pool->blocks_in_use == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        pool_free(pool);
}

static unsigned class_for(size_t size)
{
    unsigned class_index = 0;
    while (class_index < CLASS_COUNT && class_bytes(class_index) < size)
        class_index++;
    return class_index;
}

/* Idle blocks of other sizes go, the largest first, until `bytes` more may be held. */
static bool make_room(Pool *pool, size_t bytes)
{
    if (bytes > pool->usage.max_bytes - pool->usage.in_use_bytes)
        return false;
    for (unsigned i = CLASS_COUNT; i-- > 0;) {
        while (pool->idle[i] != NULL && pool->usage.held_bytes + bytes > pool->usage.max_bytes)
            release_idle_block(pool, i);
    }
    return true;
}

/* An idle block, or NULL with the bytes of a new one already accounted for. */
static bool reserve(Pool *pool, unsigned class_index, Block **ret_idle)
{
    const size_t bytes = class_bytes(class_index);
    Block *idle = pool->idle[class_index];
    if (idle != NULL) {
        pool->idle[class_index] = idle->next;
    } else {
        if (!make_room(pool, bytes))
            return false;
        pool->usage.held_bytes += bytes;
        pool->usage.system_allocations++;
    }
    pool->usage.in_use_bytes += bytes;
    pool->blocks_in_use++;
    *ret_idle = idle;
    return true;
}

void *pool_get(Pool *pool, size_t size, size_t *ret_capacity)
{
    const unsigned class_index = class_for(size);
    if (class_index == CLASS_COUNT)
        return NULL;

    Block *block = NULL;
    pthread_mutex_lock(&pool->lock);
    const bool allowed = reserve(pool, class_index, &block);
    pthread_mutex_unlock(&pool->lock);
    if (!allowed)
        return NULL;

    if (block == NULL) {
        block = malloc(sizeof *block + class_bytes(class_index));
        require(block != NULL);
        block->class_index = class_index;
    }
    *ret_capacity = class_bytes(class_index);
    return block->data;
}

void pool_put(Pool *pool, void *data)
{
    if (data == NULL)
        return;
    Block *block = block_of(data);
    pthread_mutex_lock(&pool->lock);
    block->next = pool->idle[block->class_index];
    pool->idle[block->class_index] = block;
    pool->usage.in_use_bytes -= class_bytes(block->class_index);
    const bool is_last = --pool->blocks_in_use == 0 && pool->references == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        pool_free(pool);
}

PoolUsage pool_usage(Pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const PoolUsage usage = pool->usage;
    pthread_mutex_unlock(&pool->lock);
    return usage;
}

void pool_hot_memory(const Pool *pool, HotMemory *hot)
{
    hot_memory_add(hot, pool, sizeof *pool);
}
