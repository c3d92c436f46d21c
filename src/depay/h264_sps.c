#include "depay/h264_sps.h"

#include "base/bytes.h"
#include "depay/rbsp.h"

#define MAX_SPS_BYTES 1024u
#define HEADER_BYTES 24u      /* enough for the fields read from a slice or a PPS */
#define MAX_MACROBLOCKS 1024u /* 16384 samples a side */

static bool has_chroma_fields(unsigned profile_idc)
{
    static const uint8_t profiles[] = {100, 110, 122, 244, 44,  83, 86,
                                       118, 128, 138, 139, 134, 135};
    for (size_t i = 0; i < sizeof profiles; i++)
        if (profiles[i] == profile_idc)
            return true;
    return false;
}

/* H.264 7.3.2.1.1.1 */
static void skip_scaling_list(BitReader *bits, unsigned size)
{
    int32_t last = 8, next = 8;
    for (unsigned i = 0; i < size && !bits_failed(bits); i++) {
        if (next != 0)
            next = (int32_t)(((int64_t)last + bits_read_se(bits) + 256) & 255);
        last = next == 0 ? last : next;
    }
}

/* Returns chroma_format_idc; 0 too where the colour planes are coded apart. */
static unsigned read_chroma_fields(BitReader *bits)
{
    const unsigned format = bits_read_ue(bits);
    const bool separate = format == 3 && bits_read(bits, 1);
    bits_read_ue(bits); /* bit_depth_luma_minus8 */
    bits_read_ue(bits);
    bits_read(bits, 1);
    if (bits_read(bits, 1))
        for (unsigned i = 0; i < (format == 3 ? 12u : 8u); i++)
            if (bits_read(bits, 1))
                skip_scaling_list(bits, i < 6 ? 16 : 64);
    return separate ? 0 : format;
}

static void skip_order_count(BitReader *bits)
{
    const unsigned type = bits_read_ue(bits);
    if (type == 0)
        bits_read_ue(bits);
    if (type != 1)
        return;
    bits_read(bits, 1);
    bits_read_se(bits);
    bits_read_se(bits);
    const uint32_t cycle = bits_read_ue(bits);
    for (uint32_t i = 0; i < cycle && i < 256 && !bits_failed(bits); i++)
        bits_read_se(bits);
}

static bool read_size(BitReader *bits, unsigned chroma, H264Sps *sps)
{
    const uint32_t columns = bits_read_ue(bits) + 1;
    const uint32_t rows = bits_read_ue(bits) + 1;
    const unsigned frame_only = bits_read(bits, 1);
    if (!frame_only)
        bits_read(bits, 1);
    bits_read(bits, 1);
    if (bits_failed(bits) || columns == 0 || columns > MAX_MACROBLOCKS || rows == 0 ||
        rows > MAX_MACROBLOCKS)
        return false;
    const unsigned field_factor = 2 - frame_only;
    const uint32_t width = columns * 16, height = rows * 16 * field_factor;
    uint64_t crop_x = 0, crop_y = 0;
    if (bits_read(bits, 1)) {
        crop_x = (uint64_t)bits_read_ue(bits) + bits_read_ue(bits);
        crop_y = (uint64_t)bits_read_ue(bits) + bits_read_ue(bits);
    }
    crop_x *= chroma == 1 || chroma == 2 ? 2 : 1;
    crop_y *= (chroma == 1 ? 2 : 1) * field_factor;
    if (bits_failed(bits) || crop_x >= width || crop_y >= height)
        return false;
    sps->width = (uint16_t)(width - crop_x);
    sps->height = (uint16_t)(height - crop_y);
    return true;
}

bool h264_sps_parse(const uint8_t *nal, size_t size, H264Sps *ret_sps)
{
    uint8_t rbsp[MAX_SPS_BYTES];
    const size_t rbsp_size = rbsp_unescape(nal, size, rbsp, sizeof rbsp);
    BitReader bits = bit_reader(rbsp, rbsp_size);
    H264Sps sps = {0};
    bits_read(&bits, 8);
    sps.profile_idc = (uint8_t)bits_read(&bits, 8);
    sps.constraint_flags = (uint8_t)bits_read(&bits, 8);
    sps.level_idc = (uint8_t)bits_read(&bits, 8);
    const uint32_t id = bits_read_ue(&bits);
    unsigned chroma = 1;
    if (has_chroma_fields(sps.profile_idc))
        chroma = read_chroma_fields(&bits);
    bits_read_ue(&bits); /* log2_max_frame_num_minus4 */
    skip_order_count(&bits);
    bits_read_ue(&bits);
    bits_read(&bits, 1);
    if (id > 31 || !read_size(&bits, chroma, &sps))
        return false;
    sps.id = (uint8_t)id;
    *ret_sps = sps;
    return true;
}

bool h264_pps_parse(const uint8_t *nal, size_t size, H264Pps *ret_pps)
{
    uint8_t rbsp[HEADER_BYTES];
    const size_t rbsp_size = rbsp_unescape(nal, size, rbsp, sizeof rbsp);
    BitReader bits = bit_reader(rbsp, rbsp_size);
    bits_read(&bits, 8);
    const uint32_t id = bits_read_ue(&bits);
    const uint32_t sps_id = bits_read_ue(&bits);
    if (bits_failed(&bits) || id > 255 || sps_id > 31)
        return false;
    *ret_pps = (H264Pps){.id = (uint8_t)id, .sps_id = (uint8_t)sps_id};
    return true;
}

bool h264_slice_parse(const uint8_t *nal, size_t size, H264Slice *ret_slice)
{
    uint8_t rbsp[HEADER_BYTES];
    const size_t rbsp_size = rbsp_unescape(nal, size, rbsp, sizeof rbsp);
    BitReader bits = bit_reader(rbsp, rbsp_size);
    bits_read(&bits, 8);
    const uint32_t first = bits_read_ue(&bits);
    bits_read_ue(&bits); /* slice_type */
    const uint32_t pps_id = bits_read_ue(&bits);
    if (bits_failed(&bits) || pps_id > 255)
        return false;
    *ret_slice = (H264Slice){.first_macroblock = first, .pps_id = (uint8_t)pps_id};
    return true;
}
