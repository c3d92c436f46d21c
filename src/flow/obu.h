/* Walks over the OBUs of an AV1 temporal unit (AV1 5.3).
 * Thread: any; no allocation. */
#pragma once

#include "base/bytes.h"

/* obu_type (AV1 6.2.2) */
typedef enum {
    OBU_SEQUENCE_HEADER = 1,
    OBU_TEMPORAL_DELIMITER = 2,
    OBU_FRAME_HEADER = 3,
    OBU_TILE_GROUP = 4,
    OBU_METADATA = 5,
    OBU_FRAME = 6,
    OBU_REDUNDANT_FRAME_HEADER = 7,
    OBU_TILE_LIST = 8,
    OBU_PADDING = 15,
} ObuType;

typedef struct {
    unsigned type;
    bool has_size;
    const uint8_t *header; /* of one or two bytes, the size field not counted; borrowed */
    size_t header_size;
    const uint8_t *payload; /* borrowed */
    size_t payload_size;
} Obu;

/* The next one; false at the end, and (reader->failed) where it is cut: then the type may be
 * known. Only the last may come without its size. */
bool obu_next(ByteReader *reader, Obu *ret_obu);
