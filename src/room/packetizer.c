#include "room/packetizer.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "flow/nal_units.h"
#include "flow/obu.h"

#define MAX_NAL_UNITS 256u
#define H264_STAP_A 24
#define H264_FU_A 28
#define H265_AP 48
#define H265_FU 49

typedef struct {
    const uint8_t *data;
    size_t size;
} Span;

static unsigned split_annexb(const uint8_t *data, size_t size, Span *units, unsigned max)
{
    unsigned count = 0;
    NalUnit unit = nal_unit_first(data, size);
    for (; unit.data != NULL && count < max; unit = nal_unit_next(&unit)) {
        units[count++] = (Span){unit.data, unit.size};
    }
    return count;
}

/* FU-A (RFC 6184 5.8) and FU (RFC 7798 4.4.3): the NAL header is told apart in the fragments. */
static void append_fragments(MediaFrame *frame, Span unit, bool is_h265)
{
    const size_t header_size = is_h265 ? 2 : 1;
    size_t position = header_size;
    while (position < unit.size) {
        const size_t room = PACKETIZER_MAX_PAYLOAD - header_size - 1;
        const size_t left = unit.size - position;
        const size_t part = left < room ? left : room;
        const uint8_t flags =
            (uint8_t)((position == header_size ? 0x80 : 0) | (part == left ? 0x40 : 0));
        uint8_t header[3];
        if (is_h265) {
            header[0] = (uint8_t)((unit.data[0] & 0x81) | H265_FU << 1);
            header[1] = unit.data[1];
            header[2] = (uint8_t)(flags | ((unit.data[0] >> 1) & 0x3f));
        } else {
            header[0] = (uint8_t)((unit.data[0] & 0xe0) | H264_FU_A);
            header[1] = (uint8_t)(flags | (unit.data[0] & 0x1f));
        }
        media_frame_append(frame, header, header_size + 1, unit.data + position, part);
        position += part;
    }
}

/* STAP-A (RFC 6184 5.7.1) and AP (RFC 7798 4.4.2). */
static void append_aggregate(MediaFrame *frame, const Span *units, unsigned count, bool is_h265)
{
    uint8_t buffer[PACKETIZER_MAX_PAYLOAD];
    ByteWriter writer = byte_writer(buffer, sizeof buffer);
    uint8_t importance = 0;
    for (unsigned i = 0; i < count; i++) {
        importance |= units[i].data[0] & 0x60;
    }
    if (is_h265) {
        bytes_write_u8(&writer, (uint8_t)((units[0].data[0] & 0x81) | H265_AP << 1));
        bytes_write_u8(&writer, units[0].data[1]);
    } else {
        bytes_write_u8(&writer, (uint8_t)(importance | H264_STAP_A));
    }
    for (unsigned i = 0; i < count; i++) {
        bytes_write_u16(&writer, (uint16_t)units[i].size);
        bytes_write_span(&writer, units[i].data, units[i].size);
    }
    require(!writer.failed);
    media_frame_append(frame, NULL, 0, buffer, writer.size);
}

static unsigned aggregate_length(const Span *units, unsigned count, size_t header_size)
{
    size_t size = header_size;
    unsigned length = 0;
    while (length < count && size + 2 + units[length].size <= PACKETIZER_MAX_PAYLOAD) {
        size += 2 + units[length].size;
        length++;
    }
    return length;
}

static void cut_nal_units(const uint8_t *data, size_t size, bool is_h265, MediaFrame *frame)
{
    Span units[MAX_NAL_UNITS];
    const unsigned count = split_annexb(data, size, units, MAX_NAL_UNITS);
    const size_t header_size = is_h265 ? 2 : 1;
    unsigned i = 0;
    while (i < count) {
        const unsigned together = aggregate_length(units + i, count - i, header_size);
        if (units[i].size <= header_size) {
            i++;
        } else if (together >= 2) {
            append_aggregate(frame, units + i, together, is_h265);
            i += together;
        } else if (units[i].size <= PACKETIZER_MAX_PAYLOAD) {
            media_frame_append(frame, NULL, 0, units[i].data, units[i].size);
            i++;
        } else {
            append_fragments(frame, units[i], is_h265);
            i++;
        }
    }
}

/* RFC 7741 4.2: X and S in the first octet, then I, then a picture id of 15 bits. */
static void cut_vp8(Packetizer *packetizer, const uint8_t *data, size_t size, MediaFrame *frame)
{
    const size_t room = PACKETIZER_MAX_PAYLOAD - 4;
    for (size_t position = 0; position < size; position += room) {
        const size_t left = size - position;
        const uint8_t header[4] = {
            (uint8_t)(0x80 | (position == 0 ? 0x10 : 0)),
            0x80,
            (uint8_t)(0x80 | packetizer->picture_id >> 8),
            (uint8_t)packetizer->picture_id,
        };
        media_frame_append(frame, header, sizeof header, data + position,
                           left < room ? left : room);
    }
    packetizer->picture_id = (packetizer->picture_id + 1) & 0x7fff;
}

/* RFC 9628 4.2: I P L F B E V Z, picture id of 15 bits, in flexible mode one reference difference.
 */
