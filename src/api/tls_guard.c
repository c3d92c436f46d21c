#include "api/tls_guard.h"

#include <stdbool.h>

#include "api/tls_record.h"

struct _TlsGuard {
    GFilterInputStream parent;
    bool is_armed;
    TlsRecords records;
};

static void tls_guard_pollable_init(GPollableInputStreamInterface *interface);

G_DEFINE_FINAL_TYPE_WITH_CODE(TlsGuard, tls_guard, G_TYPE_FILTER_INPUT_STREAM,
                              G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_INPUT_STREAM,
                                                    tls_guard_pollable_init))

/* ---- records ---- */

/* `size` as a read has given it. */
static gssize check(TlsGuard *guard, const guint8 *bytes, gssize size, GError **error)
{
    if (size > 0 && tls_records_take(&guard->records, bytes, (size_t)size) && guard->is_armed) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                            "The client begins another TLS handshake.");
        return -1;
    }
    return size;
}

/* ---- the stream ---- */

static GInputStream *base_of(TlsGuard *guard)
{
    return g_filter_input_stream_get_base_stream(G_FILTER_INPUT_STREAM(guard));
}

static gssize tls_guard_read(GInputStream *stream, void *buffer, gsize count,
                             GCancellable *cancellable, GError **error)
{
    TlsGuard *guard = TLS_GUARD(stream);
    const gssize size = g_input_stream_read(base_of(guard), buffer, count, cancellable, error);
    return check(guard, buffer, size, error);
}

static gssize tls_guard_read_nonblocking(GPollableInputStream *stream, void *buffer, gsize count,
                                         GError **error)
{
    TlsGuard *guard = TLS_GUARD(stream);
    const gssize size = g_pollable_input_stream_read_nonblocking(
        G_POLLABLE_INPUT_STREAM(base_of(guard)), buffer, count, NULL, error);
    return check(guard, buffer, size, error);
}

static gboolean tls_guard_is_readable(GPollableInputStream *stream)
{
    return g_pollable_input_stream_is_readable(G_POLLABLE_INPUT_STREAM(base_of(TLS_GUARD(stream))));
}

static GSource *tls_guard_create_source(GPollableInputStream *stream, GCancellable *cancellable)
{
    g_autoptr(GSource) base = g_pollable_input_stream_create_source(
        G_POLLABLE_INPUT_STREAM(base_of(TLS_GUARD(stream))), NULL);
    return g_pollable_source_new_full(stream, base, cancellable);
}

static void tls_guard_pollable_init(GPollableInputStreamInterface *interface)
{
    interface->is_readable = tls_guard_is_readable;
    interface->create_source = tls_guard_create_source;
    interface->read_nonblocking = tls_guard_read_nonblocking;
}

static void tls_guard_class_init(TlsGuardClass *class)
{
    G_INPUT_STREAM_CLASS(class)->read_fn = tls_guard_read;
}

static void tls_guard_init(TlsGuard *guard)
{
    (void)guard;
}

/* ---- life ---- */

TlsGuard *tls_guard_new(GInputStream *base)
{
    return g_object_new(tls_guard_get_type(), "base-stream", base, NULL);
}

void tls_guard_arm(TlsGuard *guard)
{
    guard->is_armed = true;
}
