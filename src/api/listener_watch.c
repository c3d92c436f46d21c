#include "api/listener_watch.h"

#include <stdbool.h>

#include "base/log.h"

#define LOOK_MS 1000
#define LOOKS 2 /* at callers that nobody let in */

struct ListenerWatch {
    SoupServer *server;
    gulong handler;
    guint timer;
    unsigned requests, seen_requests;
    unsigned looks;
};

static void on_request_started(SoupServer *server, SoupServerMessage *message, gpointer data)
{
    (void)server;
    (void)message;
    ((ListenerWatch *)data)->requests++;
}

static GSocket *waiting_socket(SoupServer *server)
{
    GSocket *found = NULL;
    GSList *sockets = soup_server_get_listeners(server);
    for (GSList *link = sockets; link != NULL && found == NULL; link = link->next) {
        if ((g_socket_condition_check(link->data, G_IO_IN) & G_IO_IN) != 0)
            found = link->data;
    }
    g_slist_free(sockets);
    return found;
}

static void listen_again(const ListenerWatch *watch, GSocket *socket)
{
    g_autoptr(GError) error = NULL;
    const SoupServerListenOptions options =
        soup_server_is_https(watch->server) ? SOUP_SERVER_LISTEN_HTTPS : 0;
    if (soup_server_listen_socket(watch->server, socket, options, &error))
        log_warning("api", NULL, "The service had no descriptor for a caller and listens again.");
    else
        log_error("api", NULL, "Cannot listen again: %s.", error->message);
}

/* Callers that wait while no request comes, look after look: nobody takes them. */
static gboolean on_look(gpointer data)
{
    ListenerWatch *watch = data;
    GSocket *socket = waiting_socket(watch->server);
    const bool is_idle = watch->requests == watch->seen_requests;
    watch->seen_requests = watch->requests;
    watch->looks = socket != NULL && is_idle ? watch->looks + 1 : 0;
    if (watch->looks > LOOKS) {
        watch->looks = 0;
        listen_again(watch, socket);
    }
    return G_SOURCE_CONTINUE;
}

ListenerWatch *listener_watch_new(SoupServer *server)
{
    ListenerWatch *watch = g_new0(ListenerWatch, 1);
    watch->server = server;
    watch->handler =
        g_signal_connect(server, "request-started", G_CALLBACK(on_request_started), watch);
    watch->timer = g_timeout_add(LOOK_MS, on_look, watch);
    return watch;
}

void listener_watch_free(ListenerWatch *watch)
{
    if (watch == NULL)
        return;
    g_source_remove(watch->timer);
    g_signal_handler_disconnect(watch->server, watch->handler);
    g_free(watch);
}
