/* What the files of an HTTP connection share. Thread: main. */
#pragma once

#include "api/http_connection.h"
#include "api/tls_guard.h"

#define CHUNK_BYTES 4096

typedef enum {
    STATE_NEW,
    STATE_WAITING,   /* for the first bytes, which tell TLS from HTTP */
    STATE_HANDSHAKE, /* or waits for its turn */
    STATE_READING,
    STATE_SERVING, /* libsoup has it */
    STATE_SENDING,
    STATE_LINGERING, /* all is said; the client is to close */
    STATE_CLOSED,
} State;

struct HttpConnection {
    HttpTraffic *traffic;
    HttpConnectionClosedFn closed;
    void *owner;
    GSocket *socket;
    GIOStream *plain, *stream; /* `stream` is TLS, or the plain one */
    TlsGuard *guard;           /* NULL: no TLS */
    GSocketAddress *local, *remote;
    GCancellable *cancellable; /* of the one call that is under way */
    GCancellable *hang_up;     /* tells whoever serves the request; `remote` leads to it */
    bool is_calling;
    State state;
    GSource *timer, *ready;
    int64_t deadline_ns; /* of the request */
    HandshakeTurn turn;
    size_t hello_bytes; /* that are waited for */
    GByteArray *bytes;  /* the request */
    char chunk[CHUNK_BYTES];
    RequestHead head;
    bool has_head;
    size_t body_bytes, answer_bytes; /* its part of the traffic's */
    GMemoryOutputStream *answer;     /* what libsoup writes */
    GBytes *sending;
};

/* ---- http_connection.c ---- */

/* It may be gone afterwards. */
void http_connection_close(HttpConnection *connection);

/* Takes the place of the timer before; what is late is closed, or answered while it is read. */
void http_connection_set_timer(HttpConnection *connection, int64_t timeout_ns);

/* Takes the place of the watch before. */
void http_connection_watch(HttpConnection *connection, GIOCondition condition,
                           GSocketSourceFunc fn);
void http_connection_unwatch(HttpConnection *connection);

void http_connection_read(HttpConnection *connection);
void http_connection_refuse(HttpConnection *connection, const Refusal *refusal);

/* Waits until the client closes, too. */
void http_connection_linger(HttpConnection *connection);

/* ---- http_connection_tls.c ---- */

/* What comes is to be a TLS handshake, and then a request. */
void http_connection_begin_tls(HttpConnection *connection);

/* Tells why it ends, where a handshake is late. */
void http_connection_tell_late_tls(HttpConnection *connection);

/* Says that all is said, and lingers. */
void http_connection_end_tls(HttpConnection *connection);
