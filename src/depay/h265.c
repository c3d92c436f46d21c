#include "base/bytes.h"
#include "depay/access_unit.h"
#include "depay/depay_ops.h"
#include "depay/h265_sps.h"

#define HEADER_SIZE 2

/* H.265 table 7-1 and RFC 7798 4.4 */
#define TYPE_FIRST_IRAP 16
#define TYPE_LAST_IRAP 21
#define TYPE_LAST_SLICE 31
#define TYPE_VPS 32
#define TYPE_SPS 33
#define TYPE_PPS 34
#define TYPE_DELIMITER 35
#define TYPE_FILLER 38
#define TYPE_LAST_SINGLE 47
#define TYPE_AGGREGATE 48
#define TYPE_FRAGMENT 49

typedef struct {
    AccessUnit unit;
    uint8_t fragment_type;
} H265State;

static unsigned type_of(uint8_t first_byte)
{
    return first_byte >> 1 & 63;
}

static NalKind h265_kind(const uint8_t *nal, size_t size)
{
    (void)size;
    const unsigned type = type_of(nal[0]);
    if (type > TYPE_LAST_SINGLE)
        return NAL_INVALID;
    if (type >= TYPE_FIRST_IRAP && type <= TYPE_LAST_IRAP)
        return NAL_KEY_SLICE;
    if (type <= TYPE_LAST_SLICE)
        return NAL_SLICE;
    if (type == TYPE_VPS)
        return NAL_VPS;
    if (type == TYPE_SPS)
        return NAL_SPS;
    if (type == TYPE_PPS)
        return NAL_PPS;
    return type == TYPE_DELIMITER || type == TYPE_FILLER ? NAL_DISCARD : NAL_OTHER;
}

static bool h265_slice(const uint8_t *nal, size_t size, bool *ret_is_first, unsigned *ret_pps_id)
{
    H265Slice slice;
    if (!h265_slice_parse(nal, size, &slice))
        return false;
    *ret_is_first = slice.is_first;
    *ret_pps_id = slice.pps_id;
    return true;
}

static bool vps_ids(const uint8_t *nal, size_t size, unsigned *ret_id, unsigned *ret_parent)
{
    uint8_t id = 0;
    if (!h265_vps_parse(nal, size, &id))
        return false;
    *ret_id = id;
    *ret_parent = 0;
    return true;
}

static bool h265_set_ids(NalKind kind, const uint8_t *nal, size_t size, unsigned *ret_id,
                         unsigned *ret_parent)
{
    if (kind == NAL_VPS)
        return vps_ids(nal, size, ret_id, ret_parent);
    if (kind == NAL_SPS) {
        H265Sps sps;
        if (!h265_sps_parse(nal, size, &sps))
            return false;
        *ret_id = sps.id;
        *ret_parent = sps.vps_id;
        return true;
    }
    H265Pps pps;
    if (!h265_pps_parse(nal, size, &pps))
        return false;
    *ret_id = pps.id;
    *ret_parent = pps.sps_id;
    return true;
}

static bool h265_size(const uint8_t *nal, size_t size, uint16_t *ret_width, uint16_t *ret_height)
{
    H265Sps sps;
    if (!h265_sps_parse(nal, size, &sps))
        return false;
    *ret_width = sps.width;
    *ret_height = sps.height;
    return true;
}

static const NalSyntax syntax = {
    .header_size = HEADER_SIZE,
    .kind = h265_kind,
    .slice = h265_slice,
    .set_ids = h265_set_ids,
    .sps_size = h265_size,
    .has_vps = true,
};

static void h265_begin(void *state)
{
    H265State *self = state;
    access_unit_begin(&self->unit);
}

/* RFC 7798 4.4.2; no DONL, since sprop-max-don-diff is 0. */
static DepayVerdict add_aggregate(H265State *self, FrameBuilder *builder, ByteReader *reader)
{
    DepayVerdict verdict = bytes_left(reader) ? DEPAY_OK : DEPAY_MALFORMED;
    while (verdict == DEPAY_OK && bytes_left(reader) > 0) {
        const size_t size = bytes_read_u16(reader);
        const uint8_t *nal = bytes_read_span(reader, size);
        if (reader->failed || size < HEADER_SIZE)
            return DEPAY_MALFORMED;
        verdict = access_unit_add_nal(&self->unit, &syntax, builder, nal, size);
    }
    return verdict;
}

/* RFC 7798 4.4.3 */
static DepayVerdict add_fragment(H265State *self, FrameBuilder *builder, const uint8_t *header,
                                 ByteReader *reader)
{
    const uint8_t fragment = bytes_read_u8(reader);
    const size_t size = bytes_left(reader);
    const uint8_t *data = bytes_read_span(reader, size);
    const uint8_t type = fragment & 63;
    const bool starts = fragment & 0x80, ends = fragment & 0x40;
    if (reader->failed || size == 0 || type > TYPE_LAST_SINGLE)
        return DEPAY_MALFORMED;
    if (self->unit.nal_open ? starts || type != self->fragment_type : !starts)
        return DEPAY_INCOMPLETE;
    if (starts) {
        const uint8_t restored[HEADER_SIZE] = {(uint8_t)((header[0] & 0x81) | type << 1),
                                               header[1]};
        self->fragment_type = type;
        access_unit_open_nal(&self->unit, builder);
        frame_builder_append(builder, restored, sizeof restored);
    }
    frame_builder_append(builder, data, size);
    return ends ? access_unit_close_nal(&self->unit, &syntax, builder) : DEPAY_OK;
}

static DepayVerdict h265_packet(void *state, FrameBuilder *builder, const RtpPacket *packet)
{
    H265State *self = state;
    ByteReader reader = byte_reader(packet->payload, packet->payload_size);
    const uint8_t *header = bytes_read_span(&reader, HEADER_SIZE);
    if (!header || header[0] & 0x80)
        return DEPAY_MALFORMED;
    const unsigned type = type_of(header[0]);
    if (type == TYPE_FRAGMENT)
        return add_fragment(self, builder, header, &reader);
    if (self->unit.nal_open)
        return DEPAY_INCOMPLETE;
    if (type == TYPE_AGGREGATE)
        return add_aggregate(self, builder, &reader);
    if (type > TYPE_LAST_SINGLE)
        return DEPAY_MALFORMED;
    return access_unit_add_nal(&self->unit, &syntax, builder, packet->payload,
                               packet->payload_size);
}

static DepayVerdict h265_finish(void *state, FrameBuilder *builder, bool head_uncertain,
                                DepayPicture *ret_picture)
{
    H265State *self = state;
    return access_unit_finish(&self->unit, &syntax, builder, head_uncertain, ret_picture);
}

static bool h265_is_disposable(const void *state)
{
    (void)state;
    return false;
}

const DepayOps depay_h265 = {
    .state_size = sizeof(H265State),
    .marker_ends_frame = true,
    .begin = h265_begin,
    .packet = h265_packet,
    .finish = h265_finish,
    .is_disposable = h265_is_disposable,
};
