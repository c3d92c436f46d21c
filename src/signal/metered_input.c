#include "signal/metered_input.h"

#include <stdbool.h>
#include <string.h>

#include "signal/frame_meter.h"

#define AHEAD_STEP_BYTES 4096

struct _MeteredInput {
    GFilterInputStream parent;
    FrameMeter meter;
    const char *reason;
    GByteArray *ahead; /* read before this stream was there, and not read again yet */
    bool is_gathering; /* `ahead` is being filled */
    size_t turn_bytes;
};

static void pollable_init(GPollableInputStreamInterface *interface);

G_DEFINE_FINAL_TYPE_WITH_CODE(MeteredInput, metered_input, G_TYPE_FILTER_INPUT_STREAM,
                              G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_INPUT_STREAM, pollable_init))

static GPollableInputStream *below(GPollableInputStream *stream)
{
    return G_POLLABLE_INPUT_STREAM(G_FILTER_INPUT_STREAM(stream)->base_stream);
}

static gssize would_block(GError **error)
{
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "Nothing more in this turn.");
    return -1;
}

static gssize take_ahead(MeteredInput *self, void *buffer, gsize count)
{
    const gsize size = MIN(count, self->ahead->len);
    memcpy(buffer, self->ahead->data, size);
    g_byte_array_remove_range(self->ahead, 0, (guint)size);
    return (gssize)size;
}

/* Only where the stream below says by itself that there is more: what waits inside of TLS wakes
 * nobody. */
static bool turn_is_over(MeteredInput *self, GPollableInputStream *stream)
{
    return self->turn_bytes >= METERED_INPUT_TURN_BYTES &&
           g_pollable_input_stream_is_readable(below(stream));
}

static gssize fail(const MeteredInput *self, GError **error)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "The connection was cut: %s.",
                self->reason);
    return -1;
}

static gssize read_nonblocking(GPollableInputStream *stream, void *buffer, gsize count,
                               GError **error)
{
    MeteredInput *self = ROOMTAPE_METERED_INPUT(stream);
    if (self->reason != NULL)
        return fail(self, error);
    if (self->is_gathering)
        return would_block(error);
    gssize size = 0;
    if (self->ahead->len > 0) {
        size = take_ahead(self, buffer, count);
    } else if (turn_is_over(self, stream)) {
        self->turn_bytes = 0;
        return would_block(error);
    } else {
        size = g_pollable_input_stream_read_nonblocking(below(stream), buffer, count, NULL, error);
    }
    if (size <= 0) {
        self->turn_bytes = 0;
        return size;
    }
    self->turn_bytes += (size_t)size;
    self->reason = frame_meter_take(&self->meter, buffer, (size_t)size, clock_monotonic_ns());
    return self->reason == NULL ? size : fail(self, error);
}

static gboolean is_readable(GPollableInputStream *stream)
{
    const MeteredInput *self = ROOMTAPE_METERED_INPUT(stream);
    return self->ahead->len > 0 || g_pollable_input_stream_is_readable(below(stream));
}

static GSource *create_source(GPollableInputStream *stream, GCancellable *cancellable)
{
    const MeteredInput *self = ROOMTAPE_METERED_INPUT(stream);
    g_autoptr(GSource) child = self->ahead->len > 0
                                   ? g_timeout_source_new(0)
                                   : g_pollable_input_stream_create_source(below(stream), NULL);
    return g_pollable_source_new_full(stream, child, cancellable);
}

static void pollable_init(GPollableInputStreamInterface *interface)
{
    interface->is_readable = is_readable;
    interface->create_source = create_source;
    interface->read_nonblocking = read_nonblocking;
}

static void finalize(GObject *object)
{
    g_byte_array_unref(ROOMTAPE_METERED_INPUT(object)->ahead);
    G_OBJECT_CLASS(metered_input_parent_class)->finalize(object);
}

static void metered_input_class_init(MeteredInputClass *class)
{
    G_OBJECT_CLASS(class)->finalize = finalize;
}

static void metered_input_init(MeteredInput *self)
{
    self->ahead = g_byte_array_new();
    frame_meter_init(&self->meter, clock_monotonic_ns());
}

/* The reader empties its own buffer and then finds nothing below. */
static void gather_ahead(MeteredInput *self, GPollableInputStream *reader)
{
    uint8_t bytes[AHEAD_STEP_BYTES];
    gssize size = 0;
    self->is_gathering = true;
    while ((size = g_pollable_input_stream_read_nonblocking(reader, bytes, sizeof bytes, NULL,
                                                            NULL)) > 0)
        g_byte_array_append(self->ahead, bytes, (guint)size);
    self->is_gathering = false;
}

MeteredInput *metered_input_insert(GPollableInputStream *reader)
{
    if (!G_IS_FILTER_INPUT_STREAM(reader))
        return NULL;
    GFilterInputStream *filter = G_FILTER_INPUT_STREAM(reader);
    if (!G_IS_POLLABLE_INPUT_STREAM(filter->base_stream))
        return NULL;
    MeteredInput *self = g_object_new(metered_input_get_type(), "base-stream", filter->base_stream,
                                      "close-base-stream", FALSE, NULL);
    g_object_unref(filter->base_stream);
    filter->base_stream = g_object_ref(G_INPUT_STREAM(self));
    gather_ahead(self, reader);
    return self;
}

void metered_input_stop(MeteredInput *input, const char *reason)
{
    if (input->reason == NULL)
        input->reason = reason;
}

const char *metered_input_reason(const MeteredInput *input)
{
    return input->reason;
}

uint64_t metered_input_pong_bytes(const MeteredInput *input)
{
    return input->meter.pong_bytes;
}
