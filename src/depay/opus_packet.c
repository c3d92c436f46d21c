#include "depay/opus_packet.h"

#include "base/bytes.h"
#include "base/clock.h"

#define MAX_DURATION_US 120000u /* RFC 6716 3.4, R5 */

/* RFC 6716 table 2: SILK, hybrid and CELT configurations. */
static unsigned frame_duration_us(unsigned configuration)
{
    static const unsigned silk[] = {10000, 20000, 40000, 60000};
    static const unsigned hybrid[] = {10000, 20000};
    static const unsigned celt[] = {2500, 5000, 10000, 20000};
    if (configuration < 12)
        return silk[configuration % 4];
    if (configuration < 16)
        return hybrid[configuration % 2];
    return celt[configuration % 4];
}

bool opus_packet_duration(const uint8_t *packet, size_t size, int64_t *ret_duration_ns)
{
    ByteReader reader = byte_reader(packet, size);
    const uint8_t contents = bytes_read_u8(&reader);
    const unsigned code = contents & 3;
    unsigned frames = code == 0 ? 1 : 2;
    if (code == 3)
        frames = bytes_read_u8(&reader) & 63;
    const unsigned duration_us = frames * frame_duration_us(contents >> 3);
    if (reader.failed || frames == 0 || duration_us > MAX_DURATION_US)
        return false;
    *ret_duration_ns = duration_us * NS_PER_US;
    return true;
}

unsigned opus_packet_channels(const uint8_t *packet, size_t size)
{
    ByteReader reader = byte_reader(packet, size);
    return bytes_read_u8(&reader) & 4 ? 2 : 1;
}
