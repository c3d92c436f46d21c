/* The path back from one subscriber: hands RTCP on, or loses and delays it as the script says.
 * Thread: net. Allocates for delayed packets only. */
#pragma once

#include "room/packet_link.h"

typedef struct {
    void *owner;
    void (*rtcp)(void *owner, const uint8_t *packet, size_t size);
} ReturnLinkOut;

typedef struct ReturnLink ReturnLink;

ReturnLink *return_link_new(const FaultScript *script, uint32_t seed, ReturnLinkOut out);
void return_link_free(ReturnLink *link);

/* `at_ns` is on the room's clock. */
void return_link_push(ReturnLink *link, const uint8_t *packet, size_t size, int64_t at_ns);

/* Hands on what is due; returns when to call again, CLOCK_NEVER if nothing waits. */
int64_t return_link_advance(ReturnLink *link, int64_t at_ns);
