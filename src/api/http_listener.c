#include "api/http_listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define ACCEPT_AT_ONCE 64
#define ACCEPT_RETRY_MS 200
#define TELL_INTERVAL_NS (10 * NS_PER_SECOND)
#define REFUSED_MAX 64 /* that get a sentence; more are only closed */

struct HttpListener {
    HttpListenerOptions options;
    GSocket *socket;
    GSource *accepting, *retry;
    GHashTable *connections; /* HttpConnection -> char *address; NULL: one that was refused */
    GHashTable *addresses;   /* char * -> count */
    unsigned refused;
    int64_t told_at_ns; /* that connections are refused */
};

static void attach_accept(HttpListener *listener);

/* ---- addresses ---- */

char *caller_address(GSocketAddress *remote)
{
    static const guint8 mapped[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96 */
    GInetAddress *address = g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(remote));
    const guint8 *bytes = g_inet_address_to_bytes(address);
    if (g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV4)
        return g_inet_address_to_string(address);
    if (memcmp(bytes, mapped, sizeof mapped) == 0)
        return g_strdup_printf("%u.%u.%u.%u", bytes[12], bytes[13], bytes[14], bytes[15]);
    guint8 network[16] = {0};
    memcpy(network, bytes, 8);
    g_autoptr(GInetAddress) prefix = g_inet_address_new_from_bytes(network, G_SOCKET_FAMILY_IPV6);
    g_autofree char *text = g_inet_address_to_string(prefix);
    return g_strconcat(text, "/64", NULL);
}

static unsigned address_count(const HttpListener *listener, const char *address)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(listener->addresses, address));
}

static void set_address_count(HttpListener *listener, const char *address, unsigned count)
{
    if (count > 0)
        g_hash_table_insert(listener->addresses, g_strdup(address), GUINT_TO_POINTER(count));
    else
        g_hash_table_remove(listener->addresses, address);
}

/* ---- connections ---- */

static void on_closed(void *owner, HttpConnection *connection)
{
    HttpListener *listener = owner;
    const char *address = g_hash_table_lookup(listener->connections, connection);
    if (address != NULL)
        set_address_count(listener, address, address_count(listener, address) - 1);
    else
        listener->refused--;
    g_hash_table_remove(listener->connections, connection);
}

static unsigned served_count(const HttpListener *listener)
{
    return g_hash_table_size(listener->connections) - listener->refused;
}

/* False with 503 in `refusal`. */
static bool has_room(HttpListener *listener, const char *address, Refusal *refusal)
{
    const HttpListenerOptions *options = &listener->options;
    if (served_count(listener) >= options->max_connections)
        return refuse_request(refusal, SOUP_STATUS_SERVICE_UNAVAILABLE, CODE_NO_CAPACITY,
                              "There are %u connections, and api.max_connections is %u.",
                              served_count(listener), options->max_connections);
    if (address_count(listener, address) >= options->max_address_connections)
        return refuse_request(refusal, SOUP_STATUS_SERVICE_UNAVAILABLE, CODE_NO_CAPACITY,
                              "There are %u connections from your address, and "
                              "api.max_address_connections is %u.",
                              address_count(listener, address), options->max_address_connections);
    return true;
}

static void tell(HttpListener *listener, const char *what, const char *why)
{
    const int64_t now_ns = clock_monotonic_ns();
    if (listener->told_at_ns != 0 && now_ns - listener->told_at_ns < TELL_INTERVAL_NS)
        return;
    listener->told_at_ns = now_ns;
    log_warning("api", NULL, "%s: %s", what, why);
}

static void on_handshake_ended(void *owner, const HttpConnection *connection, const char *why)
{
    HttpListener *listener = owner;
    const char *address = g_hash_table_lookup(listener->connections, connection);
    g_autofree char *what = g_strdup_printf("The TLS handshake of %s is ended", address);
    g_autofree char *sentence = g_strconcat(why, ".", NULL);
    tell(listener, what, sentence);
}

/* The sentence has to be sent in the clear, so there is none over TLS. */
static void refuse(HttpListener *listener, GSocket *socket, Refusal *refusal)
{
    HttpTraffic *traffic = &listener->options.traffic;
    if (traffic->certificate != NULL || listener->refused >= REFUSED_MAX)
        return;
    HttpConnection *connection = http_connection_new(socket, traffic, on_closed, listener);
    refusal->retry_after = 1;
    listener->refused++;
    g_hash_table_insert(listener->connections, connection, NULL);
    http_connection_start(connection, refusal);
}

static void take(HttpListener *listener, GSocket *socket, GSocketAddress *remote)
{
    Refusal refusal = {.status = 0};
    g_autofree char *address = caller_address(remote);
    if (!has_room(listener, address, &refusal)) {
        tell(listener, "A connection is refused", refusal.outcome.sentence);
        refuse(listener, socket, &refusal);
        return;
    }
    HttpConnection *connection =
        http_connection_new(socket, &listener->options.traffic, on_closed, listener);
    set_address_count(listener, address, address_count(listener, address) + 1);
    g_hash_table_insert(listener->connections, connection, g_steal_pointer(&address));
    http_connection_start(connection, NULL);
}

