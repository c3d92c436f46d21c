/* Estimates how long packets of one source wait in queues on their way: by how much the lowest
 * transit of an interval is over the lowest of the last twenty. Bursts and jitter have no part in
 * a minimum; a link that is asked for more than it carries has.
 * Thread: net; a value, no allocation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_DELAY_INTERVALS 20

typedef struct {
    bool has_packet;
    uint32_t rtp_timestamp;
    int64_t media_ns;                       /* of the newest packet, on a timeline of its own */
    bool is_filled;                         /* the present interval has a packet */
    int64_t lowest_ns;                      /* of the present interval */
    int64_t past_ns[QUEUE_DELAY_INTERVALS]; /* a ring of the lowest of former ones */
    unsigned past_count, past_next;
} QueueDelay;

/* The source's timestamps begin anew. */
void queue_delay_reset(QueueDelay *delay);

void queue_delay_packet(QueueDelay *delay, uint32_t rtp_timestamp, int64_t arrival_ns,
                        uint32_t clock_rate);

/* Ends an interval, of about a second; 0 without a packet in it. */
int64_t queue_delay_take(QueueDelay *delay);
