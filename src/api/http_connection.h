/* One caller's connection: reads one request within limits of size and time, gives it to libsoup
 * from memory, and sends what libsoup answers. libsoup alone would read headers of any size for any
 * time, and keeps the socket of a client that hangs up between two requests.
 * Thread: main. */
#pragma once

#include "api/handshake_turns.h"
#include "api/request_head.h"

typedef struct HttpConnection HttpConnection;

/* What all connections share, and are counted in. */
typedef struct {
    SoupServer *server;
    GTlsCertificate *certificate; /* NULL: plain HTTP */
    int64_t request_timeout_ns;
    void *owner;
    /* False with a refusal: the request is answered with it, its body not read. */
    bool (*check)(void *owner, const RequestHead *head, GSocketAddress *remote, Refusal *refusal);
    size_t body_bytes;   /* that have come and are read or served */
    size_t answer_bytes; /* that are being sent */
    /* the listener's */
    HandshakeTurns *turns;
    void *listener;
    /* A TLS handshake is ended, for others or because it is late: `why`, as the end of a sentence.
     */
    void (*handshake_ended)(void *listener, const HttpConnection *connection, const char *why);
} HttpTraffic;

#define BODIES_MAX_BYTES (32 * 1024 * 1024)  /* of all connections */
#define ANSWERS_MAX_BYTES (64 * 1024 * 1024) /* of all connections; more are refused with 503 */
#define ANSWER_SECONDS 30                    /* to take an answer */
#define LINGER_SECONDS 2                     /* to close after it */

typedef void (*HttpConnectionClosedFn)(void *owner, HttpConnection *connection);

/* `closed` is called once, never from here; the connection is then gone. `traffic` is borrowed. */
HttpConnection *http_connection_new(GSocket *socket, HttpTraffic *traffic,
                                    HttpConnectionClosedFn closed, void *owner);

/* To be called first; with a refusal it is sent at once, without reading (and without TLS). */
void http_connection_start(HttpConnection *connection, const Refusal *refusal);

/* Ends it, whatever it does; `closed` follows. */
void http_connection_abort(HttpConnection *connection);

/* By the remote address that libsoup has of a message: cancelled when its caller hangs up while the
 * answer is waited for. One that only ends its sending looks the same; either way the connection
 * takes an answer, and keeps its place until there is one. Borrowed. */
GCancellable *http_connection_hang_up(GSocketAddress *remote);

/* Whether an answer is on its way. */
bool http_connection_is_sending(const HttpConnection *connection);
