/* One WebSocket to a LiveKit server, from the handshake to the closing.
 * Thread: main. The callbacks are the last thing that it does: it may be freed inside of them. */
#pragma once

#include "signal/handshake.h"

typedef struct SignalSocket SignalSocket;

typedef struct {
    void *owner;
    /* `bytes` is NULL for a frame that is not binary. */
    void (*message)(void *owner, GBytes *bytes);
    /* It was never opened; see HandshakeOut. */
    void (*failed)(void *owner, const Outcome *failure, bool was_refused);
    /* It was open, and is lost; `why` is the end of a sentence. */
    void (*closed)(void *owner, const char *why);
} SignalSocketOut;

/* The timeout holds for the handshake, and again for the first message after it. */
SignalSocket *signal_socket_new(const HandshakeConfig *config, SignalSocketOut out);
/* The closing handshake goes on by itself in the main context. */
void signal_socket_free(SignalSocket *socket);

/* Takes the bytes; does nothing while it is not open. */
void signal_socket_send(SignalSocket *socket, GBytes *bytes);

const ServerUrl *signal_socket_url(const SignalSocket *socket);
