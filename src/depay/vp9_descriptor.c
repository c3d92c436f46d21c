#include "depay/vp9_descriptor.h"

bool vp9_descriptor_read(ByteReader *reader, Vp9Descriptor *ret_descriptor)
{
    const uint8_t first = bytes_read_u8(reader);
    const bool is_flexible = first & 0x10;
    Vp9Descriptor descriptor = {
        .is_predicted = first & 0x40,
        .starts_frame = first & 0x08,
        .ends_frame = first & 0x04,
        .has_structure = first & 0x02,
    };
    if (first & 0x80 && bytes_read_u8(reader) & 0x80) /* I: picture id of 7 or 15 bits */
        bytes_skip(reader, 1);
    if (first & 0x20) { /* L */
        const uint8_t layer = bytes_read_u8(reader);
        descriptor.spatial_id = layer >> 1 & 7;
        descriptor.is_layer_dependent = layer & 1;
        if (!is_flexible)
            bytes_skip(reader, 1); /* TL0PICIDX */
    }
    if (is_flexible && descriptor.is_predicted) {
        unsigned references = 1;
        while (bytes_read_u8(reader) & 1)
            if (++references > 3)
                return false;
    }
    *ret_descriptor = descriptor;
    return !reader->failed;
}
