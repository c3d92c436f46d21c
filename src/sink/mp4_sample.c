#include "sink/mp4_sample.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "flow/nal_units.h"
#include "flow/obu.h"

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

/* (AV1 6.2.2, AV1 in ISOBMFF 2.4) */
static bool is_left_out(unsigned obu_type)
{
    return obu_type == OBU_TEMPORAL_DELIMITER || obu_type == OBU_REDUNDANT_FRAME_HEADER ||
           obu_type == OBU_TILE_LIST || obu_type == OBU_PADDING;
}

/* What is cut goes as it is. */
static size_t add_obus(const uint8_t *data, size_t size, Mp4Pieces *pieces)
{
    ByteReader reader = byte_reader(data, size);
    size_t bytes = 0;
    while (bytes_left(&reader) > 0 && !reader.failed) {
        Obu obu;
        const size_t begin = reader.position;
        const size_t end = obu_next(&reader, &obu) ? reader.position : size;
        if (is_left_out(obu.type))
            continue;
        add(pieces, data + begin, end - begin, false);
        bytes += end - begin;
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
