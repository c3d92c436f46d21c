/* Keeps a server from filling our memory and time through a signalling socket. It cuts the socket
 * - over SIGNAL_GUARD_MAX_BYTES or SIGNAL_GUARD_MAX_MESSAGES in SIGNAL_GUARD_WINDOW_NS,
 * - for a message in pieces that grows over SIGNAL_GUARD_MESSAGE_BYTES: libsoup bounds each piece
 *   but not their sum,
 * - when what we send waits for a server that does not read, over SIGNAL_GUARD_UNREAD_BYTES.
 * Thread: main. It belongs to the connection and ends with it, so that it also holds while the
 * connection closes. */
#pragma once

#include <libsoup/soup.h>
#include <stdbool.h>

#include "base/clock.h"
#include "signal/socket_watch.h"

#define SIGNAL_GUARD_WINDOW_NS (10 * NS_PER_SECOND)
#define SIGNAL_GUARD_MAX_BYTES (64 * 1024 * 1024)
#define SIGNAL_GUARD_MAX_MESSAGES 10000
#define SIGNAL_GUARD_MESSAGE_BYTES (16 * 1024 * 1024)
#define SIGNAL_GUARD_UNREAD_BYTES (8 * 1024 * 1024)

/* Without a watch messages in pieces are not bounded. */
void signal_guard_attach(SoupWebsocketConnection *connection, SocketWatch *watch);

/* Before each message that is sent; false: the socket was cut instead. */
bool signal_guard_may_send(SoupWebsocketConnection *connection, size_t size);

/* Why it cut the socket, for a sentence; NULL when it did not. */
const char *signal_guard_reason(SoupWebsocketConnection *connection);
