#include "base/bytes.h"
#include "depay/depay_ops.h"
#include "depay/vp9_descriptor.h"
#include "depay/vp9_layers.h"

typedef struct {
    bool layer_open;
    Vp9Layers layers;   /* layer frames of this picture */
    uint8_t spatial_id; /* of the last layer frame */
    bool predicted;     /* P of the lowest one */
    /* the stream: scalability structure, and what layer frames may refer to */
    unsigned size_count;
    uint16_t widths[VP9_MAX_LAYERS], heights[VP9_MAX_LAYERS];
    Vp9References references;
} Vp9State;

static void read_structure(Vp9State *self, ByteReader *reader)
{
    const uint8_t first = bytes_read_u8(reader);
    const unsigned layers = (first >> 5) + 1u;
    if (first & 0x10) {
        for (unsigned i = 0; i < layers; i++) {
            self->widths[i] = bytes_read_u16(reader);
            self->heights[i] = bytes_read_u16(reader);
        }
        self->size_count = layers;
    }
    if (!(first & 0x08))
        return;
    const unsigned pictures = bytes_read_u8(reader);
    for (unsigned i = 0; i < pictures && !reader->failed; i++)
        bytes_skip(reader, bytes_read_u8(reader) >> 2 & 3);
}

static bool read_descriptor(Vp9State *self, ByteReader *reader, Vp9Descriptor *ret_descriptor)
{
    if (!vp9_descriptor_read(reader, ret_descriptor))
        return false;
    if (ret_descriptor->has_structure)
        read_structure(self, reader);
    return !reader->failed;
}

static void vp9_begin(void *state)
{
    Vp9State *self = state;
    self->layer_open = false;
    self->layers.count = 0;
}

static DepayVerdict begin_layer(Vp9State *self, const Vp9Descriptor *descriptor, size_t start)
{
    if (self->layers.count == VP9_MAX_LAYERS)
        return DEPAY_MALFORMED;
    if (self->layers.count == 0) {
        /* A layer frame that builds on a lower one of this picture cannot be the first. */
        if (descriptor->is_layer_dependent && descriptor->spatial_id > 0)
            return DEPAY_INCOMPLETE;
        self->predicted = descriptor->is_predicted;
    } else if (descriptor->spatial_id <= self->spatial_id) {
        return DEPAY_MALFORMED;
    }
    self->layer_open = true;
    self->spatial_id = descriptor->spatial_id;
    self->layers.starts[self->layers.count++] = start;
    return DEPAY_OK;
}

static DepayVerdict vp9_packet(void *state, FrameBuilder *builder, const RtpPacket *packet)
{
    Vp9State *self = state;
    ByteReader reader = byte_reader(packet->payload, packet->payload_size);
    Vp9Descriptor descriptor;
    if (!read_descriptor(self, &reader, &descriptor))
        return DEPAY_MALFORMED;
    const size_t size = bytes_left(&reader);
    const uint8_t *data = bytes_read_span(&reader, size);
    if (size == 0)
        return DEPAY_MALFORMED;
    if (descriptor.starts_frame == self->layer_open)
        return DEPAY_INCOMPLETE;
    if (descriptor.starts_frame) {
        const DepayVerdict verdict = begin_layer(self, &descriptor, frame_builder_size(builder));
        if (verdict != DEPAY_OK)
            return verdict;
    } else if (descriptor.spatial_id != self->spatial_id) {
        return DEPAY_INCOMPLETE;
    }
    frame_builder_append(builder, data, size);
    self->layer_open = !descriptor.ends_frame;
    return DEPAY_OK;
}

/* VP9 annex B: the index that joins several frames to one unit. */
static void append_superframe_index(const Vp9Layers *layers, FrameBuilder *builder)
{
    size_t sizes[VP9_MAX_LAYERS], largest = 0;
    for (unsigned i = 0; i < layers->count; i++) {
        sizes[i] = vp9_layers_size(layers, i, builder);
        if (sizes[i] > largest)
            largest = sizes[i];
    }
    const unsigned width = largest > 0xffff ? 3 + (largest > 0xffffff) : 1 + (largest > 0xff);
    const uint8_t marker = (uint8_t)(0xc0 | (width - 1) << 3 | (layers->count - 1));
    uint8_t index[2 + 4 * VP9_MAX_LAYERS];
    unsigned used = 0;
    index[used++] = marker;
    for (unsigned i = 0; i < layers->count; i++)
        for (unsigned byte = 0; byte < width; byte++)
            index[used++] = (uint8_t)(sizes[i] >> (8 * byte));
    index[used++] = marker;
    frame_builder_append(builder, index, used);
}

/* A picture of one layer is not read to the end of its header, so what it leaves is not known. */
static void join_layers(Vp9State *self, FrameBuilder *builder)
{
    if (self->layers.count == 1) {
        self->references = (Vp9References){0};
        return;
    }
    vp9_layers_hide(&self->layers, &self->references, builder);
    append_superframe_index(&self->layers, builder);
}

static DepayVerdict vp9_finish(void *state, FrameBuilder *builder, bool head_uncertain,
                               DepayPicture *ret_picture)
{
    (void)head_uncertain;
    Vp9State *self = state;
    if (self->layer_open || self->layers.count == 0)
        return DEPAY_INCOMPLETE;
    Vp9Header header;
    if (!vp9_header_parse(frame_builder_data(builder), frame_builder_size(builder), &header))
        return DEPAY_MALFORMED;
    DepayPicture picture = {.has_picture = true, .is_key = header.is_key && !self->predicted};
    if (picture.is_key) {
        const bool has_size = self->layers.count > 1 && self->spatial_id < self->size_count &&
                              self->widths[self->spatial_id] && self->heights[self->spatial_id];
        picture.width = has_size ? self->widths[self->spatial_id] : header.width;
        picture.height = has_size ? self->heights[self->spatial_id] : header.height;
    }
    join_layers(self, builder);
    *ret_picture = picture;
    return builder->failure;
}

static bool vp9_is_disposable(const void *state)
{
    (void)state;
    return false;
}

const DepayOps depay_vp9 = {
    .state_size = sizeof(Vp9State),
    .begin = vp9_begin,
    .packet = vp9_packet,
    .finish = vp9_finish,
    .is_disposable = vp9_is_disposable,
};
