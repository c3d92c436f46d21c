#include "base/bytes.h"
#include "depay/access_unit.h"
#include "depay/depay_ops.h"
#include "depay/h264_sps.h"

/* RFC 6184 5.2, table 1 */
#define TYPE_IDR 5
#define TYPE_SPS 7
#define TYPE_PPS 8
#define TYPE_DELIMITER 9
#define TYPE_FILLER 12
#define TYPE_LAST_SINGLE 23
#define TYPE_STAP_A 24
#define TYPE_FU_A 28

typedef struct {
    AccessUnit unit;
    uint8_t fragment_header; /* NAL header of the fragmented unit */
    bool has_slice;
    bool is_reference;
} H264State;

static NalKind h264_kind(const uint8_t *nal, size_t size)
{
    (void)size;
    switch (nal[0] & 31) {
    case 0:
        return NAL_INVALID;
    case 1:
        return NAL_SLICE;
    case TYPE_IDR:
        return NAL_KEY_SLICE;
    case TYPE_SPS:
        return NAL_SPS;
    case TYPE_PPS:
        return NAL_PPS;
    case TYPE_DELIMITER:
    case TYPE_FILLER:
        return NAL_DISCARD;
    default:
        return NAL_OTHER;
    }
}

static bool h264_slice(const uint8_t *nal, size_t size, bool *ret_is_first, unsigned *ret_pps_id)
{
    H264Slice slice;
    if (!h264_slice_parse(nal, size, &slice))
        return false;
    *ret_is_first = slice.first_macroblock == 0;
    *ret_pps_id = slice.pps_id;
    return true;
}

static bool h264_set_ids(NalKind kind, const uint8_t *nal, size_t size, unsigned *ret_id,
                         unsigned *ret_parent)
{
    if (kind == NAL_SPS) {
        H264Sps sps;
        if (!h264_sps_parse(nal, size, &sps))
            return false;
        *ret_id = sps.id;
        *ret_parent = 0;
        return true;
    }
    H264Pps pps;
    if (!h264_pps_parse(nal, size, &pps))
        return false;
    *ret_id = pps.id;
    *ret_parent = pps.sps_id;
    return true;
}

static bool h264_size(const uint8_t *nal, size_t size, uint16_t *ret_width, uint16_t *ret_height)
{
    H264Sps sps;
    if (!h264_sps_parse(nal, size, &sps))
        return false;
    *ret_width = sps.width;
    *ret_height = sps.height;
    return true;
}

static const NalSyntax syntax = {
    .header_size = 1,
    .kind = h264_kind,
    .slice = h264_slice,
    .set_ids = h264_set_ids,
    .sps_size = h264_size,
};

static void h264_begin(void *state)
{
    H264State *self = state;
    access_unit_begin(&self->unit);
    self->has_slice = false;
    self->is_reference = false;
}

/* Known from the first packet of a slice on, also when the rest is lost. */
static void note_reference(H264State *self, uint8_t header)
{
    const unsigned type = header & 31;
    if (type < 1 || type > TYPE_IDR)
        return;
    self->has_slice = true;
    self->is_reference = self->is_reference || (header & 0x60) != 0;
}

static DepayVerdict add_nal(H264State *self, FrameBuilder *builder, const uint8_t *nal, size_t size)
{
    if (size == 0)
        return DEPAY_MALFORMED;
    note_reference(self, nal[0]);
    return access_unit_add_nal(&self->unit, &syntax, builder, nal, size);
}

/* RFC 6184 5.7.1 */
static DepayVerdict add_aggregate(H264State *self, FrameBuilder *builder, ByteReader *reader)
{
    DepayVerdict verdict = bytes_left(reader) ? DEPAY_OK : DEPAY_MALFORMED;
    while (verdict == DEPAY_OK && bytes_left(reader) > 0) {
        const size_t size = bytes_read_u16(reader);
        const uint8_t *nal = bytes_read_span(reader, size);
        if (reader->failed || size == 0 || (nal[0] & 31) > TYPE_LAST_SINGLE)
            return DEPAY_MALFORMED;
        verdict = add_nal(self, builder, nal, size);
    }
    return verdict;
}

/* RFC 6184 5.8 */
static DepayVerdict add_fragment(H264State *self, FrameBuilder *builder, uint8_t indicator,
                                 ByteReader *reader)
{
    const uint8_t fragment = bytes_read_u8(reader);
    const size_t size = bytes_left(reader);
    const uint8_t *data = bytes_read_span(reader, size);
    const uint8_t header = (uint8_t)((indicator & 0xe0) | (fragment & 31));
    const bool starts = fragment & 0x80, ends = fragment & 0x40;
    if (reader->failed || size == 0 || (header & 31) == 0 || (header & 31) > TYPE_LAST_SINGLE)
        return DEPAY_MALFORMED;
    if (self->unit.nal_open ? starts || ((header ^ self->fragment_header) & 31) : !starts)
        return DEPAY_INCOMPLETE;
    if (starts) {
        note_reference(self, header);
        self->fragment_header = header;
        access_unit_open_nal(&self->unit, builder);
        frame_builder_append(builder, &header, 1);
    }
    frame_builder_append(builder, data, size);
    return ends ? access_unit_close_nal(&self->unit, &syntax, builder) : DEPAY_OK;
}

static DepayVerdict h264_packet(void *state, FrameBuilder *builder, const RtpPacket *packet)
{
    H264State *self = state;
    ByteReader reader = byte_reader(packet->payload, packet->payload_size);
    const uint8_t header = bytes_read_u8(&reader);
    const unsigned type = header & 31;
    if (header & 0x80)
        return DEPAY_MALFORMED;
    if (type == TYPE_FU_A)
        return add_fragment(self, builder, header, &reader);
    if (self->unit.nal_open)
        return DEPAY_INCOMPLETE;
    if (type == TYPE_STAP_A)
        return add_aggregate(self, builder, &reader);
    if (type == 0 || type > TYPE_LAST_SINGLE)
        return DEPAY_MALFORMED;
    return add_nal(self, builder, packet->payload, packet->payload_size);
}

static DepayVerdict h264_finish(void *state, FrameBuilder *builder, bool head_uncertain,
                                DepayPicture *ret_picture)
{
    H264State *self = state;
    return access_unit_finish(&self->unit, &syntax, builder, head_uncertain, ret_picture);
}

static bool h264_is_disposable(const void *state)
{
    const H264State *self = state;
    return self->has_slice && !self->is_reference;
}

const DepayOps depay_h264 = {
    .state_size = sizeof(H264State),
    .marker_ends_frame = true,
    .begin = h264_begin,
    .packet = h264_packet,
    .finish = h264_finish,
    .is_disposable = h264_is_disposable,
};
