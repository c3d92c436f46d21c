#include "transport/demux.h"

#include "base/bytes.h"

DemuxClass demux_classify(const uint8_t *data, size_t size)
{
    ByteReader reader = byte_reader(data, size);
    const uint8_t first = bytes_read_u8(&reader);
    const uint8_t second = bytes_read_u8(&reader);
    if (reader.failed)
        return DEMUX_UNKNOWN;
    if (first <= 3)
        return DEMUX_STUN;
    if (first >= 20 && first <= 63)
        return DEMUX_DTLS;
    if (first < 128 || first > 191)
        return DEMUX_UNKNOWN;
    return second >= 192 && second <= 223 ? DEMUX_RTCP : DEMUX_RTP;
}
