#include <sys/socket.h>

#include "api/http_connection_private.h"
#include "api/tls_record.h"
#include "base/clock.h"

/* ---- the handshake ---- */

static void tell(const HttpConnection *connection, const char *what, int64_t after_ns,
                 const char *also)
{
    const HttpTraffic *traffic = connection->traffic;
    g_autofree char *text =
        g_strdup_printf("%s after %.1f s%s", what, (double)after_ns / (double)NS_PER_SECOND, also);
    traffic->handshake_ended(traffic->listener, connection, text);
}

/* GIO has no setting for it, so an older client may get this far. */
static bool is_recent(GTlsConnection *tls)
{
    const GTlsProtocolVersion version = g_tls_connection_get_protocol_version(tls);
    return version == G_TLS_PROTOCOL_VERSION_TLS_1_2 || version == G_TLS_PROTOCOL_VERSION_TLS_1_3;
}

static int64_t left_ns(const HttpConnection *connection)
{
    return MAX(connection->deadline_ns - clock_monotonic_ns(), 0);
}

static void on_handshake(GObject *source, GAsyncResult *result, gpointer data)
{
    HttpConnection *connection = data;
    connection->is_calling = false;
    const bool is_done = g_tls_connection_handshake_finish(G_TLS_CONNECTION(source), result, NULL);
    handshake_turn_end(connection->traffic->turns, &connection->turn);
    if (!is_done || !is_recent(G_TLS_CONNECTION(source)) || connection->state == STATE_CLOSED) {
        http_connection_close(connection);
        return;
    }
    tls_guard_arm(connection->guard);
    http_connection_set_timer(connection, left_ns(connection));
    http_connection_read(connection);
}

static void begin_handshake(void *owner)
{
    HttpConnection *connection = owner;
    connection->guard = tls_guard_new(g_io_stream_get_input_stream(connection->plain));
    g_autoptr(GIOStream) guarded = g_simple_io_stream_new(
        G_INPUT_STREAM(connection->guard), g_io_stream_get_output_stream(connection->plain));
    GIOStream *tls = g_tls_server_connection_new(guarded, connection->traffic->certificate, NULL);
    if (tls == NULL) {
        http_connection_close(connection);
        return;
    }
    g_tls_connection_set_require_close_notify(G_TLS_CONNECTION(tls), FALSE);
    g_set_object(&connection->stream, tls);
    g_object_unref(tls);
    connection->is_calling = true;
    http_connection_set_timer(connection,
                              MIN(HANDSHAKE_SECONDS * NS_PER_SECOND, left_ns(connection)));
    g_tls_connection_handshake_async(G_TLS_CONNECTION(tls), G_PRIORITY_DEFAULT,
                                     connection->cancellable, on_handshake, connection);
}

static int64_t run_ns(const HttpConnection *connection)
{
    return clock_monotonic_ns() - connection->turn.began_ns;
}

static void yield_handshake(void *owner)
{
    HttpConnection *connection = owner;
    tell(connection, "it is not done", run_ns(connection), ", and others wait for a turn");
    http_connection_close(connection);
}

void http_connection_tell_late_tls(HttpConnection *connection)
{
    const int64_t patience_ns = connection->traffic->request_timeout_ns;
    if (connection->state == STATE_WAITING && connection->hello_bytes > 0)
        tell(connection, "its first record is not whole", patience_ns, "");
    else if (connection->turn.is_waiting)
        tell(connection, "it has had no turn", patience_ns, ", as others are under way");
    else if (connection->turn.is_running)
        tell(connection, "it is not done", run_ns(connection), "");
}

static void ask_for_turn(HttpConnection *connection)
{
    connection->state = STATE_HANDSHAKE;
    connection->turn =
        (HandshakeTurn){.owner = connection, .begin = begin_handshake, .yield = yield_handshake};
    handshake_turn_ask(connection->traffic->turns, &connection->turn);
}

/* ---- the first bytes ---- */

static void refuse_plain(HttpConnection *connection)
{
    Refusal refusal = {.status = 0};
    refuse_request(&refusal, SOUP_STATUS_BAD_REQUEST, CODE_BAD_REQUEST,
                   "This port speaks HTTPS: the address has to begin with https://.");
    http_connection_refuse(connection, &refusal);
}

/* The socket is then not readable before so much has come; false where it is for another reason. */
static bool wait_for(HttpConnection *connection, size_t bytes)
{
    if (bytes <= connection->hello_bytes ||
        (size_t)g_socket_get_available_bytes(connection->socket) >= bytes)
        return false;
    connection->hello_bytes = bytes;
    return g_socket_set_option(connection->socket, SOL_SOCKET, SO_RCVLOWAT, (gint)bytes, NULL);
}

/* A client that stalls inside its first record must not hold a thread. */
static gboolean on_first_bytes(GSocket *socket, GIOCondition condition, gpointer data)
{
    HttpConnection *connection = data;
    guint8 head[TLS_RECORD_HEAD_BYTES];
    (void)condition;
    const gssize size = recv(g_socket_get_fd(socket), head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
    const bool is_tls = size > 0 && tls_record_is_handshake(head, (size_t)size);
    const size_t record = is_tls ? tls_record_bytes(head, (size_t)size) : 0;
    if (record > 0 && wait_for(connection, record))
        return G_SOURCE_CONTINUE;
    http_connection_unwatch(connection);
    g_socket_set_option(socket, SOL_SOCKET, SO_RCVLOWAT, 1, NULL);
    if (size <= 0 || (is_tls && record == 0))
        http_connection_close(connection);
    else if (is_tls)
        ask_for_turn(connection);
    else
        refuse_plain(connection);
    return G_SOURCE_REMOVE;
}

void http_connection_begin_tls(HttpConnection *connection)
{
    connection->state = STATE_WAITING;
    http_connection_watch(connection, G_IO_IN, on_first_bytes);
}

/* ---- the end ---- */

static void on_ended(GObject *source, GAsyncResult *result, gpointer data)
{
    HttpConnection *connection = data;
    connection->is_calling = false;
    g_output_stream_close_finish(G_OUTPUT_STREAM(source), result, NULL);
    if (connection->state == STATE_CLOSED)
        http_connection_close(connection);
    else
        http_connection_linger(connection);
}

static gboolean on_writable(GSocket *socket, GIOCondition condition, gpointer data)
{
    HttpConnection *connection = data;
    (void)socket;
    (void)condition;
    http_connection_unwatch(connection);
    connection->is_calling = true;
    g_output_stream_close_async(g_io_stream_get_output_stream(connection->stream),
                                G_PRIORITY_DEFAULT, connection->cancellable, on_ended, connection);
    return G_SOURCE_REMOVE;
}

/* Closing takes a thread as well, and would wait in it for a client that takes nothing. */
void http_connection_end_tls(HttpConnection *connection)
{
    http_connection_watch(connection, G_IO_OUT, on_writable);
}
