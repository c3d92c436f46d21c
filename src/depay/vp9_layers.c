#include "depay/vp9_layers.h"

size_t vp9_layers_size(const Vp9Layers *layers, unsigned layer, const FrameBuilder *builder)
{
    const bool is_last = layer + 1 == layers->count;
    const size_t end = is_last ? frame_builder_size(builder) : layers->starts[layer + 1];
    return end - layers->starts[layer];
}

static bool sizes_differ(Vp9Size one, Vp9Size other)
{
    return one.width != other.width || one.height != other.height;
}

static bool read_headers(const Vp9Layers *layers, Vp9References *references,
                         const FrameBuilder *builder, Vp9WholeHeader headers[VP9_MAX_LAYERS])
{
    bool can_hide = true;
    for (unsigned i = 0; i < layers->count; i++) {
        const uint8_t *frame = frame_builder_data(builder) + layers->starts[i];
        const size_t size = vp9_layers_size(layers, i, builder);
        if (!vp9_header_parse_whole(frame, size, references, &headers[i])) {
            *references = (Vp9References){0};
            return false;
        }
        can_hide &= i == 0 || sizes_differ(headers[i].size, headers[i - 1].size);
    }
    return can_hide;
}

/* A zero bit at `at` of the header's `bits`; what is behind moves by one. There is room for it. */
static void insert_zero_bit(uint8_t *frame, size_t at, size_t bits)
{
    const size_t first = at / 8;
    for (size_t i = bits / 8; i > first; i--)
        frame[i] = (uint8_t)(frame[i] >> 1 | frame[i - 1] << 7);
    const uint8_t moved = (uint8_t)(0xff >> at % 8);
    frame[first] = (uint8_t)((frame[first] & ~moved) | (frame[first] & moved) >> 1);
}

/* Of a frame that is neither shown nor a key frame the bit behind error_resilient_mode says
 * intra_only. */
static void insert_intra_only(Vp9Layers *layers, unsigned layer, const Vp9WholeHeader *header,
                              FrameBuilder *builder)
{
    const size_t start = layers->starts[layer];
    if (header->bits % 8 == 0) {
        uint8_t *padding = frame_builder_insert(builder, start + header->bits / 8, 1);
        if (!padding)
            return;
        *padding = 0;
        for (unsigned i = layer + 1; i < layers->count; i++)
            layers->starts[i]++;
    }
    insert_zero_bit(builder->frame->data + start, header->show_bit + 2, header->bits);
}

static void hide(Vp9Layers *layers, unsigned layer, const Vp9WholeHeader *header,
                 FrameBuilder *builder)
{
    if (!header->is_shown || builder->failure != DEPAY_OK)
        return;
    uint8_t *byte = builder->frame->data + layers->starts[layer] + header->show_bit / 8;
    *byte &= (uint8_t) ~(0x80 >> header->show_bit % 8);
    if (!header->is_key)
        insert_intra_only(layers, layer, header, builder);
}

void vp9_layers_hide(Vp9Layers *layers, Vp9References *references, FrameBuilder *builder)
{
    Vp9WholeHeader headers[VP9_MAX_LAYERS];
    if (!read_headers(layers, references, builder, headers))
        return;
    for (unsigned i = 0; i + 1 < layers->count; i++)
        hide(layers, i, &headers[i], builder);
}
