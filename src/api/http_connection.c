#include <glib-unix.h>
#include <poll.h>
#include <string.h>

#include "api/http_connection_private.h"
#include "base/clock.h"

#define HANG_UP_KEY "roomtape-hang-up"

static const char continue_answer[] = "HTTP/1.1 100 Continue\r\n\r\n";

static void step(HttpConnection *connection);
static void send_bytes(HttpConnection *connection, GBytes *bytes);

/* ---- end ---- */

static void clear_source(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static void count_body(HttpConnection *connection, size_t size)
{
    connection->traffic->body_bytes += size - connection->body_bytes;
    connection->body_bytes = size;
}

static GBytes *take_request(HttpConnection *connection)
{
    GByteArray *bytes = connection->bytes;
    connection->bytes = g_byte_array_new();
    return g_byte_array_free_to_bytes(bytes);
}

static void connection_free(HttpConnection *connection)
{
    clear_source(&connection->timer);
    clear_source(&connection->ready);
    handshake_turn_end(connection->traffic->turns, &connection->turn);
    count_body(connection, 0);
    connection->traffic->answer_bytes -= connection->answer_bytes;
    g_byte_array_unref(connection->bytes);
    request_head_clear(&connection->head);
    g_clear_object(&connection->answer);
    g_clear_pointer(&connection->sending, g_bytes_unref);
    if (connection->stream != NULL)
        g_object_unref(connection->stream);
    g_clear_object(&connection->guard);
    g_object_unref(connection->plain);
    g_socket_close(connection->socket, NULL);
    g_object_unref(connection->socket);
    g_object_unref(connection->local);
    g_object_unref(connection->remote);
    g_object_unref(connection->cancellable);
    g_object_unref(connection->hang_up);
    g_free(connection);
}

/* A call that is under way, and libsoup, still know it; the last of them frees it. */
void http_connection_close(HttpConnection *connection)
{
    connection->state = STATE_CLOSED;
    clear_source(&connection->timer);
    clear_source(&connection->ready);
    if (connection->is_calling || connection->answer != NULL) {
        g_cancellable_cancel(connection->cancellable);
        return;
    }
    connection->closed(connection->owner, connection);
    connection_free(connection);
}

/* ---- time ---- */

static void refuse_late(HttpConnection *connection)
{
    Refusal refusal = {.status = 0};
    refuse_request(&refusal, SOUP_STATUS_REQUEST_TIMEOUT, CODE_BAD_REQUEST,
                   "The request did not arrive whole within %.3g s (api.request_timeout).",
                   (double)connection->traffic->request_timeout_ns / (double)NS_PER_SECOND);
    send_bytes(connection, refusal_bytes(&refusal));
}

static gboolean on_late(gpointer data)
{
    HttpConnection *connection = data;
    clear_source(&connection->timer);
    http_connection_tell_late_tls(connection);
    if (connection->state == STATE_READING && connection->is_calling)
        g_cancellable_cancel(connection->cancellable); /* on_read() says so */
    else
        http_connection_close(connection);
    return G_SOURCE_REMOVE;
}

void http_connection_set_timer(HttpConnection *connection, int64_t timeout_ns)
{
    clear_source(&connection->timer);
    connection->timer = g_timeout_source_new((guint)(timeout_ns / NS_PER_MS));
    g_source_set_callback(connection->timer, on_late, connection, NULL);
    g_source_attach(connection->timer, NULL);
}

/* ---- after the answer ---- */

/* What the client still sends is taken in, or the kernel would answer it with a reset that may
 * overtake our answer. */
static gboolean on_leftover(GSocket *socket, GIOCondition condition, gpointer data)
{
    HttpConnection *connection = data;
    (void)condition;
    const gssize size =
        g_socket_receive_with_blocking(socket, connection->chunk, CHUNK_BYTES, FALSE, NULL, NULL);
    if (size > 0)
        return G_SOURCE_CONTINUE;
    http_connection_close(connection);
    return G_SOURCE_REMOVE;
}

void http_connection_unwatch(HttpConnection *connection)
{
    clear_source(&connection->ready);
}

void http_connection_watch(HttpConnection *connection, GIOCondition condition, GSocketSourceFunc fn)
{
    clear_source(&connection->ready);
    connection->ready = g_socket_create_source(connection->socket, condition, NULL);
    g_source_set_callback(connection->ready, G_SOURCE_FUNC(fn), connection, NULL);
    g_source_attach(connection->ready, NULL);
}

void http_connection_linger(HttpConnection *connection)
{
    connection->state = STATE_LINGERING;
    g_socket_shutdown(connection->socket, FALSE, TRUE, NULL);
    http_connection_set_timer(connection, LINGER_SECONDS * NS_PER_SECOND);
    http_connection_watch(connection, G_IO_IN, on_leftover);
}

static void end_answer(HttpConnection *connection)
{
    if (connection->stream == connection->plain)
        http_connection_linger(connection);
    else
        http_connection_end_tls(connection);
}

static void on_sent(GObject *source, GAsyncResult *result, gpointer data)
{
    HttpConnection *connection = data;
    connection->is_calling = false;
    const bool is_sent =
        g_output_stream_write_all_finish(G_OUTPUT_STREAM(source), result, NULL, NULL);
    if (is_sent && connection->state != STATE_CLOSED)
        end_answer(connection);
    else
        http_connection_close(connection);
}

/* Takes over `bytes`. */
static void send_bytes(HttpConnection *connection, GBytes *bytes)
{
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);
    g_bytes_unref(take_request(connection));
    count_body(connection, 0);
    connection->state = STATE_SENDING;
    connection->sending = bytes;
    connection->is_calling = true;
    connection->answer_bytes = size;
    connection->traffic->answer_bytes += size;
    g_object_unref(connection->cancellable); /* it may have ended the reading */
    connection->cancellable = g_cancellable_new();
    http_connection_set_timer(connection, ANSWER_SECONDS * NS_PER_SECOND);
    g_output_stream_write_all_async(g_io_stream_get_output_stream(connection->stream), data, size,
                                    G_PRIORITY_DEFAULT, connection->cancellable, on_sent,
                                    connection);
}

