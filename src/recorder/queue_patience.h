/* Decides whether frames of a backlog wait for room in their queue, instead of taking that of older
 * ones: after a standstill what waited in the socket comes at once. It ends with the backlog, or
 * with a writer that takes nothing, and pauses when half a second of the thread's turn was waited.
 * Thread: net; it waits. */
#pragma once

#include "flow/bounded_queue.h"

typedef struct {
    int64_t until_ns;   /* frames that arrived before that are the backlog */
    int64_t *waited_ns; /* by all in this turn of the thread; borrowed; NULL: none may */
} QueuePatience;

void queue_patience_wait(QueuePatience *patience, BoundedQueue *queue, const Frame *frame);
