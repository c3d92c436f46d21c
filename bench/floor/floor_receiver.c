#include "floor_receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "floor_srtp.h"

#define PACKET_MAX 1500
#define FRAGMENT_NS (NS_PER_SECOND / 2)
#define BUFFER_SIZE (256U << 10) /* half a second and as much again */
#define DRAIN_NS (20 * NS_PER_MS)
#define EVENTS 64
#define WAIT_MS 20
#define PATH_SIZE 4096

typedef struct {
    int socket, file;
    FloorSrtp srtp; /* of FLOOR_TIMER */
    srtp_t libsrtp; /* of FLOOR_EPOLL */
    uint8_t *buffer;
    size_t used;
    int64_t next_write_ns;
} Stream;

typedef struct {
    const FloorReceiverConfig *config;
    FloorReceived *received;
    Stream *streams;
    int epoll;
    bool has_begun, has_ended;
    uint64_t packets_at_begin;
} Receiver;

static void path_of(const FloorReceiverConfig *config, unsigned number, char *path)
{
    snprintf(path, PATH_SIZE, "%s/floor-%u", config->folder, number);
}

static bool open_libsrtp(Stream *stream)
{
    srtp_policy_t policy;
    memset(&policy, 0, sizeof policy);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    policy.ssrc.type = ssrc_specific;
    policy.ssrc.value = stream->srtp.ssrc;
    policy.key = stream->srtp.master;
    policy.window_size = 1024;
    return srtp_create(&stream->libsrtp, &policy) == srtp_err_status_ok;
}

static bool open_stream(Receiver *receiver, unsigned number)
{
    const FloorReceiverConfig *config = receiver->config;
    Stream *stream = &receiver->streams[number];
    char path[PATH_SIZE];
    path_of(config, number, path);
    stream->socket = config->sockets[number];
    stream->next_write_ns =
        config->start_ns + FRAGMENT_NS + (int64_t)number * FRAGMENT_NS / config->count;
    stream->buffer = malloc(BUFFER_SIZE);
    stream->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (stream->file < 0 || !stream->buffer || !floor_srtp_open(&stream->srtp, number, false))
        return false;
    if (config->mode == FLOOR_TIMER)
        return true;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    return open_libsrtp(stream) &&
           epoll_ctl(receiver->epoll, EPOLL_CTL_ADD, stream->socket, &event) == 0;
}

static void close_stream(Receiver *receiver, unsigned number)
{
    Stream *stream = &receiver->streams[number];
    char path[PATH_SIZE];
    if (stream->file >= 0) {
        path_of(receiver->config, number, path);
        close(stream->file);
        unlink(path);
    }
    if (stream->libsrtp)
        srtp_dealloc(stream->libsrtp);
    floor_srtp_close(&stream->srtp);
    free(stream->buffer);
}

static void write_out(Receiver *receiver, Stream *stream)
{
    if (stream->used > 0 &&
        write(stream->file, stream->buffer, stream->used) != (ssize_t)stream->used)
        receiver->received->write_failed = true;
    receiver->received->bytes += stream->used;
    stream->used = 0;
}

static size_t unseal_libsrtp(Stream *stream, uint8_t *packet, size_t size)
{
    int left = (int)size;
    if (srtp_unprotect(stream->libsrtp, packet, &left) != srtp_err_status_ok ||
        left <= FLOOR_HEADER)
        return 0;
    memcpy(stream->buffer + stream->used, packet + FLOOR_HEADER, (size_t)left - FLOOR_HEADER);
    return (size_t)left - FLOOR_HEADER;
}

static void drain_socket(Receiver *receiver, Stream *stream)
{
    uint8_t packet[PACKET_MAX];
    ssize_t size;
    while ((size = recvfrom(stream->socket, packet, sizeof packet, MSG_DONTWAIT, NULL, NULL)) > 0) {
        if (stream->used + PACKET_MAX > BUFFER_SIZE)
            write_out(receiver, stream);
        const size_t payload = stream->libsrtp
                                   ? unseal_libsrtp(stream, packet, (size_t)size)
                                   : floor_srtp_open_packet(&stream->srtp, packet, (size_t)size,
                                                            stream->buffer + stream->used);
        stream->used += payload;
        receiver->received->packets++;
        receiver->received->refused += payload == 0;
    }
}

