#include "base/bytes.h"
#include "depay/av1_header.h"
#include "depay/depay_ops.h"

#define FORBIDDEN_BIT 0x80
#define MAX_LEB128 8

typedef struct {
    bool fragment_open;
    size_t obu_start;
    bool has_frame; /* a frame header was seen */
    bool is_key;
    bool has_sequence;
    /* the stream */
    Av1Sequence sequence;
} Av1State;

static void av1_begin(void *state)
{
    Av1State *self = state;
    self->fragment_open = false;
    self->has_frame = false;
    self->is_key = false;
    self->has_sequence = false;
}

/* One OBU as it came, with or without a size field (AV1 5.3.1, 5.3.2). */
static bool parse_obu(const uint8_t *data, size_t size, Obu *ret_obu)
{
    ByteReader reader = byte_reader(data, size);
    return obu_next(&reader, ret_obu) && bytes_left(&reader) == 0 &&
           !(ret_obu->header[0] & FORBIDDEN_BIT);
}

static unsigned format_leb128(size_t value, uint8_t *out)
{
    unsigned size = 0;
    do {
        out[size] = (uint8_t)(value & 0x7f);
        value >>= 7;
        if (value)
            out[size] |= 0x80;
        size++;
    } while (value);
    return size;
}

static DepayVerdict note_obu(Av1State *self, const Obu *obu)
{
    if (obu->type == OBU_SEQUENCE_HEADER) {
        if (!av1_sequence_parse(obu->payload, obu->payload_size, &self->sequence))
            return DEPAY_MALFORMED;
        self->has_sequence = true;
    }
    if ((obu->type == OBU_FRAME || obu->type == OBU_FRAME_HEADER) && !self->has_frame) {
        self->has_frame = true;
        /* A frame is decodable by itself only behind its sequence header. */
        self->is_key =
            self->has_sequence && (self->sequence.is_reduced_still ||
                                   av1_frame_is_shown_key(obu->payload, obu->payload_size));
    }
    return DEPAY_OK;
}

/* The wire leaves the size field out; a file needs it. */
static DepayVerdict add_size_field(const Av1State *self, FrameBuilder *builder, const Obu *obu)
{
    uint8_t field[MAX_LEB128];
    const unsigned size = format_leb128(obu->payload_size, field);
    uint8_t *gap = frame_builder_insert(builder, self->obu_start + obu->header_size, size);
    if (!gap)
        return builder->failure;
    for (unsigned i = 0; i < size; i++)
        gap[i] = field[i];
    builder->frame->data[self->obu_start] |= 0x02;
    return DEPAY_OK;
}

static bool is_dropped(unsigned type)
{
    return type == OBU_TEMPORAL_DELIMITER || type == OBU_TILE_LIST || type == OBU_PADDING;
}

static DepayVerdict close_obu(Av1State *self, FrameBuilder *builder)
{
    self->fragment_open = false;
    if (builder->failure != DEPAY_OK)
        return builder->failure;
    Obu obu;
    if (!parse_obu(frame_builder_data(builder) + self->obu_start,
                   frame_builder_size(builder) - self->obu_start, &obu))
        return DEPAY_MALFORMED;
    if (is_dropped(obu.type)) {
        frame_builder_truncate(builder, self->obu_start);
        return DEPAY_OK;
    }
    const DepayVerdict verdict = note_obu(self, &obu);
    if (verdict != DEPAY_OK || obu.has_size)
        return verdict;
    return add_size_field(self, builder, &obu);
}

/* The size of the next element: W elements in all, the last without a length field; or W = 0 and
 * each with one. */
static size_t read_element_size(ByteReader *reader, unsigned count, unsigned index)
{
    if (count > 0 && index + 1 == count)
        return bytes_left(reader);
    return (size_t)bytes_read_leb128(reader);
}

static DepayVerdict add_element(Av1State *self, FrameBuilder *builder, ByteReader element,
                                bool continues)
{
    const size_t size = bytes_left(&element);
    if (!self->fragment_open)
        self->obu_start = frame_builder_size(builder);
    frame_builder_append(builder, bytes_read_span(&element, size), size);
    self->fragment_open = continues;
    return continues ? DEPAY_OK : close_obu(self, builder);
}

/* AV1 RTP payload specification 4.4 */
static DepayVerdict av1_packet(void *state, FrameBuilder *builder, const RtpPacket *packet)
{
    Av1State *self = state;
    ByteReader reader = byte_reader(packet->payload, packet->payload_size);
    const uint8_t aggregation = bytes_read_u8(&reader);
    const bool continues_last = aggregation & 0x80, continues_next = aggregation & 0x40;
    const unsigned count = aggregation >> 4 & 3;
    if (continues_last != self->fragment_open)
        return DEPAY_INCOMPLETE;
    if (bytes_left(&reader) == 0)
        return DEPAY_MALFORMED;
    for (unsigned i = 0; bytes_left(&reader) > 0; i++) {
        const size_t size = read_element_size(&reader, count, i);
        const ByteReader element = bytes_read_part(&reader, size);
        if (reader.failed || size == 0)
            return DEPAY_MALFORMED;
        const bool is_last = bytes_left(&reader) == 0;
        if (is_last && count > 0 && i + 1 != count)
            return DEPAY_MALFORMED;
        const DepayVerdict verdict = add_element(self, builder, element, is_last && continues_next);
        if (verdict != DEPAY_OK)
            return verdict;
    }
    return reader.failed ? DEPAY_MALFORMED : DEPAY_OK;
}

static DepayVerdict av1_finish(void *state, FrameBuilder *builder, bool head_uncertain,
                               DepayPicture *ret_picture)
{
    Av1State *self = state;
    (void)builder;
    (void)head_uncertain; /* nothing that matters stands in front of a sequence header */
    if (self->fragment_open)
        return DEPAY_INCOMPLETE;
    *ret_picture = (DepayPicture){
        .has_picture = self->has_frame,
        .is_key = self->is_key,
        .width = self->sequence.max_width,
        .height = self->sequence.max_height,
    };
    return DEPAY_OK;
}

static bool av1_is_disposable(const void *state)
{
    (void)state;
    return false;
}

const DepayOps depay_av1 = {
    .state_size = sizeof(Av1State),
    .begin = av1_begin,
    .packet = av1_packet,
    .finish = av1_finish,
    .is_disposable = av1_is_disposable,
};
