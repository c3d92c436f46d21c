/* Hands the frames of one track from the net thread to its sink, dropping the oldest when full.
 * A dropped video frame takes everything up to the next key frame with it, because what refers to
 * it could not be decoded. End of stream travels through the queue.
 * Thread: one producer, one consumer; one short lock a frame. Allocates only in new. */
#pragma once

#include "flow/frame.h"

typedef struct BoundedQueue BoundedQueue;

#define QUEUE_VIDEO_MAX_ITEMS 60  /* about two seconds at 30 fps */
#define QUEUE_AUDIO_MAX_ITEMS 200 /* four seconds of 20 ms packets */

BoundedQueue *bounded_queue_new(TrackKind kind, unsigned max_items, size_t max_bytes);
void bounded_queue_free(BoundedQueue *queue);

typedef struct {
    bool accepted;       /* false: this frame itself was dropped (and unreferenced) */
    unsigned dropped;    /* frames that went, this one included */
    bool needs_keyframe; /* nothing decodable follows until a key frame: send a PLI */
} QueuePut;

/* Takes over the caller's reference. After end_of_stream it refuses. */
QueuePut bounded_queue_put(BoundedQueue *queue, Frame *frame);
void bounded_queue_end(BoundedQueue *queue);

typedef enum { QUEUE_FRAME, QUEUE_EMPTY, QUEUE_END } QueueGet;

/* Does not wait. The frame's reference is the caller's. */
QueueGet bounded_queue_get(BoundedQueue *queue, Frame **ret_frame);

/* Consumer: `wanted(owner)` is called whenever the producer begins to wait for room; on its thread,
 * with the queue locked. */
void bounded_queue_on_room_wanted(BoundedQueue *queue, void (*wanted)(void *owner), void *owner);

/* Producer: waits so long at most until this frame has room; false when it was in vain. */
bool bounded_queue_wait_room(BoundedQueue *queue, const Frame *frame, int64_t max_ns);

/* Waits for a frame or the end, but no longer than that: then QUEUE_EMPTY. */
QueueGet bounded_queue_wait(BoundedQueue *queue, int64_t max_ns, Frame **ret_frame);

typedef struct {
    unsigned size, max;
    size_t bytes;
    uint64_t total_enqueued;
    uint64_t dropped;
} QueueStats;

QueueStats bounded_queue_stats(BoundedQueue *queue); /* any thread */

/* Adds what bounded_queue_put() touches of it, but for the frame's place. */
void bounded_queue_hot_memory(const BoundedQueue *queue, HotMemory *hot);
