#include "room/return_link.h"

#include <glib.h>
#include <string.h>

#include "base/clock.h"

#define MAX_WAITING 1024u

typedef struct {
    int64_t due_ns;
    size_t size;
    uint8_t bytes[PACKET_LINK_MAX_PACKET];
} WaitingRtcp;

struct ReturnLink {
    const FaultScript *script;
    ReturnLinkOut out;
    uint64_t random;
    GQueue waiting; /* of WaitingRtcp, in the order in which they came */
};

ReturnLink *return_link_new(const FaultScript *script, uint32_t seed, ReturnLinkOut out)
{
    ReturnLink *const link = g_new0(ReturnLink, 1);
    link->script = script;
    link->out = out;
    link->random = packet_link_seed(seed);
    g_queue_init(&link->waiting);
    return link;
}

void return_link_free(ReturnLink *link)
{
    if (link == NULL) {
        return;
    }
    g_queue_clear_full(&link->waiting, g_free);
    g_free(link);
}

static bool is_lost(ReturnLink *link, int64_t at_ns)
{
    const Fault *const fault = fault_script_find(link->script, FAULT_FEEDBACK_LOSS, at_ns);
    return fault != NULL && packet_link_draw(&link->random, fault->percent);
}

void return_link_push(ReturnLink *link, const uint8_t *packet, size_t size, int64_t at_ns)
{
    const Fault *const delay = fault_script_find(link->script, FAULT_DELAY, at_ns);
    if (is_lost(link, at_ns) || size > PACKET_LINK_MAX_PACKET) {
        return;
    }
    if (delay == NULL) {
        link->out.rtcp(link->out.owner, packet, size);
        return;
    }
    if (g_queue_get_length(&link->waiting) >= MAX_WAITING) {
        return;
    }
    WaitingRtcp *const waiting = g_new(WaitingRtcp, 1);
    waiting->due_ns = at_ns + delay->time_ns;
    waiting->size = size;
    memcpy(waiting->bytes, packet, size);
    g_queue_push_tail(&link->waiting, waiting);
}

int64_t return_link_advance(ReturnLink *link, int64_t at_ns)
{
    for (;;) {
        WaitingRtcp *const first = g_queue_peek_head(&link->waiting);
        if (first == NULL) {
            return CLOCK_NEVER;
        }
        if (first->due_ns > at_ns) {
            return first->due_ns;
        }
        g_queue_pop_head(&link->waiting);
        link->out.rtcp(link->out.owner, first->bytes, first->size);
        g_free(first);
    }
}
