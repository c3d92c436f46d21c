#include "flow/obu.h"

#define HAS_EXTENSION 0x04
#define HAS_SIZE 0x02

bool obu_next(ByteReader *reader, Obu *ret_obu)
{
    if (bytes_left(reader) == 0)
        return false;
    const uint8_t *header = reader->data + reader->position;
    const uint8_t first = bytes_read_u8(reader);
    const bool is_extended = (first & HAS_EXTENSION) != 0;
    if (is_extended)
        bytes_skip(reader, 1);
    *ret_obu = (Obu){.type = first >> 3 & 0x0f,
                     .has_size = (first & HAS_SIZE) != 0,
                     .header = header,
                     .header_size = is_extended ? 2 : 1};
    ret_obu->payload_size =
        ret_obu->has_size ? (size_t)bytes_read_leb128(reader) : bytes_left(reader);
    ret_obu->payload = bytes_read_span(reader, ret_obu->payload_size);
    return !reader->failed;
}
