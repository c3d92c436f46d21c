#include "room/packet_link.h"

#include <glib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "rtp/rtp_packet.h"

#define MAX_WAITING 4096u
#define SEND_ROOM 64u /* more than PEER_TRAILER */
#define RTP_HEADER_SIZE 12u
#define REORDER_EVERY 10u
#define LOWER_HEADERS 28u /* of IP and UDP; a link carries them too */
#define RATE_QUEUE_BYTES 64000

typedef struct {
    int64_t due_ns;
    size_t size;
    uint8_t bytes[PACKET_LINK_MAX_PACKET + SEND_ROOM];
} WaitingPacket;

struct PacketLink {
    const FaultScript *script;
    PacketLinkOut out;
    uint64_t random;
    GQueue waiting; /* of WaitingPacket, by due_ns */
    unsigned burst_left[FAULT_MAX];
    bool burst_begun[FAULT_MAX];
    unsigned reorder_count;
    int64_t free_ns; /* of a link of limited rate: when it has sent what waits */
    PacketLinkStats stats;
};

PacketLink *packet_link_new(const FaultScript *script, uint32_t seed, PacketLinkOut out)
{
    PacketLink *const link = g_new0(PacketLink, 1);
    link->script = script;
    link->out = out;
    link->random = packet_link_seed(seed);
    g_queue_init(&link->waiting);
    return link;
}

void packet_link_free(PacketLink *link)
{
    if (link == NULL) {
        return;
    }
    g_queue_clear_full(&link->waiting, g_free);
    g_free(link);
}

uint64_t packet_link_seed(uint32_t seed)
{
    return (uint64_t)seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

/* xorshift64*: the same seed loses the same packets. */
static uint32_t next_random(uint64_t *random)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return (uint32_t)(*random * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

bool packet_link_draw(uint64_t *random, double percent)
{
    return (double)next_random(random) < percent / 100.0 * 4294967296.0;
}

uint32_t packet_link_random(PacketLink *link)
{
    return next_random(&link->random);
}

bool packet_link_chance(PacketLink *link, double percent)
{
    return packet_link_draw(&link->random, percent);
}

static void send_now(PacketLink *link, const uint8_t *packet, size_t size)
{
    uint8_t buffer[PACKET_LINK_MAX_PACKET + SEND_ROOM];
    memcpy(buffer, packet, size);
    if (link->out.send(link->out.owner, buffer, size)) {
        link->stats.sent++;
    }
}

static gint compare_due(gconstpointer left, gconstpointer right, gpointer data)
{
    (void)data;
    const int64_t a = ((const WaitingPacket *)left)->due_ns;
    const int64_t b = ((const WaitingPacket *)right)->due_ns;
    return (a > b) - (a < b);
}

static void send_later(PacketLink *link, const uint8_t *packet, size_t size, int64_t due_ns)
{
    if (g_queue_get_length(&link->waiting) >= MAX_WAITING) {
        link->stats.dropped++;
        return;
    }
    WaitingPacket *const waiting = g_new(WaitingPacket, 1);
    waiting->due_ns = due_ns;
    waiting->size = size;
    memcpy(waiting->bytes, packet, size);
    g_queue_insert_sorted(&link->waiting, waiting, compare_due, NULL);
}

static bool burst_takes(PacketLink *link, unsigned index, const Fault *fault)
{
    if (!link->burst_begun[index]) {
        link->burst_begun[index] = true;
        link->burst_left[index] = fault->count;
    }
    if (link->burst_left[index] == 0) {
        return false;
    }
    link->burst_left[index]--;
    return true;
}

typedef struct {
    bool lost, doubled;
    double broken_percent;
    int64_t delay_ns;
    unsigned rate_kbps; /* 0 = any */
} PacketFate;

/* Behind what waits already, or lost where the queue is full. */
static void pass_slow_link(PacketLink *link, size_t size, int64_t at_ns, PacketFate *fate)
{
    if (fate->rate_kbps == 0 || fate->lost) {
        return;
    }
    const int64_t byte_ns = 8 * NS_PER_MS / fate->rate_kbps;
    const int64_t own_ns = (int64_t)(size + LOWER_HEADERS) * byte_ns;
    link->free_ns = MAX(link->free_ns, at_ns);
    fate->lost = link->free_ns - at_ns + own_ns > RATE_QUEUE_BYTES * byte_ns;
    if (!fate->lost) {
        link->free_ns += own_ns;
        fate->delay_ns += link->free_ns - at_ns;
    }
}

static void apply_fault(PacketLink *link, unsigned index, PacketFate *fate)
{
    const Fault *const fault = &link->script->faults[index];
    if (fault->kind == FAULT_LOSS) {
        fate->lost = fate->lost || packet_link_chance(link, fault->percent);
    } else if (fault->kind == FAULT_BURST) {
        fate->lost = fate->lost || burst_takes(link, index, fault);
    } else if (fault->kind == FAULT_REORDER) {
        fate->delay_ns += ++link->reorder_count % REORDER_EVERY == 0 ? fault->time_ns : 0;
    } else if (fault->kind == FAULT_JITTER) {
        fate->delay_ns +=
            (int64_t)((double)fault->time_ns * packet_link_random(link) / 4294967296.0);
    } else if (fault->kind == FAULT_DELAY) {
        fate->delay_ns += fault->time_ns;
    } else if (fault->kind == FAULT_RATE) {
        fate->rate_kbps = fault->count;
    } else if (fault->kind == FAULT_DUPLICATE) {
        fate->doubled = fate->doubled || packet_link_chance(link, fault->percent);
    } else if (fault->kind == FAULT_MALFORMED_PAYLOAD) {
        fate->broken_percent = fault->percent;
    }
}

/* With ones, which no payload format allows as a header; random bytes would at times be a good one.
 */
static void break_payload(uint8_t *packet, size_t size)
{
    memset(packet + RTP_HEADER_SIZE, 0xff, size - RTP_HEADER_SIZE);
}

void packet_link_push(PacketLink *link, const char *identity, TrackKind kind, uint8_t *packet,
                      size_t size, int64_t at_ns)
{
    require(size <= PACKET_LINK_MAX_PACKET);
    PacketFate fate = {0};
    for (unsigned i = 0; i < link->script->count; i++) {
        const Fault *const fault = &link->script->faults[i];
        if (fault_is_active(fault, at_ns) && fault_targets(fault, identity, kind)) {
            apply_fault(link, i, &fate);
        }
    }
    pass_slow_link(link, size, at_ns, &fate);
    if (fate.lost) {
        link->stats.dropped++;
        return;
    }
    if (fate.broken_percent > 0 && !rtp_is_rtcp(packet, size) &&
        packet_link_chance(link, fate.broken_percent)) {
        break_payload(packet, size);
    }
    for (int copies = fate.doubled ? 2 : 1; copies > 0; copies--) {
        if (fate.delay_ns > 0) {
            send_later(link, packet, size, at_ns + fate.delay_ns);
        } else {
            send_now(link, packet, size);
        }
    }
}

int64_t packet_link_advance(PacketLink *link, int64_t at_ns)
{
    for (;;) {
        WaitingPacket *const first = g_queue_peek_head(&link->waiting);
        if (first == NULL) {
            return CLOCK_NEVER;
        }
        if (first->due_ns > at_ns) {
            return first->due_ns;
        }
        g_queue_pop_head(&link->waiting);
        send_now(link, first->bytes, first->size);
        g_free(first);
    }
}

PacketLinkStats packet_link_stats(const PacketLink *link)
{
    return link->stats;
}
