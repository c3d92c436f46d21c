/* Decides from a request's headers whether it may be served at all.
 * Thread: main; no state. */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>
#include <stddef.h>

/* The host and port of `listen` ("127.0.0.1:8080", "[::1]:0", "localhost:80"). The host is without
 * brackets; free with g_free(). */
bool request_split_listen(const char *listen, char **ret_host, unsigned *ret_port);

/* The address of `listen`; NULL for a name other than localhost. */
GSocketAddress *request_listen_address(const char *listen);
bool request_is_loopback(GSocketAddress *address);

/* Whether a Host header names this machine and the service's port. `listen_host` as from
 * request_split_listen(). */
bool request_host_is_ours(const char *host_header, const char *listen_host, unsigned port,
                          bool is_https);

/* application/json, with or without a charset of UTF-8. */
bool request_is_json(const char *content_type);
