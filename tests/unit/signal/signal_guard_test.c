#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "signal/metered_input.h"
#include "signal/signal_guard.h"
#include "signal_test.h"

#define MIB (1024 * 1024)
#define PATIENCE_NS (20 * NS_PER_SECOND)

/* A server on a thread of its own: it accepts one WebSocket, says what it has been given in the
 * very bytes of its answer, and reads when it is told to. */
typedef struct {
    int listener;
    int port;
    GThread *thread;
    GByteArray *says;
    _Atomic bool reads, ends;
    _Atomic uint64_t received;

    SoupSession *session;
    SoupWebsocketConnection *connection;
    unsigned messages;
    size_t message_bytes;
    bool is_closed;
} Fixture;

static char *read_request(int fd)
{
    GString *request = g_string_new(NULL);
    char byte;
    while (strstr(request->str, "\r\n\r\n") == NULL && read(fd, &byte, 1) == 1)
        g_string_append_c(request, byte);
    return g_string_free(request, FALSE);
}

static char *make_answer(const char *request)
{
    static const char field[] = "Sec-WebSocket-Key: ";
    const char *key = strstr(request, field);
    g_assert_nonnull(key);
    key += strlen(field);
    g_autofree char *text =
        g_strdup_printf("%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, "\r\n"), key);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    g_checksum_update(sum, (const guchar *)text, -1);
    uint8_t digest[20];
    gsize size = sizeof digest;
    g_checksum_get_digest(sum, digest, &size);
    g_autofree char *accept = g_base64_encode(digest, size);
    return g_strdup_printf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                           accept);
}

static void write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const ssize_t written = send(fd, data, size, MSG_NOSIGNAL);
        if (written <= 0)
            return;
        data += written;
        size -= (size_t)written;
    }
}

