#include "floor_sender.h"

#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "floor_srtp.h"

#define PERIOD_NS (100 * NS_PER_MS) /* three pictures, five sounds */
#define PICTURES 3
#define SOUNDS 5
/* What the room's load comes to, on average: 240 packets a second, 2 Mbit/s. */
#define PICTURE_PACKETS 8
#define PICTURE_SIZE 1080
#define SOUND_SIZE 132
#define TURN_NS (NS_PER_MS / 2)
#define GOLDEN 0.6180339887498949
#define LATE_STEP_NS (NS_PER_MS / 10)

typedef struct {
    int64_t offset_ns; /* in the period */
    unsigned socket;
    bool is_picture;
} Burst;

typedef struct {
    const FloorSenderConfig *config;
    FloorSent *sent;
    FloorSrtp *srtp;     /* by socket */
    uint16_t *sequences; /* by socket */
    Burst *bursts;       /* by time */
    unsigned burst_count;
    uint8_t payload[PICTURE_SIZE];
    uint8_t packets[PICTURE_PACKETS][PICTURE_SIZE];
} Sender;

static int by_time(const void *a, const void *b)
{
    const Burst *first = a, *second = b;
    return (first->offset_ns > second->offset_ns) - (first->offset_ns < second->offset_ns);
}

static void add_bursts(Sender *sender, unsigned socket, bool is_picture, double phase)
{
    const unsigned count = is_picture ? PICTURES : SOUNDS;
    const double distance = (double)PERIOD_NS / count;
    for (unsigned i = 0; i < count; i++) {
        sender->bursts[sender->burst_count++] = (Burst){
            .offset_ns = (int64_t)((i + phase) * distance),
            .socket = socket,
            .is_picture = is_picture,
        };
    }
}

static void plan(Sender *sender)
{
    for (unsigned i = 0; i < sender->config->count; i++) {
        const double turns = i * GOLDEN;
        add_bursts(sender, i, true, turns - (double)(uint64_t)turns);
        add_bursts(sender, i, false, 1 - (turns - (double)(uint64_t)turns));
    }
    qsort(sender->bursts, sender->burst_count, sizeof *sender->bursts, by_time);
}

static bool sender_init(Sender *sender, const FloorSenderConfig *config, FloorSent *sent)
{
    const unsigned count = config->count;
    sender->config = config;
    sender->sent = sent;
    sender->srtp = calloc(count, sizeof *sender->srtp);
    sender->sequences = calloc(count, sizeof *sender->sequences);
    sender->bursts = calloc((size_t)count * (PICTURES + SOUNDS), sizeof *sender->bursts);
    if (!sender->srtp || !sender->sequences || !sender->bursts)
        return false;
    memset(sender->payload, 0x55, sizeof sender->payload);
    plan(sender);
    for (unsigned i = 0; i < count; i++) {
        if (!floor_srtp_open(&sender->srtp[i], i, true))
            return false;
    }
    return true;
}

static void sender_clear(Sender *sender)
{
    for (unsigned i = 0; sender->srtp && i < sender->config->count; i++)
        floor_srtp_close(&sender->srtp[i]);
    free(sender->srtp);
    free(sender->sequences);
    free(sender->bursts);
}

/* The kernel cuts it into packets of this size (udp(7), UDP_SEGMENT), as it does the room's load.
 */
static bool send_cut(int socket, struct iovec *all, uint16_t size)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof size)] = {0};
    struct msghdr message = {
        .msg_iov = all, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){
        .cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof size)};
    memcpy(CMSG_DATA(head), &size, sizeof size);
    return sendmsg(socket, &message, 0) == (ssize_t)all->iov_len;
}

static void send_burst(Sender *sender, const Burst *burst)
{
    const unsigned count = burst->is_picture ? PICTURE_PACKETS : 1;
    const size_t size = burst->is_picture ? PICTURE_SIZE : SOUND_SIZE;
    struct iovec all = {.iov_base = sender->packets};
    for (unsigned i = 0; i < count; i++) {
        all.iov_len +=
            floor_srtp_seal(&sender->srtp[burst->socket], sender->sequences[burst->socket]++,
                            sender->payload, size - FLOOR_HEADER - FLOOR_TAG, sender->packets[i]);
    }
    const bool sent = all.iov_len == count * size &&
                      send_cut(sender->config->sockets[burst->socket], &all, (uint16_t)size);
    atomic_fetch_add_explicit(sent ? &sender->sent->sent : &sender->sent->unsent, count,
                              memory_order_relaxed);
}

static void wait_until(int64_t at_ns)
{
    const struct timespec at = {.tv_sec = at_ns / NS_PER_SECOND, .tv_nsec = at_ns % NS_PER_SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
        ;
}

static void count_late(FloorSent *sent, int64_t late_ns)
{
    int64_t step = late_ns / LATE_STEP_NS;
    if (step > FLOOR_LATE_STEPS)
        step = FLOOR_LATE_STEPS;
    atomic_fetch_add_explicit(&sent->late[step < 0 ? 0 : step], 1, memory_order_relaxed);
}

int floor_sender_run(const FloorSenderConfig *config, FloorSent *sent)
{
    Sender sender = {0};
    if (!sender_init(&sender, config, sent)) {
        fprintf(stderr, "floor: the sender of %u sockets has no memory or no keys\n",
                config->count);
        sender_clear(&sender);
        return 1;
    }
    for (uint64_t next = 0;; next++) {
        const Burst *burst = &sender.bursts[next % sender.burst_count];
        const int64_t due_ns =
            config->start_ns + burst->offset_ns + (int64_t)(next / sender.burst_count) * PERIOD_NS;
        if (due_ns >= config->end_ns)
            break;
        if (due_ns > clock_monotonic_ns())
            wait_until((due_ns / TURN_NS + 1) * TURN_NS);
        count_late(sent, clock_monotonic_ns() - due_ns);
        send_burst(&sender, burst);
    }
    sender_clear(&sender);
    return 0;
}

double floor_sent_late_ms(const FloorSent *sent, double share)
{
    uint64_t total = 0, below = 0;
    for (unsigned i = 0; i <= FLOOR_LATE_STEPS; i++)
        total += atomic_load(&sent->late[i]);
    for (unsigned i = 0; i <= FLOOR_LATE_STEPS; i++) {
        below += atomic_load(&sent->late[i]);
        if ((double)below >= share * (double)total)
            return (i + 1) * (double)LATE_STEP_NS / (double)NS_PER_MS;
    }
    return 0;
}