/* ---- accepting ---- */

static gboolean on_retry(gpointer data)
{
    HttpListener *listener = data;
    g_clear_pointer(&listener->retry, g_source_unref);
    attach_accept(listener);
    return G_SOURCE_REMOVE;
}

static void clear_source(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

/* Without descriptors the connection stays in the queue, and its socket readable: no busy loop. */
static void pause_accepting(HttpListener *listener, const GError *error)
{
    tell(listener, "No connection can be taken for now", error->message);
    clear_source(&listener->accepting);
    listener->retry = g_timeout_source_new(ACCEPT_RETRY_MS);
    g_source_set_callback(listener->retry, on_retry, listener, NULL);
    g_source_attach(listener->retry, NULL);
}

static bool accept_one(HttpListener *listener, GError **error)
{
    g_autoptr(GSocket) socket = g_socket_accept(listener->socket, NULL, error);
    if (socket == NULL)
        return false;
    g_autoptr(GSocketAddress) remote = g_socket_get_remote_address(socket, NULL);
    g_autoptr(GSocketAddress) local = g_socket_get_local_address(socket, NULL);
    g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, TRUE, NULL);
    if (remote != NULL && local != NULL) /* else it is gone again */
        take(listener, socket, remote);
    return true;
}

static gboolean on_connection(GSocket *socket, GIOCondition condition, gpointer data)
{
    HttpListener *listener = data;
    g_autoptr(GError) error = NULL;
    (void)socket;
    (void)condition;
    for (unsigned i = 0; i < ACCEPT_AT_ONCE; i++) {
        if (!accept_one(listener, &error))
            break;
    }
    if (error == NULL || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) ||
        g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
        return G_SOURCE_CONTINUE;
    pause_accepting(listener, error);
    return G_SOURCE_REMOVE;
}

static void attach_accept(HttpListener *listener)
{
    listener->accepting = g_socket_create_source(listener->socket, G_IO_IN, NULL);
    g_source_set_callback(listener->accepting, G_SOURCE_FUNC(on_connection), listener, NULL);
    g_source_attach(listener->accepting, NULL);
}

static GSocket *open_socket(GSocketAddress *address, GError **error)
{
    g_autoptr(GSocket) socket = g_socket_new(g_socket_address_get_family(address),
                                             G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
    if (socket == NULL)
        return NULL;
    g_socket_set_blocking(socket, FALSE);
    g_socket_set_listen_backlog(socket, LISTEN_BACKLOG);
    if (!g_socket_bind(socket, address, TRUE, error) || !g_socket_listen(socket, error))
        return NULL;
    return g_steal_pointer(&socket);
}

/* ---- life ---- */

HttpListener *http_listener_new(GSocketAddress *address, const HttpListenerOptions *options,
                                GError **error)
{
    GSocket *socket = open_socket(address, error);
    if (socket == NULL)
        return NULL;
    HttpListener *listener = g_new0(HttpListener, 1);
    listener->options = *options;
    listener->options.traffic.turns =
        handshake_turns_new(HANDSHAKES_MAX, HANDSHAKE_SHARE_SECONDS * NS_PER_SECOND);
    listener->options.traffic.listener = listener;
    listener->options.traffic.handshake_ended = on_handshake_ended;
    listener->socket = socket;
    listener->connections = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    listener->addresses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    attach_accept(listener);
    return listener;
}

unsigned http_listener_port(const HttpListener *listener)
{
    g_autoptr(GSocketAddress) address = g_socket_get_local_address(listener->socket, NULL);
    return address != NULL ? g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address)) : 0;
}

bool http_listener_is_sending(const HttpListener *listener)
{
    GHashTableIter iterator;
    gpointer connection;
    g_hash_table_iter_init(&iterator, listener->connections);
    while (g_hash_table_iter_next(&iterator, &connection, NULL)) {
        if (http_connection_is_sending(connection))
            return true;
    }
    return false;
}

void http_listener_close(HttpListener *listener)
{
    clear_source(&listener->accepting);
    clear_source(&listener->retry);
    g_socket_close(listener->socket, NULL);
}

void http_listener_free(HttpListener *listener)
{
    if (listener == NULL)
        return;
    http_listener_close(listener);
    handshake_turns_stop(listener->options.traffic.turns);
    g_autoptr(GList) connections = g_hash_table_get_keys(listener->connections);
    for (GList *one = connections; one != NULL; one = one->next)
        http_connection_abort(one->data);
    /* Calls that were cancelled come back at the next turns. */
    while (g_hash_table_size(listener->connections) > 0)
        g_main_context_iteration(NULL, TRUE);
    handshake_turns_free(listener->options.traffic.turns);
    g_hash_table_unref(listener->connections);
    g_hash_table_unref(listener->addresses);
    g_object_unref(listener->socket);
    g_free(listener);
}
