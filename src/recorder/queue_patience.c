#include "recorder/queue_patience.h"

#include "base/clock.h"

#define FRAME_NS (200 * NS_PER_MS) /* the writer comes at once, unless others hold it up */
#define TURN_NS (500 * NS_PER_MS)

void queue_patience_wait(QueuePatience *patience, BoundedQueue *queue, const Frame *frame)
{
    if (frame->arrival_ns >= patience->until_ns || !patience->waited_ns ||
        *patience->waited_ns >= TURN_NS)
        return;
    const int64_t begin_ns = clock_monotonic_ns();
    /* a writer that takes nothing in that time hangs: others of this thread are not to wait */
    if (!bounded_queue_wait_room(queue, frame, FRAME_NS))
        patience->until_ns = 0;
    *patience->waited_ns += clock_monotonic_ns() - begin_ns;
}
