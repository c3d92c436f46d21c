/* The least that a recorder does: receives the packets of many sockets, decrypts them and writes
 * their payload to a file each, half a second in one write. Thread: that of its owner. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

typedef enum {
    FLOOR_TIMER, /* all sockets every 20 ms, OpenSSL */
    FLOOR_EPOLL, /* a socket when something came, libsrtp2 */
} FloorMode;

typedef struct {
    FloorMode mode;
    const int *sockets; /* connected, borrowed */
    unsigned count;
    const char *folder; /* files are made and removed there */
    int64_t start_ns, begin_ns, end_ns,
        drained_ns; /* monotonic: first packet, figures, last packet read */
} FloorReceiverConfig;

typedef struct {
    struct rusage begin, end;
    uint64_t window_packets; /* between those two */
    int64_t window_ns;
    uint64_t packets, refused, bytes; /* of the whole; refused: not authentic */
    bool write_failed;
} FloorReceived;

/* Runs until it is drained. False, and a sentence on stderr, when it cannot begin. */
bool floor_receiver_run(const FloorReceiverConfig *config, FloorReceived *received);
