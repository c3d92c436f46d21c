#include "depay/h265_sps.h"

#include "base/bytes.h"
#include "depay/rbsp.h"

#define SPS_BYTES 256u   /* the size stands in front of all that can be long */
#define HEADER_BYTES 24u /* enough for the fields read from the others */
#define MAX_SAMPLES 16384u
#define TYPE_FIRST_IRAP 16
#define TYPE_LAST_IRAP 23

static void skip_bits(BitReader *bits, unsigned count)
{
    for (; count > 32; count -= 32)
        bits_read(bits, 32);
    bits_read(bits, count);
}

/* H.265 7.3.3 */
static void read_profile_tier_level(BitReader *bits, unsigned sub_layers, H265Sps *sps)
{
    bits_read(bits, 3);
    sps->profile_idc = (uint8_t)bits_read(bits, 5);
    skip_bits(bits, 80);
    sps->level_idc = (uint8_t)bits_read(bits, 8);
    unsigned present[8] = {0};
    for (unsigned i = 0; i < sub_layers; i++)
        present[i] = bits_read(bits, 2);
    if (sub_layers > 0)
        skip_bits(bits, 2 * (8 - sub_layers));
    for (unsigned i = 0; i < sub_layers; i++) {
        if (present[i] & 2)
            skip_bits(bits, 88);
        if (present[i] & 1)
            skip_bits(bits, 8);
    }
}

static bool read_size(BitReader *bits, H265Sps *sps)
{
    const uint32_t chroma = bits_read_ue(bits);
    const bool separate = chroma == 3 && bits_read(bits, 1);
    const uint32_t width = bits_read_ue(bits);
    const uint32_t height = bits_read_ue(bits);
    if (width == 0 || width > MAX_SAMPLES || height == 0 || height > MAX_SAMPLES)
        return false;
    uint64_t crop_x = 0, crop_y = 0;
    if (bits_read(bits, 1)) {
        crop_x = (uint64_t)bits_read_ue(bits) + bits_read_ue(bits);
        crop_y = (uint64_t)bits_read_ue(bits) + bits_read_ue(bits);
    }
    if (!separate) {
        crop_x *= chroma == 1 || chroma == 2 ? 2 : 1;
        crop_y *= chroma == 1 ? 2 : 1;
    }
    if (bits_failed(bits) || crop_x >= width || crop_y >= height)
        return false;
    sps->width = (uint16_t)(width - crop_x);
    sps->height = (uint16_t)(height - crop_y);
    return true;
}

bool h265_sps_parse(const uint8_t *nal, size_t size, H265Sps *ret_sps)
{
    uint8_t rbsp[SPS_BYTES];
    const size_t rbsp_size = rbsp_unescape(nal, size, rbsp, sizeof rbsp);
    BitReader bits = bit_reader(rbsp, rbsp_size);
    H265Sps sps = {0};
    bits_read(&bits, 16);
    sps.vps_id = (uint8_t)bits_read(&bits, 4);
    const unsigned sub_layers = bits_read(&bits, 3);
    bits_read(&bits, 1);
    if (sub_layers > 6)
        return false;
    read_profile_tier_level(&bits, sub_layers, &sps);
    const uint32_t id = bits_read_ue(&bits);
    if (id > 15 || !read_size(&bits, &sps))
        return false;
    sps.id = (uint8_t)id;
    *ret_sps = sps;
    return true;
}

bool h265_vps_parse(const uint8_t *nal, size_t size, uint8_t *ret_id)
{
    BitReader bits = bit_reader(nal, size);
    bits_read(&bits, 16);
    const uint32_t id = bits_read(&bits, 4);
    if (bits_failed(&bits))
        return false;
    *ret_id = (uint8_t)id;
    return true;
}

bool h265_pps_parse(const uint8_t *nal, size_t size, H265Pps *ret_pps)
{
    uint8_t rbsp[HEADER_BYTES];
    const size_t rbsp_size = rbsp_unescape(nal, size, rbsp, sizeof rbsp);
    BitReader bits = bit_reader(rbsp, rbsp_size);
    bits_read(&bits, 16);
    const uint32_t id = bits_read_ue(&bits);
    const uint32_t sps_id = bits_read_ue(&bits);
    if (bits_failed(&bits) || id > 63 || sps_id > 15)
        return false;
    *ret_pps = (H265Pps){.id = (uint8_t)id, .sps_id = (uint8_t)sps_id};
    return true;
}

bool h265_slice_parse(const uint8_t *nal, size_t size, H265Slice *ret_slice)
{
    uint8_t rbsp[HEADER_BYTES];
    const size_t rbsp_size = rbsp_unescape(nal, size, rbsp, sizeof rbsp);
    BitReader bits = bit_reader(rbsp, rbsp_size);
    bits_read(&bits, 1);
    const unsigned type = bits_read(&bits, 6);
    bits_read(&bits, 9);
    const bool is_first = bits_read(&bits, 1);
    if (type >= TYPE_FIRST_IRAP && type <= TYPE_LAST_IRAP)
        bits_read(&bits, 1);
    const uint32_t pps_id = bits_read_ue(&bits);
    if (bits_failed(&bits) || pps_id > 63)
        return false;
    *ret_slice = (H265Slice){.is_first = is_first, .pps_id = (uint8_t)pps_id};
    return true;
}
