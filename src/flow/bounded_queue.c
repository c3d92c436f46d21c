#include "flow/bounded_queue.h"

#include <pthread.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"

struct BoundedQueue {
    TrackKind kind;
    unsigned max_items;
    size_t max_bytes;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a frame came, or the end */
    pthread_cond_t room;    /* a frame went while somebody waited for it */
    bool is_room_wanted;
    void (*room_wanted)(void *owner);
    void *room_owner;
    bool ended;
    bool needs_keyframe;
    unsigned first;
    unsigned count;
    size_t bytes;
    uint64_t total_enqueued;
    uint64_t dropped;
    Frame *ring[];
};

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

BoundedQueue *bounded_queue_new(TrackKind kind, unsigned max_items, size_t max_bytes)
{
    require(max_items > 0);
    BoundedQueue *queue = calloc(1, sizeof *queue + max_items * sizeof queue->ring[0]);
    require(queue != NULL);
    queue->kind = kind;
    queue->max_items = max_items;
    queue->max_bytes = max_bytes;
    pthread_mutex_init(&queue->lock, NULL);
    init_condition(&queue->changed);
    init_condition(&queue->room);
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
    pthread_cond_destroy(&queue->changed);
    pthread_cond_destroy(&queue->room);
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
    if (put.accepted)
        pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    if (!put.accepted)
        frame_unref(frame);
    return put;
}

void bounded_queue_end(BoundedQueue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->ended = true;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

static QueueGet get_locked(BoundedQueue *queue, Frame **ret_frame)
{
    if (queue->count == 0)
        return queue->ended ? QUEUE_END : QUEUE_EMPTY;
    *ret_frame = pop_first(queue);
    if (queue->is_room_wanted) {
        queue->is_room_wanted = false;
        pthread_cond_signal(&queue->room);
    }
    return QUEUE_FRAME;
}

QueueGet bounded_queue_get(BoundedQueue *queue, Frame **ret_frame)
{
    pthread_mutex_lock(&queue->lock);
    const QueueGet got = get_locked(queue, ret_frame);
    pthread_mutex_unlock(&queue->lock);
    return got;
}

static struct timespec after(int64_t max_ns)
{
    const int64_t until_ns = clock_monotonic_ns() + max_ns;
    return (struct timespec){.tv_sec = until_ns / NS_PER_SECOND,
                             .tv_nsec = until_ns % NS_PER_SECOND};
}

void bounded_queue_on_room_wanted(BoundedQueue *queue, void (*wanted)(void *owner), void *owner)
{
    pthread_mutex_lock(&queue->lock);
    queue->room_wanted = wanted;
    queue->room_owner = owner;
    pthread_mutex_unlock(&queue->lock);
}

static void want_room(BoundedQueue *queue)
{
    queue->is_room_wanted = true;
    if (queue->room_wanted != NULL)
        queue->room_wanted(queue->room_owner);
}

bool bounded_queue_wait_room(BoundedQueue *queue, const Frame *frame, int64_t max_ns)
{
    const struct timespec until = after(max_ns);
    const bool never_fits = frame->size > queue->max_bytes;
    int error = 0;
    pthread_mutex_lock(&queue->lock);
    while (!never_fits && !has_room(queue, frame) && !queue->ended && error == 0) {
        want_room(queue);
        error = pthread_cond_timedwait(&queue->room, &queue->lock, &until);
    }
    queue->is_room_wanted = false;
    pthread_mutex_unlock(&queue->lock);
    return error == 0;
}

QueueGet bounded_queue_wait(BoundedQueue *queue, int64_t max_ns, Frame **ret_frame)
{
    const struct timespec until = after(max_ns);
    int error = 0;
    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->ended && error == 0)
        error = pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
    const QueueGet got = get_locked(queue, ret_frame);
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

void bounded_queue_hot_memory(const BoundedQueue *queue, HotMemory *hot)
{
    hot_memory_add(hot, queue, offsetof(BoundedQueue, ring));
}
