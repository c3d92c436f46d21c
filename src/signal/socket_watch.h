/* Cuts sockets whose reader would never stop: libsoup reads a socket until it is empty before it
 * looks at what came, so that a server as fast as memory keeps it, and its thread, reading for
 * ever. A thread of its own looks at the kernel's count of received bytes, 50 times a second while
 * there are sockets, and shuts down one that got more than its limit since the last whole message.
 * Thread: main, all calls. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct SocketWatch SocketWatch;
typedef struct WatchedSocket WatchedSocket;

/* NULL when the system gives no thread. */
SocketWatch *socket_watch_new(void);
/* Counted: sockets that are still being closed hold it too. */
void socket_watch_unref(SocketWatch *watch);

/* `fd` stays the caller's. */
WatchedSocket *socket_watch_add(SocketWatch *watch, int fd, uint64_t max_bytes);
void socket_watch_remove(WatchedSocket *socket);

/* A message came whole: what comes from now on counts. */
void watched_socket_took_message(WatchedSocket *socket);
bool watched_socket_was_cut(const WatchedSocket *socket);
