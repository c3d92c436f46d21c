#include "sink/mp4_sample.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "sink/nal_units.h"

static void add(Mp4Pieces *pieces, const uint8_t *data, size_t size, bool has_length)
{
    if (pieces->count == pieces->capacity) {
        pieces->capacity = pieces->capacity > 0 ? 2 * pieces->capacity : 64;
        pieces->pieces = realloc(pieces->pieces, pieces->capacity * sizeof *pieces->pieces);
        require(pieces->pieces != NULL);
    }
    Mp4Piece *piece = &pieces->pieces[pieces->count++];
    *piece = (Mp4Piece){.data = data, .size = size, .has_length = has_length};
    ByteWriter writer = byte_writer(piece->length, sizeof piece->length);
    bytes_write_u32(&writer, (uint32_t)size);
}

static size_t add_nal_units(const uint8_t *data, size_t size, Mp4Pieces *pieces)
{
    NalUnit unit = nal_unit_first(data, size);
    size_t bytes = 0;
    for (; unit.data != NULL; unit = nal_unit_next(&unit)) {
        if (unit.size == 0)
            continue;
        add(pieces, unit.data, unit.size, true);
        bytes += sizeof(pieces->pieces->length) + unit.size;
    }
    return bytes;
}

/* Temporal delimiter, redundant frame header, tile list, padding (AV1 6.2.2). */
static bool is_left_out(unsigned obu_type)
{
    return obu_type == 2 || obu_type == 7 || obu_type == 8 || obu_type == 15;
}

static size_t add_obus(const uint8_t *data, size_t size, Mp4Pieces *pieces)
{
    ByteReader reader = byte_reader(data, size);
    size_t bytes = 0;
    while (bytes_left(&reader) > 0) {
        const size_t begin = reader.position;
        const uint8_t header = bytes_read_u8(&reader);
        if ((header & 0x04) != 0)
            bytes_skip(&reader, 1);
        const bool has_size = (header & 0x02) != 0;
        bytes_skip(&reader, has_size ? (size_t)bytes_read_leb128(&reader) : bytes_left(&reader));
        const size_t end = reader.failed ? size : reader.position;
        if (!is_left_out(header >> 3 & 0x0f)) {
            add(pieces, data + begin, end - begin, false);
            bytes += end - begin;
        }
        if (reader.failed)
            break;
    }
    return bytes;
}

size_t mp4_sample_pieces(Codec codec, const uint8_t *data, size_t size, Mp4Pieces *pieces)
{
    if (codec == CODEC_H264 || codec == CODEC_H265)
        return add_nal_units(data, size, pieces);
    if (codec == CODEC_AV1)
        return add_obus(data, size, pieces);
    add(pieces, data, size, false);
    return size;
}

void mp4_pieces_clear(Mp4Pieces *pieces)
{
    free(pieces->pieces);
    *pieces = (Mp4Pieces){0};
}
