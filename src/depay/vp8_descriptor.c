#include "depay/vp8_descriptor.h"

Vp8Descriptor vp8_descriptor_read(ByteReader *reader)
{
    const uint8_t first = bytes_read_u8(reader);
    const bool extended = first & 0x80;
    const Vp8Descriptor descriptor = {
        .is_non_reference = first & 0x20,
        .starts_partition = first & 0x10,
        .partition = first & 0x07,
    };
    if (!extended)
        return descriptor;
    const uint8_t fields = bytes_read_u8(reader);
    if (fields & 0x80) { /* I: picture id of 7 or 15 bits */
        const uint8_t id = bytes_read_u8(reader);
        if (id & 0x80)
            bytes_skip(reader, 1);
    }
    if (fields & 0x40) /* L: TL0PICIDX */
        bytes_skip(reader, 1);
    if (fields & 0x30) /* T or K: TID, Y, KEYIDX */
        bytes_skip(reader, 1);
    return descriptor;
}

bool vp8_descriptor_starts_frame(const Vp8Descriptor *descriptor)
{
    return descriptor->starts_partition && descriptor->partition == 0;
}
