#include "base/bytes.h"
#include "depay/depay_ops.h"
#include "depay/vp8_descriptor.h"
#include "depay/vp8_header.h"

#define BLANK_MAX_SAMPLES 8u /* the server's placeholder is 8x8 */

typedef struct {
    bool has_start;
    bool is_disposable;
} Vp8State;

static void vp8_begin(void *state)
{
    *(Vp8State *)state = (Vp8State){0};
}

static DepayVerdict vp8_packet(void *state, FrameBuilder *builder, const RtpPacket *packet)
{
    Vp8State *self = state;
    ByteReader reader = byte_reader(packet->payload, packet->payload_size);
    const Vp8Descriptor descriptor = vp8_descriptor_read(&reader);
    const size_t size = bytes_left(&reader);
    const uint8_t *data = bytes_read_span(&reader, size);
    if (reader.failed || size == 0)
        return DEPAY_MALFORMED;
    const bool starts_frame = vp8_descriptor_starts_frame(&descriptor);
    self->is_disposable = descriptor.is_non_reference;
    if (starts_frame == self->has_start)
        return self->has_start ? DEPAY_MALFORMED : DEPAY_INCOMPLETE;
    self->has_start = true;
    frame_builder_append(builder, data, size);
    return DEPAY_OK;
}

static DepayVerdict vp8_finish(void *state, FrameBuilder *builder, bool head_uncertain,
                               DepayPicture *ret_picture)
{
    (void)state;
    (void)head_uncertain;
    Vp8Header header;
    if (!vp8_header_parse(frame_builder_data(builder), frame_builder_size(builder), &header))
        return DEPAY_MALFORMED;
    *ret_picture = (DepayPicture){
        .has_picture = true,
        .is_key = header.is_key,
        .is_blank = header.is_key && header.width <= BLANK_MAX_SAMPLES &&
                    header.height <= BLANK_MAX_SAMPLES,
        .width = header.width,
        .height = header.height,
    };
    return DEPAY_OK;
}

static bool vp8_is_disposable(const void *state)
{
    return ((const Vp8State *)state)->is_disposable;
}

const DepayOps depay_vp8 = {
    .state_size = sizeof(Vp8State),
    .marker_ends_frame = true,
    .begin = vp8_begin,
    .packet = vp8_packet,
    .finish = vp8_finish,
    .is_disposable = vp8_is_disposable,
};