static void *serve(void *data)
{
    Fixture *fixture = data;
    const int fd = accept(fixture->listener, NULL, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_autofree char *request = read_request(fd);
    g_autofree char *answer = make_answer(request);
    g_byte_array_prepend(fixture->says, (const uint8_t *)answer, (guint)strlen(answer));
    write_all(fd, fixture->says->data, fixture->says->len);
    static uint8_t heap[256 * 1024];
    while (!fixture->ends) {
        struct pollfd wait = {.fd = fd, .events = fixture->reads ? POLLIN : 0};
        if (poll(&wait, 1, 5) != 1 || !(wait.revents & POLLIN))
            continue;
        const ssize_t size = read(fd, heap, sizeof heap);
        if (size <= 0)
            break;
        fixture->received += (uint64_t)size;
    }
    close(fd);
    return NULL;
}

static void on_message(SoupWebsocketConnection *connection, int type, GBytes *bytes, gpointer data)
{
    (void)connection;
    (void)type;
    Fixture *fixture = data;
    fixture->messages++;
    fixture->message_bytes += g_bytes_get_size(bytes);
}

static void on_closed(SoupWebsocketConnection *connection, gpointer data)
{
    (void)connection;
    ((Fixture *)data)->is_closed = true;
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
    Fixture *fixture = data;
    g_autoptr(GError) error = NULL;
    fixture->connection =
        soup_session_websocket_connect_finish(SOUP_SESSION(source), result, &error);
    g_assert_no_error(error);
    soup_websocket_connection_set_max_incoming_payload_size(fixture->connection, 16 * MIB);
    signal_guard_attach(fixture->connection);
    g_signal_connect(fixture->connection, "message", G_CALLBACK(on_message), fixture);
    g_signal_connect(fixture->connection, "closed", G_CALLBACK(on_closed), fixture);
}

static void listen_on(Fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    fixture->listener = socket(AF_INET, SOCK_STREAM, 0);
    g_assert_cmpint(bind(fixture->listener, (struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(listen(fixture->listener, 1), ==, 0);
    getsockname(fixture->listener, (struct sockaddr *)&address, &size);
    fixture->port = ntohs(address.sin_port);
}

/* `says` is taken. */
static void set_up(Fixture *fixture, GByteArray *says)
{
    *fixture = (Fixture){.says = says, .session = soup_session_new()};
    listen_on(fixture);
    fixture->thread = g_thread_new("server", serve, fixture);
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/", fixture->port);
    g_autoptr(SoupMessage) message = soup_message_new("GET", url);
    soup_session_websocket_connect_async(fixture->session, message, NULL, NULL, G_PRIORITY_DEFAULT,
                                         NULL, on_connected, fixture);
    const int64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    while (fixture->connection == NULL) {
        g_assert_cmpint(clock_monotonic_ns(), <, deadline_ns);
        g_main_context_iteration(NULL, TRUE);
    }
}

static void tear_down(Fixture *fixture)
{
    fixture->ends = true;
    g_thread_join(fixture->thread);
    g_signal_handlers_disconnect_by_data(fixture->connection, fixture);
    g_clear_object(&fixture->connection);
    g_clear_object(&fixture->session);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    close(fixture->listener);
    g_byte_array_unref(fixture->says);
}

static gboolean on_patience(gpointer data)
{
    *(bool *)data = true;
    return G_SOURCE_CONTINUE;
}

static void run_until_closed(Fixture *fixture)
{
    bool is_late = false;
    const guint timer = g_timeout_add_seconds(20, on_patience, &is_late);
    while (!fixture->is_closed) {
        g_assert_false(is_late);
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(timer);
}

static void say(GByteArray *says, uint8_t first, size_t size)
{
    const uint8_t head[] = {first,
                            127,
                            0,
                            0,
                            0,
                            0,
                            (uint8_t)(size >> 24),
                            (uint8_t)(size >> 16),
                            (uint8_t)(size >> 8),
                            (uint8_t)size};
    g_byte_array_append(says, size < 126 ? (uint8_t[]){first, (uint8_t)size} : head,
                        size < 126 ? 2 : sizeof head);
    const guint at = says->len;
    g_byte_array_set_size(says, at + (guint)size);
    memset(says->data + at, 'x', size);
}

/* Frames that come in one packet with the handshake's answer are read, and counted. */
static void test_early_frames(void)
{
    Fixture fixture;
    GByteArray *says = g_byte_array_new();
    for (unsigned i = 0; i < 500; i++)
        say(says, 0x89, 0);
    say(says, 0x82, 3);
    for (unsigned i = 0; i < 501; i++)
        say(says, 0x8a, 0);
    say(says, 0x82, 4);
    set_up(&fixture, says);
    run_until_closed(&fixture);
    g_assert_nonnull(strstr(signal_guard_reason(fixture.connection), "1,000 pings and pongs"));
    g_assert_cmpuint(fixture.messages, <=, 1);
    tear_down(&fixture);
}

/* The main loop gets its turns while a large message comes, and the message comes whole. */
static void test_turns(void)
{
    Fixture fixture;
    GByteArray *says = g_byte_array_new();
    say(says, 0x02, 12 * MIB);
    say(says, 0x89, 4);
    say(says, 0x80, 4 * MIB);
    set_up(&fixture, says);
    unsigned turns = 0;
    const int64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    for (; fixture.messages == 0; turns++) {
        g_assert_cmpint(clock_monotonic_ns(), <, deadline_ns);
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_cmpuint(fixture.message_bytes, ==, 16 * MIB);
    g_assert_cmpuint(turns, >=, 16 * MIB / METERED_INPUT_TURN_BYTES);
    g_assert_null(signal_guard_reason(fixture.connection));
    tear_down(&fixture);
}

static bool send_some(Fixture *fixture, GBytes *bytes)
{
    if (!signal_guard_may_send(fixture->connection, g_bytes_get_size(bytes)))
        return false;
    soup_websocket_connection_send_message(fixture->connection, SOUP_WEBSOCKET_DATA_BINARY, bytes);
    return true;
}

static void wait_until_writable(Fixture *fixture)
{
    GIOStream *stream = soup_websocket_connection_get_io_stream(fixture->connection);
    GPollableOutputStream *out = G_POLLABLE_OUTPUT_STREAM(g_io_stream_get_output_stream(stream));
    const int64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    while (!g_pollable_output_stream_is_writable(out)) {
        g_assert_cmpint(clock_monotonic_ns(), <, deadline_ns);
        g_thread_yield();
    }
}

/* A server that takes a little each time is writable again and again, and what waits grows. */
static void test_slow_reader(void)
{
    Fixture fixture;
    set_up(&fixture, g_byte_array_new());
    g_autoptr(GBytes) bytes = g_bytes_new_take(g_malloc0(MIB), MIB);
    uint64_t given = 0;
    for (unsigned i = 0; i < 140; i++) {
        if (!send_some(&fixture, bytes))
            break;
        given += MIB;
        if (i % 7 != 6)
            continue;
        fixture.reads = true;
        wait_until_writable(&fixture);
        fixture.reads = false;
    }
    g_assert_nonnull(signal_guard_reason(fixture.connection));
    g_assert_nonnull(strstr(signal_guard_reason(fixture.connection), "does not read"));
    g_assert_cmpuint(given - fixture.received, >, SIGNAL_GUARD_UNREAD_BYTES - MIB);
    run_until_closed(&fixture);
    tear_down(&fixture);
}

static void test_good_reader(void)
{
    Fixture fixture;
    set_up(&fixture, g_byte_array_new());
    fixture.reads = true;
    g_autoptr(GBytes) bytes = g_bytes_new_take(g_malloc0(MIB), MIB);
    const int64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    for (uint64_t given = 0; given < 70 * MIB; given += MIB) {
        g_assert_true(send_some(&fixture, bytes));
        while (given > fixture.received + 4 * MIB) {
            g_assert_cmpint(clock_monotonic_ns(), <, deadline_ns);
            g_main_context_iteration(NULL, FALSE);
        }
    }
    g_assert_null(signal_guard_reason(fixture.connection));
    tear_down(&fixture);
}

/* Straight from the socket, as libsoup never does it: nothing is taken that is not counted. */
static void test_uncounted(void)
{
    int fds[2];
    char byte;
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_autoptr(GSocket) socket = g_socket_new_from_fd(fds[0], NULL);
    g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);
    g_autoptr(GUri) uri = g_uri_parse("ws://a/", G_URI_FLAGS_NONE, NULL);
    SoupWebsocketConnection *connection = soup_websocket_connection_new(
        G_IO_STREAM(stream), uri, SOUP_WEBSOCKET_CONNECTION_CLIENT, NULL, NULL, NULL);
    signal_guard_attach(connection);
    g_assert_nonnull(strstr(signal_guard_reason(connection), "cannot be counted"));
    g_assert_false(signal_guard_may_send(connection, 1));
    g_assert_cmpint(recv(fds[1], &byte, 1, MSG_DONTWAIT), ==, 0); /* its end */
    g_object_unref(connection);
    close(fds[1]);
}

void signal_guard_test_add(void)
{
    g_test_add_func("/signal_guard/uncounted", test_uncounted);
    g_test_add_func("/signal_guard/early_frames", test_early_frames);
    g_test_add_func("/signal_guard/turns", test_turns);
    g_test_add_func("/signal_guard/slow_reader", test_slow_reader);
    g_test_add_func("/signal_guard/good_reader", test_good_reader);
}
