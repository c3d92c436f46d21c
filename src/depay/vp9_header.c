#include "depay/vp9_header.h"

#include "base/bytes.h"

#define FRAME_MARKER 2
#define SYNC_CODE 0x498342
#define COLOR_RGB 7

/* VP9 6.2.2 */
static void skip_color_config(BitReader *bits, unsigned profile)
{
    if (profile >= 2)
        bits_read(bits, 1);
    const bool is_rgb = bits_read(bits, 3) == COLOR_RGB;
    if (!is_rgb)
        bits_read(bits, 1);
    if (profile & 1)
        bits_read(bits, is_rgb ? 1 : 3);
}

bool vp9_header_parse(const uint8_t *frame, size_t size, Vp9Header *ret_header)
{
    BitReader bits = bit_reader(frame, size);
    Vp9Header header = {0};
    const unsigned marker = bits_read(&bits, 2);
    const unsigned low = bits_read(&bits, 1);
    header.profile = (uint8_t)(bits_read(&bits, 1) << 1 | low);
    if (header.profile == 3)
        bits_read(&bits, 1);
    header.shows_existing = bits_read(&bits, 1);
    header.is_key = !header.shows_existing && !bits_read(&bits, 1);
    if (header.is_key) {
        bits_read(&bits, 2); /* show_frame, error_resilient_mode */
        if (bits_read(&bits, 24) != SYNC_CODE)
            return false;
        skip_color_config(&bits, header.profile);
        /* 65536 does not fit; no level of VP9 allows it */
        header.width = (uint16_t)(bits_read(&bits, 16) + 1);
        header.height = (uint16_t)(bits_read(&bits, 16) + 1);
        if (header.width == 0 || header.height == 0)
            return false;
    }
    if (bits_failed(&bits) || marker != FRAME_MARKER)
        return false;
    *ret_header = header;
    return true;
}

/* 6.2.3 */
static Vp9Size read_size(BitReader *bits)
{
    const uint32_t width = bits_read(bits, 16) + 1;
    const uint32_t height = bits_read(bits, 16) + 1;
    return (Vp9Size){width, height};
}

/* 6.2.4 */
static void skip_render_size(BitReader *bits)
{
    if (bits_read(bits, 1))
        bits_read(bits, 32);
}

/* 6.2.5; the slots are ref_frame_idx. */
static Vp9Size read_size_with_references(BitReader *bits, const Vp9References *references,
                                         const unsigned slots[3])
{
    for (unsigned i = 0; i < 3; i++)
        if (bits_read(bits, 1))
            return references->sizes[slots[i]];
    return read_size(bits);
}

static bool skip_sync_code(BitReader *bits)
{
    return bits_read(bits, 24) == SYNC_CODE;
}

static bool read_intra(BitReader *bits, unsigned profile, Vp9WholeHeader *header)
{
    if (!skip_sync_code(bits))
        return false;
    if (header->is_key || profile > 0)
        skip_color_config(bits, profile);
    header->refresh_flags = header->is_key ? 0xff : (uint8_t)bits_read(bits, 8);
    header->size = read_size(bits);
    skip_render_size(bits);
    return true;
}

static void read_inter(BitReader *bits, const Vp9References *references, Vp9WholeHeader *header)
{
    header->refresh_flags = (uint8_t)bits_read(bits, 8);
    unsigned slots[3];
    for (unsigned i = 0; i < 3; i++) {
        slots[i] = bits_read(bits, 3);
        bits_read(bits, 1); /* ref_frame_sign_bias */
    }
    header->size = read_size_with_references(bits, references, slots);
    skip_render_size(bits);
    bits_read(bits, 1);      /* allow_high_precision_mv */
    if (!bits_read(bits, 1)) /* 6.2.7: is_filter_switchable */
        bits_read(bits, 2);
}

