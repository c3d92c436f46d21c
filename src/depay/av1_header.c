#include "depay/av1_header.h"

#include "base/bytes.h"

typedef struct {
    bool has_decoder_model;
    unsigned delay_bits;
} DecoderModel;

/* AV1 4.10.3 */
static void skip_uvlc(BitReader *bits)
{
    unsigned zeros = 0;
    while (!bits_failed(bits) && !bits_read(bits, 1))
        zeros++;
    if (zeros < 32)
        bits_read(bits, zeros);
}

static DecoderModel read_timing(BitReader *bits)
{
    DecoderModel model = {0};
    if (!bits_read(bits, 1))
        return model;
    bits_read(bits, 32);
    bits_read(bits, 32);
    if (bits_read(bits, 1))
        skip_uvlc(bits);
    model.has_decoder_model = bits_read(bits, 1);
    if (!model.has_decoder_model)
        return model;
    model.delay_bits = bits_read(bits, 5) + 1;
    bits_read(bits, 32);
    bits_read(bits, 10);
    return model;
}

static void skip_operating_points(BitReader *bits, const DecoderModel *model)
{
    const bool has_display_delay = bits_read(bits, 1);
    const unsigned count = bits_read(bits, 5) + 1;
    for (unsigned i = 0; i < count && !bits_failed(bits); i++) {
        bits_read(bits, 12);
        if (bits_read(bits, 5) > 7)
            bits_read(bits, 1);
        if (model->has_decoder_model && bits_read(bits, 1)) {
            bits_read(bits, model->delay_bits);
            bits_read(bits, model->delay_bits);
            bits_read(bits, 1);
        }
        if (has_display_delay && bits_read(bits, 1))
            bits_read(bits, 4);
    }
}

bool av1_sequence_parse(const uint8_t *payload, size_t size, Av1Sequence *ret_sequence)
{
    BitReader bits = bit_reader(payload, size);
    Av1Sequence sequence = {.profile = (uint8_t)bits_read(&bits, 3)};
    bits_read(&bits, 1);
    sequence.is_reduced_still = bits_read(&bits, 1);
    if (sequence.is_reduced_still) {
        bits_read(&bits, 5);
    } else {
        const DecoderModel model = read_timing(&bits);
        skip_operating_points(&bits, &model);
    }
    const unsigned width_bits = bits_read(&bits, 4) + 1;
    const unsigned height_bits = bits_read(&bits, 4) + 1;
    const uint32_t width = bits_read(&bits, width_bits) + 1;
    const uint32_t height = bits_read(&bits, height_bits) + 1;
    if (bits_failed(&bits) || width > UINT16_MAX || height > UINT16_MAX)
        return false;
    sequence.max_width = (uint16_t)width;
    sequence.max_height = (uint16_t)height;
    *ret_sequence = sequence;
    return true;
}

bool av1_frame_is_shown_key(const uint8_t *payload, size_t size)
{
    BitReader bits = bit_reader(payload, size);
    const bool shows_existing = bits_read(&bits, 1);
    const unsigned type = bits_read(&bits, 2);
    const bool is_shown = bits_read(&bits, 1);
    return !bits_failed(&bits) && !shows_existing && type == 0 && is_shown;
}
