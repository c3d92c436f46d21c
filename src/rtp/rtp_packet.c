#include "rtp/rtp_packet.h"

#include "base/bytes.h"

#define RTP_VERSION 2

static bool step_over_extension(ByteReader *reader)
{
    bytes_skip(reader, 2); /* the profile's own 16 bits */
    const uint16_t words = bytes_read_u16(reader);
    return bytes_skip(reader, (size_t)words * 4);
}

/* The last byte counts the padding, itself included (RFC 3550 section 5.1). */
static bool take_off_padding(const uint8_t *payload, size_t *size)
{
    if (*size == 0)
        return false;
    const uint8_t padding = payload[*size - 1];
    if (padding == 0 || padding > *size)
        return false;
    *size -= padding;
    return true;
}

bool rtp_packet_parse(const uint8_t *data, size_t size, int64_t arrival_ns, RtpPacket *ret_packet)
{
    ByteReader reader = byte_reader(data, size);
    const uint8_t first = bytes_read_u8(&reader);
    const uint8_t second = bytes_read_u8(&reader);
    const uint16_t sequence = bytes_read_u16(&reader);
    const uint32_t timestamp = bytes_read_u32(&reader);
    const uint32_t ssrc = bytes_read_u32(&reader);
    if (reader.failed || first >> 6 != RTP_VERSION)
        return false;

    bytes_skip(&reader, (size_t)(first & 0x0f) * 4); /* contributing sources */
    if ((first & 0x10) != 0)
        step_over_extension(&reader);
    if (reader.failed)
        return false;

    size_t payload_size = bytes_left(&reader);
    const uint8_t *payload = bytes_read_span(&reader, payload_size);
    if ((first & 0x20) != 0 && !take_off_padding(payload, &payload_size))
        return false;

    *ret_packet = (RtpPacket){
        .payload = payload,
        .payload_size = payload_size,
        .ssrc = ssrc,
        .timestamp = timestamp,
        .sequence = sequence,
        .payload_type = second & 0x7f,
        .marker = (second & 0x80) != 0,
        .arrival_ns = arrival_ns,
    };
    return true;
}

bool rtp_is_rtcp(const uint8_t *data, size_t size)
{
    return size >= 2 && data[0] >> 6 == RTP_VERSION && data[1] >= 192 && data[1] <= 223;
}
