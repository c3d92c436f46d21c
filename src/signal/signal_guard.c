#include "signal/signal_guard.h"

/* What the kernel holds for us may belong to the next message. */
#define MESSAGE_SLACK_BYTES (8 * 1024 * 1024)

typedef struct {
    GSocket *socket; /* NULL when there is none below the stream */
    WatchedSocket *watched;
    int64_t window_ns;
    uint64_t window_bytes, window_messages;
    size_t unread_bytes;
    const char *reason;
} Guard;

static const char guard_key[] = "roomtape-signal-guard";

static Guard *guard_of(SoupWebsocketConnection *connection)
{
    return g_object_get_data(G_OBJECT(connection), guard_key);
}

/* Under a WebSocket lie libsoup's stream, TLS or none, and TCP. */
static GSocket *find_socket(GIOStream *stream)
{
    static const char *const bases[] = {"base-iostream", "base-io-stream"};
    if (G_IS_SOCKET_CONNECTION(stream))
        return g_object_ref(g_socket_connection_get_socket(G_SOCKET_CONNECTION(stream)));
    for (unsigned i = 0; i < G_N_ELEMENTS(bases); i++) {
        g_autoptr(GIOStream) below = NULL;
        if (!g_object_class_find_property(G_OBJECT_GET_CLASS(stream), bases[i]))
            continue;
        g_object_get(stream, bases[i], &below, NULL);
        return below != NULL ? find_socket(below) : NULL;
    }
    return NULL;
}

/* The owner hears of it as a connection that closed. */
static void cut(Guard *guard, const char *reason)
{
    if (guard->reason != NULL)
        return;
    guard->reason = reason;
    if (guard->socket != NULL)
        g_socket_shutdown(guard->socket, TRUE, TRUE, NULL);
}

static void on_message(SoupWebsocketConnection *connection, int type, GBytes *message,
                       gpointer data)
{
    (void)connection;
    (void)type;
    Guard *guard = data;
    const int64_t now_ns = clock_monotonic_ns();
    if (now_ns - guard->window_ns >= SIGNAL_GUARD_WINDOW_NS) {
        guard->window_ns = now_ns;
        guard->window_bytes = guard->window_messages = 0;
    }
    guard->window_bytes += g_bytes_get_size(message);
    guard->window_messages++;
    watched_socket_took_message(guard->watched);
    if (guard->window_bytes > SIGNAL_GUARD_MAX_BYTES)
        cut(guard, "the server sent more than 64 MiB within 10 s");
    else if (guard->window_messages > SIGNAL_GUARD_MAX_MESSAGES)
        cut(guard, "the server sent more than 10,000 messages within 10 s");
}

static void guard_free(gpointer data)
{
    Guard *guard = data;
    socket_watch_remove(guard->watched);
    g_clear_object(&guard->socket);
    g_free(guard);
}

void signal_guard_attach(SoupWebsocketConnection *connection, SocketWatch *watch)
{
    Guard *guard = g_new0(Guard, 1);
    guard->socket = find_socket(soup_websocket_connection_get_io_stream(connection));
    guard->window_ns = clock_monotonic_ns();
    if (guard->socket != NULL && watch != NULL)
        guard->watched = socket_watch_add(watch, g_socket_get_fd(guard->socket),
                                          SIGNAL_GUARD_MESSAGE_BYTES + MESSAGE_SLACK_BYTES);
    g_object_set_data_full(G_OBJECT(connection), guard_key, guard, guard_free);
    g_signal_connect(connection, "message", G_CALLBACK(on_message), guard);
}

/* libsoup writes as soon as the socket takes something: one that does had everything before. */
bool signal_guard_may_send(SoupWebsocketConnection *connection, size_t size)
{
    Guard *guard = guard_of(connection);
    GOutputStream *out =
        g_io_stream_get_output_stream(soup_websocket_connection_get_io_stream(connection));
    if (g_pollable_output_stream_is_writable(G_POLLABLE_OUTPUT_STREAM(out)))
        guard->unread_bytes = 0;
    guard->unread_bytes += size;
    if (guard->unread_bytes > SIGNAL_GUARD_UNREAD_BYTES)
        cut(guard, "the server does not read what we send");
    return guard->reason == NULL;
}

const char *signal_guard_reason(SoupWebsocketConnection *connection)
{
    const Guard *guard = guard_of(connection);
    if (guard != NULL && watched_socket_was_cut(guard->watched))
        return "the server sent a message of more than 16 MiB";
    return guard != NULL ? guard->reason : NULL;
}
