#include "flow/frame.h"

#include <stdatomic.h>
#include <string.h>

#include "base/check.h"

/* The frame and its bytes are one block of the pool: the bytes begin here. */
#define DATA_OFFSET ((sizeof(Frame) + 63) / 64 * 64)

static void frame_place_data(Frame *frame, size_t block_bytes)
{
    frame->data = (uint8_t *)frame + DATA_OFFSET;
    frame->capacity = block_bytes - DATA_OFFSET;
}

Frame *frame_new(Pool *pool, size_t capacity)
{
    size_t block_bytes;
    if (capacity > SIZE_MAX - DATA_OFFSET)
        return NULL;
    Frame *frame = pool_get(pool, DATA_OFFSET + capacity, &block_bytes);
    if (frame == NULL)
        return NULL;
    memset(frame, 0, sizeof *frame);
    frame->pool = pool;
    atomic_init(&frame->references, 1);
    frame_place_data(frame, block_bytes);
    return frame;
}

bool frame_reserve(Frame **frame, size_t capacity)
{
    Frame *old = *frame;
    check(atomic_load_explicit(&old->references, memory_order_relaxed) == 1);
    if (capacity <= old->capacity)
        return true;
    size_t block_bytes;
    if (capacity > SIZE_MAX - DATA_OFFSET)
        return false;
    Frame *larger = pool_get(old->pool, DATA_OFFSET + capacity, &block_bytes);
    if (larger == NULL)
        return false;
    memcpy(larger, old, sizeof *old);
    frame_place_data(larger, block_bytes);
    memcpy(larger->data, old->data, old->size);
    pool_put(old->pool, old);
    *frame = larger;
    return true;
}

Frame *frame_ref(Frame *frame)
{
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

void frame_unref(Frame *frame)
{
    if (frame == NULL)
        return;
    if (atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel) == 1)
        pool_put(frame->pool, frame);
}