/* ---- libsoup ---- */

static GBytes *take_answer(HttpConnection *connection)
{
    GMemoryOutputStream *answer = connection->answer;
    const gsize size = g_memory_output_stream_get_data_size(answer);
    if (connection->traffic->answer_bytes + size <= ANSWERS_MAX_BYTES)
        return g_bytes_new(g_memory_output_stream_get_data(answer), size);
    Refusal refusal = {.status = 0};
    refuse_request(&refusal, SOUP_STATUS_SERVICE_UNAVAILABLE, CODE_NO_CAPACITY,
                   "Too many answers wait for callers that do not take them.");
    return refusal_bytes(&refusal);
}

/* libsoup has let go of the streams: it has answered. */
static void on_answered(gpointer data, GObject *streams)
{
    HttpConnection *connection = data;
    (void)streams;
    g_autoptr(GBytes) bytes = take_answer(connection);
    g_clear_object(&connection->answer);
    clear_source(&connection->ready);
    if (connection->state == STATE_CLOSED || g_bytes_get_size(bytes) == 0)
        http_connection_close(connection);
    else
        send_bytes(connection, g_steal_pointer(&bytes));
}

static gboolean on_hang_up(gint fd, GIOCondition condition, gpointer data)
{
    HttpConnection *connection = data;
    (void)fd;
    (void)condition;
    clear_source(&connection->ready);
    g_cancellable_cancel(connection->hang_up);
    return G_SOURCE_REMOVE;
}

/* Not by what can be read: what a client sends behind its request is not looked at. */
static void watch_for_hang_up(HttpConnection *connection)
{
    connection->ready =
        g_unix_fd_source_new(g_socket_get_fd(connection->socket), (GIOCondition)POLLRDHUP);
    g_source_set_callback(connection->ready, G_SOURCE_FUNC(on_hang_up), connection, NULL);
    g_source_attach(connection->ready, NULL);
}

GCancellable *http_connection_hang_up(GSocketAddress *remote)
{
    return g_object_get_data(G_OBJECT(remote), HANG_UP_KEY);
}

static void serve(HttpConnection *connection, size_t size)
{
    g_autoptr(GBytes) all = take_request(connection);
    g_autoptr(GBytes) request = g_bytes_new_from_bytes(all, 0, size);
    g_autoptr(GInputStream) input = g_memory_input_stream_new_from_bytes(request);
    clear_source(&connection->timer);
    watch_for_hang_up(connection);
    count_body(connection, size - connection->head.size); /* libsoup keeps it */
    connection->state = STATE_SERVING;
    connection->answer = G_MEMORY_OUTPUT_STREAM(g_memory_output_stream_new_resizable());
    g_autoptr(GIOStream) streams =
        g_simple_io_stream_new(input, G_OUTPUT_STREAM(connection->answer));
    g_object_weak_ref(G_OBJECT(streams), on_answered, connection);
    soup_server_accept_iostream(connection->traffic->server, streams, connection->local,
                                connection->remote, NULL);
}

/* ---- the request ---- */

void http_connection_refuse(HttpConnection *connection, const Refusal *refusal)
{
    send_bytes(connection, refusal_bytes(refusal));
}

/* What a request says of its length costs nothing yet: what has come of its body counts. */
static bool count_arrived(HttpConnection *connection, Refusal *refusal)
{
    const size_t size = connection->bytes->len - connection->head.size;
    const size_t others = connection->traffic->body_bytes - connection->body_bytes;
    if (others + size > BODIES_MAX_BYTES)
        return refuse_request(refusal, SOUP_STATUS_SERVICE_UNAVAILABLE, CODE_NO_CAPACITY,
                              "Too many large requests arrive at the same time.");
    count_body(connection, size);
    return true;
}