static void cut_vp9(Packetizer *packetizer, const uint8_t *data, size_t size, MediaFrame *frame)
{
    const size_t header_size = frame->is_key ? 3 : 4;
    const size_t room = PACKETIZER_MAX_PAYLOAD - header_size;
    for (size_t position = 0; position < size; position += room) {
        const size_t left = size - position;
        const uint8_t header[4] = {
            (uint8_t)(0x80 | (frame->is_key ? 0 : 0x40) | 0x10 | (position == 0 ? 0x08 : 0) |
                      (left <= room ? 0x04 : 0)),
            (uint8_t)(0x80 | packetizer->picture_id >> 8), (uint8_t)packetizer->picture_id,
            1 << 1, /* P_DIFF 1, no more */
        };
        media_frame_append(frame, header, header_size, data + position, left < room ? left : room);
    }
    packetizer->picture_id = (packetizer->picture_id + 1) & 0x7fff;
}

static size_t write_leb128(uint8_t *out, size_t value)
{
    size_t size = 0;
    do {
        out[size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
    return size;
}

/* Takes the next OBU off and rewrites its header without a size field; false at the end. */
static bool next_obu(ByteReader *reader, uint8_t *ret_header, size_t *ret_header_size,
                     Span *ret_body)
{
    Obu obu;
    if (!obu_next(reader, &obu)) {
        return false;
    }
    memcpy(ret_header, obu.header, obu.header_size);
    ret_header[0] &= (uint8_t)~0x02;
    *ret_header_size = obu.header_size;
    *ret_body = (Span){obu.payload, obu.payload_size};
    return true;
}

/* One OBU as an element of its own (W = 1), cut into as many packets as it needs. */
static void append_obu(MediaFrame *frame, const uint8_t *header, size_t header_size, Span body,
                       bool starts_sequence)
{
    uint8_t prefix[4] = {0};
    size_t position = 0;
    bool first = true;
    do {
        const size_t prefix_size = 1 + (first ? header_size : 0);
        const size_t room = PACKETIZER_MAX_PAYLOAD - prefix_size;
        const size_t left = body.size - position;
        const size_t part = left < room ? left : room;
        prefix[0] = (uint8_t)((first ? 0 : 0x80) | (part < left ? 0x40 : 0) | 1 << 4 |
                              (first && starts_sequence ? 0x08 : 0));
        if (first) {
            memcpy(prefix + 1, header, header_size);
        }
        media_frame_append(frame, prefix, prefix_size, body.data + position, part);
        position += part;
        first = false;
    } while (position < body.size);
}

static void cut_av1(const uint8_t *data, size_t size, MediaFrame *frame)
{
    ByteReader reader = byte_reader(data, size);
    uint8_t header[2];
    size_t header_size = 0;
    Span body = {0};
    uint8_t pending[64]; /* the sequence header rides in front of the frame's own OBU */
    size_t pending_size = 0;
    while (next_obu(&reader, header, &header_size, &body)) {
        const unsigned type = header[0] >> 3 & 0x0f;
        if (type == OBU_TEMPORAL_DELIMITER) {
            continue;
        }
        const size_t whole = header_size + body.size;
        if (type == OBU_SEQUENCE_HEADER && pending_size == 0 && whole + 3 <= sizeof pending) {
            pending_size = write_leb128(pending + 1, whole) + 1;
            memcpy(pending + pending_size, header, header_size);
            memcpy(pending + pending_size + header_size, body.data, body.size);
            pending_size += whole;
            pending[0] = 2 << 4 | 0x08;
            continue;
        }
        if (pending_size == 0) {
            append_obu(frame, header, header_size, body, false);
            continue;
        }
        const size_t room = PACKETIZER_MAX_PAYLOAD - pending_size - header_size;
        const size_t part = body.size < room ? body.size : room;
        uint8_t prefix[sizeof pending + 2];
        memcpy(prefix, pending, pending_size);
        memcpy(prefix + pending_size, header, header_size);
        prefix[0] |= part < body.size ? 0x40 : 0;
        media_frame_append(frame, prefix, pending_size + header_size, body.data, part);
        pending_size = 0;
        for (size_t position = part; position < body.size;) {
            const size_t left = body.size - position;
            const size_t next =
                left < PACKETIZER_MAX_PAYLOAD - 1 ? left : PACKETIZER_MAX_PAYLOAD - 1;
            const uint8_t continued = (uint8_t)(0x80 | (next < left ? 0x40 : 0) | 1 << 4);
            media_frame_append(frame, &continued, 1, body.data + position, next);
            position += next;
        }
    }
}

void packetizer_cut(Packetizer *packetizer, const uint8_t *data, size_t size, MediaFrame *frame)
{
    switch (frame->codec) {
    case CODEC_H264:
    case CODEC_H265:
        cut_nal_units(data, size, frame->codec == CODEC_H265, frame);
        break;
    case CODEC_VP8:
        cut_vp8(packetizer, data, size, frame);
        break;
    case CODEC_VP9:
        cut_vp9(packetizer, data, size, frame);
        break;
    case CODEC_AV1:
        cut_av1(data, size, frame);
        break;
    case CODEC_OPUS:
    case CODEC_PCMU:
    case CODEC_PCMA:
        media_frame_append(frame, NULL, 0, data, size);
        break;
    case CODEC_AAC:
    case CODEC_MP3:
    case CODEC_PCM:
    case CODEC_UNKNOWN:
    case CODEC_COUNT:
        break;
    }
}
