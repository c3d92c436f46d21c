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