static void on_told_to_continue(GObject *source, GAsyncResult *result, gpointer data)
{
    HttpConnection *connection = data;
    connection->is_calling = false;
    const bool is_sent =
        g_output_stream_write_all_finish(G_OUTPUT_STREAM(source), result, NULL, NULL);
    if (is_sent && connection->state != STATE_CLOSED)
        step(connection);
    else
        http_connection_close(connection);
}

static void tell_to_continue(HttpConnection *connection)
{
    connection->is_calling = true;
    g_output_stream_write_all_async(g_io_stream_get_output_stream(connection->stream),
                                    continue_answer, strlen(continue_answer), G_PRIORITY_DEFAULT,
                                    connection->cancellable, on_told_to_continue, connection);
}

static RequestVerdict read_head(HttpConnection *connection, Refusal *refusal)
{
    const HttpTraffic *traffic = connection->traffic;
    const RequestVerdict verdict = request_head_read(
        &connection->head, (const char *)connection->bytes->data, connection->bytes->len, refusal);
    if (verdict != REQUEST_WHOLE)
        return verdict;
    connection->has_head = true;
    return traffic->check(traffic->owner, &connection->head, connection->remote, refusal)
               ? REQUEST_WHOLE
               : REQUEST_REFUSED;
}

/* Goes on with what has come so far. */
static void step(HttpConnection *connection)
{
    Refusal refusal = {.status = 0};
    const bool had_head = connection->has_head;
    RequestVerdict verdict = had_head ? REQUEST_WHOLE : read_head(connection, &refusal);
    size_t size = 0;
    if (verdict == REQUEST_WHOLE && !count_arrived(connection, &refusal))
        verdict = REQUEST_REFUSED;
    if (verdict == REQUEST_WHOLE)
        verdict = request_body_find_end(&connection->head, (const char *)connection->bytes->data,
                                        connection->bytes->len, &size, &refusal);
    if (verdict == REQUEST_REFUSED)
        http_connection_refuse(connection, &refusal);
    else if (verdict == REQUEST_WHOLE)
        serve(connection, size);
    else if (connection->has_head && !had_head &&
             soup_message_headers_get_expectations(connection->head.headers) ==
                 SOUP_EXPECTATION_CONTINUE)
        tell_to_continue(connection);
    else
        http_connection_read(connection);
}

static void on_read(GObject *source, GAsyncResult *result, gpointer data)
{
    HttpConnection *connection = data;
    connection->is_calling = false;
    const gssize size = g_input_stream_read_finish(G_INPUT_STREAM(source), result, NULL);
    if (connection->state == STATE_CLOSED) {
        http_connection_close(connection);
    } else if (size > 0) {
        g_byte_array_append(connection->bytes, (const guint8 *)connection->chunk, (guint)size);
        step(connection);
    } else if (g_cancellable_is_cancelled(connection->cancellable)) {
        refuse_late(connection);
    } else {
        http_connection_close(connection);
    }
}

void http_connection_read(HttpConnection *connection)
{
    connection->state = STATE_READING;
    connection->is_calling = true;
    g_input_stream_read_async(g_io_stream_get_input_stream(connection->stream), connection->chunk,
                              CHUNK_BYTES, G_PRIORITY_DEFAULT, connection->cancellable, on_read,
                              connection);
}

/* ---- life ---- */

HttpConnection *http_connection_new(GSocket *socket, HttpTraffic *traffic,
                                    HttpConnectionClosedFn closed, void *owner)
{
    HttpConnection *connection = g_new0(HttpConnection, 1);
    connection->traffic = traffic;
    connection->closed = closed;
    connection->owner = owner;
    connection->socket = g_object_ref(socket);
    connection->plain = G_IO_STREAM(g_socket_connection_factory_create_connection(socket));
    connection->stream = g_object_ref(connection->plain);
    connection->local = g_socket_get_local_address(socket, NULL);
    connection->remote = g_socket_get_remote_address(socket, NULL);
    connection->cancellable = g_cancellable_new();
    connection->hang_up = g_cancellable_new();
    g_object_set_data_full(G_OBJECT(connection->remote), HANG_UP_KEY,
                           g_object_ref(connection->hang_up), g_object_unref);
    connection->bytes = g_byte_array_new();
    return connection;
}

void http_connection_start(HttpConnection *connection, const Refusal *refusal)
{
    const HttpTraffic *traffic = connection->traffic;
    connection->deadline_ns = clock_monotonic_ns() + traffic->request_timeout_ns;
    http_connection_set_timer(connection, traffic->request_timeout_ns);
    if (refusal != NULL)
        http_connection_refuse(connection, refusal);
    else if (traffic->certificate != NULL)
        http_connection_begin_tls(connection);
    else
        http_connection_read(connection);
}

void http_connection_abort(HttpConnection *connection)
{
    http_connection_close(connection);
}

bool http_connection_is_sending(const HttpConnection *connection)
{
    return connection->state == STATE_SENDING;
}