static void write_if_due(Receiver *receiver, Stream *stream, int64_t now_ns)
{
    if (now_ns < stream->next_write_ns)
        return;
    write_out(receiver, stream);
    stream->next_write_ns += FRAGMENT_NS;
}

static void wait_until(int64_t at_ns)
{
    const struct timespec at = {.tv_sec = at_ns / NS_PER_SECOND, .tv_nsec = at_ns % NS_PER_SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
        ;
}

static void turn_timer(Receiver *receiver)
{
    wait_until((clock_monotonic_ns() / DRAIN_NS + 1) * DRAIN_NS);
    const int64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < receiver->config->count; i++) {
        drain_socket(receiver, &receiver->streams[i]);
        write_if_due(receiver, &receiver->streams[i], now_ns);
    }
}

static void turn_epoll(Receiver *receiver)
{
    struct epoll_event events[EVENTS];
    const int count = epoll_wait(receiver->epoll, events, EVENTS, WAIT_MS);
    const int64_t now_ns = clock_monotonic_ns();
    for (int i = 0; i < count; i++) {
        Stream *stream = &receiver->streams[events[i].data.u32];
        drain_socket(receiver, stream);
        write_if_due(receiver, stream, now_ns);
    }
}

/* Takes the figures at the two ends of the window. */
static void look(Receiver *receiver, int64_t now_ns)
{
    FloorReceived *received = receiver->received;
    if (!receiver->has_begun && now_ns >= receiver->config->begin_ns) {
        receiver->has_begun = true;
        receiver->packets_at_begin = received->packets;
        received->window_ns = -now_ns;
        getrusage(RUSAGE_SELF, &received->begin);
    }
    if (!receiver->has_ended && now_ns >= receiver->config->end_ns) {
        receiver->has_ended = true;
        received->window_packets = received->packets - receiver->packets_at_begin;
        received->window_ns += now_ns;
        getrusage(RUSAGE_SELF, &received->end);
    }
}

static void run(Receiver *receiver)
{
    int64_t now_ns = clock_monotonic_ns();
    while (now_ns < receiver->config->drained_ns) {
        if (receiver->config->mode == FLOOR_TIMER)
            turn_timer(receiver);
        else
            turn_epoll(receiver);
        now_ns = clock_monotonic_ns();
        look(receiver, now_ns);
    }
    for (unsigned i = 0; i < receiver->config->count; i++)
        write_out(receiver, &receiver->streams[i]);
}

static bool open_all(Receiver *receiver)
{
    const unsigned count = receiver->config->count;
    if (srtp_init() != srtp_err_status_ok || receiver->epoll < 0 || !receiver->streams)
        return false;
    for (unsigned i = 0; i < count; i++)
        receiver->streams[i].file = -1;
    for (unsigned i = 0; i < count; i++) {
        if (!open_stream(receiver, i))
            return false;
    }
    return true;
}

bool floor_receiver_run(const FloorReceiverConfig *config, FloorReceived *received)
{
    Receiver receiver = {
        .config = config,
        .received = received,
        .streams = calloc(config->count, sizeof(Stream)),
        .epoll = epoll_create1(EPOLL_CLOEXEC),
    };
    const bool is_open = open_all(&receiver);
    if (is_open)
        run(&receiver);
    else
        fprintf(stderr, "floor: %u receivers in %s do not open: %s\n", config->count,
                config->folder, strerror(errno));
    for (unsigned i = 0; receiver.streams && i < config->count; i++)
        close_stream(&receiver, i);
    free(receiver.streams);
    if (receiver.epoll >= 0)
        close(receiver.epoll);
    return is_open;
}
