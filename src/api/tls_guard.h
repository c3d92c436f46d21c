/* What a TLS connection of a server reads from: passes on what the client sends, and once armed
 * ends with an error where the client begins another handshake. GIO would run that one (TLS 1.2
 * allows it) on a thread of GLib's pool, without a limit of time, and keep the thread of a client
 * that is gone. Thread: that of the connection, one at a time. */
#pragma once

#include <gio/gio.h>

G_DECLARE_FINAL_TYPE(TlsGuard, tls_guard, TLS, GUARD, GFilterInputStream)

/* `base` has to be pollable, and read from its first byte on. */
TlsGuard *tls_guard_new(GInputStream *base);

/* The handshake is done. */
void tls_guard_arm(TlsGuard *guard);
