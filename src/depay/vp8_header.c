#include "depay/vp8_header.h"

#include "base/bytes.h"

#define START_CODE 0x9d012a

static uint16_t read_side(ByteReader *reader)
{
    const unsigned low = bytes_read_u8(reader);
    const unsigned high = bytes_read_u8(reader);
    return (uint16_t)((low | high << 8) & 0x3fff); /* the upper two bits are a scale */
}

bool vp8_header_parse(const uint8_t *frame, size_t size, Vp8Header *ret_header)
{
    ByteReader reader = byte_reader(frame, size);
    Vp8Header header = {.is_key = !(bytes_read_u8(&reader) & 1)};
    bytes_skip(&reader, 2);
    if (header.is_key) {
        if (bytes_read_u24(&reader) != START_CODE)
            return false;
        header.width = read_side(&reader);
        header.height = read_side(&reader);
        if (header.width == 0 || header.height == 0)
            return false;
    }
    if (reader.failed)
        return false;
    *ret_header = header;
    return true;
}
