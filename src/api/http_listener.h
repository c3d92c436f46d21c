/* Takes connections on one address, as many as are allowed in all and from each address.
 * Thread: main. */
#pragma once

#include <stdbool.h>

#include "api/http_connection.h"

#define LISTEN_BACKLOG 1024 /* the kernel cuts it at net.core.somaxconn */

typedef struct {
    unsigned max_connections, max_address_connections;
    HttpTraffic traffic;
} HttpListenerOptions;

typedef struct HttpListener HttpListener;

/* NULL with the system's sentence when it cannot listen there. */
HttpListener *http_listener_new(GSocketAddress *address, const HttpListenerOptions *options,
                                GError **error);

unsigned http_listener_port(const HttpListener *listener);
bool http_listener_is_sending(const HttpListener *listener);

/* Takes no connection any more. */
void http_listener_close(HttpListener *listener);

/* Ends all connections, for which it runs the default main context. After libsoup's server has let
 * go of them. */
void http_listener_free(HttpListener *listener);

/* What is counted as one caller: an IPv4 address, or the /64 of an IPv6 one, which is what one host
 * is given. Free with g_free(). */
char *caller_address(GSocketAddress *remote);