/* Up to the loop filter's parameters. */
static bool read_frame_type(BitReader *bits, unsigned profile, const Vp9References *references,
                            Vp9WholeHeader *header)
{
    header->is_key = !bits_read(bits, 1);
    header->show_bit = (unsigned)bits_position(bits);
    header->is_shown = bits_read(bits, 1);
    const bool is_resilient = bits_read(bits, 1);
    const bool is_intra_only = !header->is_key && !header->is_shown && bits_read(bits, 1);
    if (!header->is_key && !is_resilient)
        bits_read(bits, 2); /* reset_frame_context */
    if (!header->is_key && !is_intra_only)
        read_inter(bits, references, header);
    else if (!read_intra(bits, profile, header))
        return false;
    if (!is_resilient)
        bits_read(bits, 2); /* refresh_frame_context, frame_parallel_decoding_mode */
    bits_read(bits, 2);     /* frame_context_idx */
    return true;
}

/* A value of so many bits where a bit in front says that there is one. */
static void skip_optional(BitReader *bits, unsigned count)
{
    if (bits_read(bits, 1))
        bits_read(bits, count);
}

/* 6.2.8 */
static void skip_loop_filter(BitReader *bits)
{
    bits_read(bits, 6 + 3);
    if (!bits_read(bits, 1) || !bits_read(bits, 1)) /* enabled, update */
        return;
    for (unsigned delta = 0; delta < 4 + 2; delta++)
        skip_optional(bits, 7);
}

/* 6.2.9 */
static void skip_quantization(BitReader *bits)
{
    bits_read(bits, 8);
    for (unsigned delta = 0; delta < 3; delta++)
        skip_optional(bits, 5);
}

static void skip_segmentation_map(BitReader *bits)
{
    for (unsigned i = 0; i < 7; i++)
        skip_optional(bits, 8);
    if (!bits_read(bits, 1)) /* segmentation_temporal_update */
        return;
    for (unsigned i = 0; i < 3; i++)
        skip_optional(bits, 8);
}

/* 6.2.11 */
static void skip_segmentation(BitReader *bits)
{
    static const unsigned feature_bits[] = {8 + 1, 6 + 1, 2, 0};
    if (!bits_read(bits, 1))
        return;
    if (bits_read(bits, 1))
        skip_segmentation_map(bits);
    if (!bits_read(bits, 1))
        return;
    bits_read(bits, 1); /* segmentation_abs_or_delta_update */
    for (unsigned i = 0; i < 8 * 4; i++)
        skip_optional(bits, feature_bits[i % 4]);
}

/* 6.2.13, 6.2.14: tiles are 256 samples wide at least and 4096 at most. */
static void skip_tiles(BitReader *bits, uint32_t width)
{
    const uint32_t blocks = (width + 63) / 64;
    unsigned columns = 0, most = 0;
    while (64u << columns < blocks)
        columns++;
    while (blocks >> (most + 1) >= 4)
        most++;
    while (columns < most && bits_read(bits, 1))
        columns++;
    skip_optional(bits, 1);
}

bool vp9_header_parse_whole(const uint8_t *frame, size_t size, Vp9References *references,
                            Vp9WholeHeader *ret_header)
{
    BitReader bits = bit_reader(frame, size);
    Vp9WholeHeader header = {0};
    if (bits_read(&bits, 2) != FRAME_MARKER)
        return false;
    const unsigned low = bits_read(&bits, 1);
    const unsigned profile = bits_read(&bits, 1) << 1 | low;
    if (profile == 3)
        bits_read(&bits, 1);
    if (bits_read(&bits, 1) || !read_frame_type(&bits, profile, references, &header) ||
        header.size.width == 0)
        return false;
    skip_loop_filter(&bits);
    skip_quantization(&bits);
    skip_segmentation(&bits);
    skip_tiles(&bits, header.size.width);
    const size_t compressed = bits_read(&bits, 16);
    header.bits = bits_position(&bits);
    if (bits_failed(&bits) || compressed == 0 || compressed > size - (header.bits + 7) / 8)
        return false;
    for (unsigned i = 0; i < VP9_REFERENCES; i++)
        if (header.refresh_flags >> i & 1)
            references->sizes[i] = header.size;
    *ret_header = header;
    return true;
}
