/* The UDP socket of the pair that ICE has chosen, read and written without libnice from then on,
 * which takes five times as long for a packet as the kernel. The other side's checks are answered
 * here; where it comes from another address, the path follows (RFC 8445 section 7.3.1.3, 7.3.1.5),
 * of which libnice does not hear. Thread: net. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "transport/net_thread.h"
#include "transport/stun_probe.h"

typedef struct {
    int fd; /* stays the caller's; the path reads a duplicate, which nobody else closes */
    struct sockaddr_storage remote;
    socklen_t remote_size;
    const char *ufrag, *pwd; /* this side's; borrowed for as long */
} UdpPathConfig;

typedef struct {
    void *owner;
    /* All but STUN, and of that the answer to the newest probe; valid during the call, may be
     * changed in place. */
    void (*datagram)(void *owner, uint8_t *data, size_t size);
} UdpPathOut;

typedef struct UdpPath UdpPath;

/* NULL when the process has no descriptor left. */
UdpPath *udp_path_new(NetThread *thread, const UdpPathConfig *config, UdpPathOut out);
void udp_path_free(UdpPath *path); /* also from within `datagram` */

/* False when the kernel did not take it. */
bool udp_path_send(UdpPath *path, const uint8_t *data, size_t size);

/* The answer comes as a datagram; that to the newest question counts. False as above. */
bool udp_path_probe(UdpPath *path, const StunQuestion *question);

/* The socket's list, begun anew with the path itself; for what its datagrams go through behind it.
 */
HotMemory *udp_path_hot_memory(UdpPath *path);

/* Adds what sending touches of it. */
void udp_path_sending_memory(const UdpPath *path, HotMemory *hot);

/* In one call of the kernel for up to UDP_PATH_BATCH; how many it took. */
#define UDP_PATH_BATCH 64
unsigned udp_path_send_many(UdpPath *path, const struct iovec *datagrams, unsigned count);
