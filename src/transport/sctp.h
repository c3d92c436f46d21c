/* One SCTP association over DTLS (RFC 8261), for data channels (RFC 8831).
 * Thread: net, calls and callbacks. The work is done on the stack's thread; packets cross by
 * mailboxes with a ceiling, over which they are dropped as a network would.
 * A lost association is not made anew: no LiveKit server answers a second one on the same DTLS. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/net_inbox.h"

#define SCTP_MAX_MESSAGE 65535
#define SCTP_MAX_STREAMS 1024

typedef struct Sctp Sctp;

typedef struct {
    void *owner;
    void (*packet)(void *owner, const uint8_t *data, size_t size); /* to send */
    void (*up)(void *owner);
    /* It was aborted or shut down, or nobody answers, also when it was never up; nothing comes or
     * goes any more. */
    void (*lost)(void *owner);
    void (*message)(void *owner, uint16_t stream, uint32_t protocol, const uint8_t *data,
                    size_t size);
    void (*stream_closed)(void *owner, uint16_t stream);
} SctpOut;

/* Connects at once; both sides do, from and to port 5000. What the stack says comes by way of
 * `inbox`, which is read on this thread. NULL when the process has no descriptor left. */
Sctp *sctp_new(NetInbox *inbox, SctpOut out);
void sctp_free(Sctp *sctp);

void sctp_receive(Sctp *sctp, const uint8_t *data, size_t size);

typedef struct {
    uint16_t stream;
    uint32_t protocol; /* payload protocol identifier (RFC 8831 8) */
    bool is_ordered;
    int max_retransmits; /* -1 = reliable */
} SctpSend;

/* False when the message is too large or too much waits. */
bool sctp_send(Sctp *sctp, const SctpSend *how, const uint8_t *data, size_t size);

/* Sends a HEARTBEAT (RFC 9260 8.3), which the other side answers at once. */
void sctp_probe(Sctp *sctp);
