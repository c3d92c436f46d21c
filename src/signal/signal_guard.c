#include "signal/signal_guard.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include "signal/metered_input.h"

#define FRAME_HEAD_MAX_BYTES 14

typedef struct {
    GSocket *socket;                  /* NULL when there is none below the stream */
    MeteredInput *input;              /* NULL where libsoup's stream is none that can be counted */
    uint64_t given_bytes, pong_bytes; /* what libsoup was given to send, and the pongs among it */
    uint64_t written_before;
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

static const char *reason_of(const Guard *guard)
{
    return guard->input != NULL ? metered_input_reason(guard->input)
                                : "libsoup reads it from a stream that cannot be counted";
}

/* The owner hears of it as a connection that closed. */
static void cut(Guard *guard)
{
    if (guard->socket != NULL)
        g_socket_shutdown(guard->socket, TRUE, TRUE, NULL);
}

/* What the kernel ever took for the server: acknowledged, or waiting in its buffer. False where it
 * does not count. */
static bool written_bytes(const Guard *guard, uint64_t *ret_bytes)
{
    if (guard->socket == NULL)
        return false;
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    int waiting = 0;
    const int fd = g_socket_get_fd(guard->socket);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        ioctl(fd, SIOCOUTQ, &waiting) != 0 || info.tcpi_bytes_acked == 0)
        return false;
    *ret_bytes = info.tcpi_bytes_acked + (uint64_t)waiting;
    return true;
}

static void guard_free(gpointer data)
{
    Guard *guard = data;
    g_clear_object(&guard->socket);
    g_clear_object(&guard->input);
    g_free(guard);
}

void signal_guard_attach(SoupWebsocketConnection *connection)
{
    GIOStream *stream = soup_websocket_connection_get_io_stream(connection);
    Guard *guard = g_new0(Guard, 1);
    guard->socket = find_socket(stream);
    guard->input =
        metered_input_insert(G_POLLABLE_INPUT_STREAM(g_io_stream_get_input_stream(stream)));
    written_bytes(guard, &guard->written_before);
    if (guard->input == NULL)
        cut(guard);
    g_object_set_data_full(G_OBJECT(connection), guard_key, guard, guard_free);
}

static void count_pongs(Guard *guard)
{
    const uint64_t pong_bytes = metered_input_pong_bytes(guard->input);
    guard->given_bytes += pong_bytes - guard->pong_bytes;
    guard->pong_bytes = pong_bytes;
}

/* What the kernel took is compared with what libsoup was given: a socket that takes a little now
 * and then still leaves the rest waiting. TLS adds to what is written, for which more counts as
 * given. */
bool signal_guard_may_send(SoupWebsocketConnection *connection, size_t size)
{
    Guard *guard = guard_of(connection);
    uint64_t written = 0;
    if (reason_of(guard) == NULL && written_bytes(guard, &written)) {
        written -= guard->written_before;
        count_pongs(guard);
        guard->given_bytes = MAX(guard->given_bytes, written) + size + FRAME_HEAD_MAX_BYTES;
        if (guard->given_bytes - written > SIGNAL_GUARD_UNREAD_BYTES) {
            metered_input_stop(guard->input, "the server does not read what we send");
            cut(guard);
        }
    }
    return reason_of(guard) == NULL;
}

const char *signal_guard_reason(SoupWebsocketConnection *connection)
{
    const Guard *guard = guard_of(connection);
    return guard != NULL ? reason_of(guard) : NULL;
}
