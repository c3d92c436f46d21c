/* Keeps a server from filling our memory and time through a signalling socket: over the ceilings of
 * frame_meter.h, or when what we send, its pings' pongs included, waits for a server that does not
 * read, over SIGNAL_GUARD_UNREAD_BYTES, the socket is cut. So it is where libsoup reads from a
 * stream that cannot be counted, which is none of libsoup 3.2's. Thread: main. It belongs to the
 * connection and ends with it, so that it also holds while the connection closes. */
#pragma once

#include <libsoup/soup.h>
#include <stdbool.h>

#define SIGNAL_GUARD_UNREAD_BYTES (8 * 1024 * 1024)

/* Before the connection's main context runs again. */
void signal_guard_attach(SoupWebsocketConnection *connection);

/* Before each message that is sent; false: the socket was cut instead. */
bool signal_guard_may_send(SoupWebsocketConnection *connection, size_t size);

/* Why it cut the socket, for a sentence; NULL when it did not. */
const char *signal_guard_reason(SoupWebsocketConnection *connection);
