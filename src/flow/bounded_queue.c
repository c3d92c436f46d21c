#include "flow/bounded_queue.h"

#include <pthread.h>

#include "base/check.h"

struct BoundedQueue {
    TrackKind kind;
    unsigned max_items;
    size_t max_bytes;

    pthread_mutex_t lock;
    bool ended;
    bool needs_keyframe;
    unsigned first;
    unsigned count;
    size_t bytes;
    uint64_t total_enqueued;
    uint64_t dropped;
    Frame *ring[];
};

BoundedQueue *bounded_queue_new(TrackKind kind, unsigned max_items, size_t max_bytes)
{
    require(max_items > 0);
    BoundedQueue *queue = calloc(1, sizeof *queue + max_items * sizeof queue->ring[0]);
    require(queue != NULL);
    queue->kind = kind;
    queue->max_items = max_items;
    queue->max_bytes = max_bytes;
    pthread_mutex_init(&queue->lock, NULL);
    return queue;
}

static Frame *pop_first(BoundedQueue *queue)
{
    Frame *frame = queue->ring[queue->first];
    queue->first = (queue->first + 1) % queue->max_items;
    queue->count--;
    queue->bytes -= frame->size;
    return frame;
}

void bounded_queue_free(BoundedQueue *queue)
{
    if (queue == NULL)
        return;
    while (queue->count > 0)
        frame_unref(pop_first(queue));
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

static bool has_room(const BoundedQueue *queue, const Frame *frame)
{
    return queue->count < queue->max_items && frame->size <= queue->max_bytes - queue->bytes;
}

/* The oldest frame, and of a picture all that refers to it. */
static unsigned drop_oldest(BoundedQueue *queue)
{
    unsigned dropped = 0;
    do {
        frame_unref(pop_first(queue));
        dropped++;
    } while (queue->kind == TRACK_VIDEO && queue->count > 0 && !queue->ring[queue->first]->is_key);
    return dropped;
}

static bool refers_to_dropped(const BoundedQueue *queue, const Frame *frame)
{
    return queue->kind == TRACK_VIDEO && queue->needs_keyframe && !frame->is_key;
}

static unsigned make_room(BoundedQueue *queue, const Frame *frame)
{
    unsigned dropped = 0;
    while (queue->count > 0 && !has_room(queue, frame))
        dropped += drop_oldest(queue);
    if (dropped > 0 && queue->count == 0 && queue->kind == TRACK_VIDEO)
        queue->needs_keyframe = true;
    return dropped;
}

static void append(BoundedQueue *queue, Frame *frame)
{
    queue->ring[(queue->first + queue->count) % queue->max_items] = frame;
    queue->count++;
    queue->bytes += frame->size;
    queue->total_enqueued++;
    queue->needs_keyframe = false;
}

static bool put_locked(BoundedQueue *queue, Frame *frame, unsigned *dropped)
{
    if (queue->ended || refers_to_dropped(queue, frame))
        return false;
    if (frame->size > queue->max_bytes) {
        queue->needs_keyframe = queue->kind == TRACK_VIDEO;
        return false;
    }
    *dropped = make_room(queue, frame);
    if (refers_to_dropped(queue, frame))
        return false;
    append(queue, frame);
    return true;
}

QueuePut bounded_queue_put(BoundedQueue *queue, Frame *frame)
{
    QueuePut put = {.dropped = 0};
    pthread_mutex_lock(&queue->lock);
    put.accepted = put_locked(queue, frame, &put.dropped);
    if (!put.accepted)
        put.dropped++;
    queue->dropped += put.dropped;
    put.needs_keyframe = queue->needs_keyframe;
    pthread_mutex_unlock(&queue->lock);
    if (!put.accepted)
        frame_unref(frame);
    return put;
}

void bounded_queue_end(BoundedQueue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->ended = true;
    pthread_mutex_unlock(&queue->lock);
}

QueueGet bounded_queue_get(BoundedQueue *queue, Frame **ret_frame)
{
    QueueGet got = QUEUE_FRAME;
    pthread_mutex_lock(&queue->lock);
    if (queue->count > 0)
        *ret_frame = pop_first(queue);
    else
        got = queue->ended ? QUEUE_END : QUEUE_EMPTY;
    pthread_mutex_unlock(&queue->lock);
    return got;
}

QueueStats bounded_queue_stats(BoundedQueue *queue)
{
    pthread_mutex_lock(&queue->lock);
    const QueueStats stats = {
        .size = queue->count,
        .max = queue->max_items,
        .bytes = queue->bytes,
        .total_enqueued = queue->total_enqueued,
        .dropped = queue->dropped,
    };
    pthread_mutex_unlock(&queue->lock);
    return stats;
}
