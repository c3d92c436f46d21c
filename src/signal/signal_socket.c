#include "signal/signal_socket.h"

#include "base/clock.h"
#include "signal/signal_guard.h"

struct SignalSocket {
    SignalSocketOut out;
    Handshake *handshake;
    SoupWebsocketConnection *connection;
    GSource *answer_source;
    int64_t timeout_ns;
};

static void stop_waiting(SignalSocket *socket)
{
    if (socket->answer_source == NULL)
        return;
    g_source_destroy(socket->answer_source);
    g_clear_pointer(&socket->answer_source, g_source_unref);
}

static void on_message(SoupWebsocketConnection *connection, int type, GBytes *bytes, gpointer data)
{
    (void)connection;
    SignalSocket *socket = data;
    stop_waiting(socket);
    socket->out.message(socket->out.owner, type == SOUP_WEBSOCKET_DATA_BINARY ? bytes : NULL);
}

static void on_closed(SoupWebsocketConnection *connection, gpointer data)
{
    SignalSocket *socket = data;
    const unsigned code = soup_websocket_connection_get_close_code(connection);
    g_autofree char *why = NULL;
    if (signal_guard_reason(connection) != NULL)
        why = g_strdup(signal_guard_reason(connection));
    else if (code != 0)
        why = g_strdup_printf("the server closed it (WebSocket code %u)", code);
    else
        why = g_strdup("the connection broke");
    socket->out.closed(socket->out.owner, why);
}

static gboolean on_answer_deadline(gpointer data)
{
    SignalSocket *socket = data;
    stop_waiting(socket);
    socket->out.closed(socket->out.owner, "the server opened it but did not answer in time");
    return G_SOURCE_REMOVE;
}

static void await_answer(SignalSocket *socket)
{
    const int64_t timeout_ms = CLAMP(socket->timeout_ns / NS_PER_MS, 1, 3600 * 1000);
    socket->answer_source = g_timeout_source_new((guint)timeout_ms);
    g_source_set_callback(socket->answer_source, on_answer_deadline, socket, NULL);
    g_source_attach(socket->answer_source, g_main_context_get_thread_default());
}

static void on_opened(void *owner, SoupWebsocketConnection *connection)
{
    SignalSocket *socket = owner;
    socket->connection = connection;
    g_signal_connect(connection, "message", G_CALLBACK(on_message), socket);
    g_signal_connect(connection, "closed", G_CALLBACK(on_closed), socket);
    if (socket->timeout_ns > 0)
        await_answer(socket);
}

static void on_failed(void *owner, const Outcome *failure, bool was_refused)
{
    SignalSocket *socket = owner;
    socket->out.failed(socket->out.owner, failure, was_refused);
}

SignalSocket *signal_socket_new(const HandshakeConfig *config, SignalSocketOut out)
{
    SignalSocket *socket = g_new0(SignalSocket, 1);
    socket->out = out;
    socket->timeout_ns = config->timeout_ns;
    socket->handshake = handshake_new(
        config, (HandshakeOut){.owner = socket, .opened = on_opened, .failed = on_failed});
    return socket;
}

/* The reference ends with the closing handshake. */
static void let_go(SoupWebsocketConnection *connection)
{
    const SoupWebsocketState state = soup_websocket_connection_get_state(connection);
    if (state == SOUP_WEBSOCKET_STATE_CLOSED) {
        g_object_unref(connection);
        return;
    }
    g_signal_connect(connection, "closed", G_CALLBACK(g_object_unref), NULL);
    if (state == SOUP_WEBSOCKET_STATE_OPEN)
        soup_websocket_connection_close(connection, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
}

void signal_socket_free(SignalSocket *socket)
{
    if (socket == NULL)
        return;
    stop_waiting(socket);
    if (socket->connection != NULL) {
        g_signal_handlers_disconnect_by_data(socket->connection, socket);
        let_go(socket->connection);
    }
    handshake_free(socket->handshake);
    g_free(socket);
}

void signal_socket_send(SignalSocket *socket, GBytes *bytes)
{
    if (socket->connection != NULL &&
        soup_websocket_connection_get_state(socket->connection) == SOUP_WEBSOCKET_STATE_OPEN &&
        signal_guard_may_send(socket->connection, g_bytes_get_size(bytes)))
        soup_websocket_connection_send_message(socket->connection, SOUP_WEBSOCKET_DATA_BINARY,
                                               bytes);
    g_bytes_unref(bytes);
}

const ServerUrl *signal_socket_url(const SignalSocket *socket)
{
    return handshake_url(socket->handshake);
}
