/* Opens the WebSocket to a LiveKit server, or finds out why it was refused.
 * Thread: main. The callbacks are the last thing that it does: it may be freed inside of them. */
#pragma once

#include <libsoup/soup.h>

#include "flow/outcome.h"
#include "signal/server_url.h"

typedef struct Handshake Handshake;

typedef struct {
    void *owner;
    /* The connection's reference is the owner's. */
    void (*opened)(void *owner, SoupWebsocketConnection *connection);
    /* `was_refused`: the server, or a proxy in front of it, answered; else nobody did. */
    void (*failed)(void *owner, const Outcome *failure, bool was_refused);
} HandshakeOut;

typedef struct {
    const char *url, *token, *ca_file;
    int64_t timeout_ns; /* 0: none */
    SessionQuery query;
} HandshakeConfig;

/* Copies what it needs of the configuration. Calls back later, never at once. */
Handshake *handshake_new(const HandshakeConfig *config, HandshakeOut out);
void handshake_free(Handshake *handshake);

/* Where we connect to; NULL as long as nothing was opened. */
const ServerUrl *handshake_url(const Handshake *handshake);
