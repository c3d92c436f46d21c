/* What of a frame goes into a sample of an MP4, without copying it: NAL units behind their lengths
 * instead of start codes (ISO 14496-15 5.3), OBUs without the delimiters that a sample may not have
 * (AV1 in ISOBMFF 2.4), anything else as it is.
 * Thread: any; no global state. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/codec.h"

typedef struct {
    const uint8_t *data; /* borrowed from the frame */
    size_t size;
    uint8_t length[4]; /* goes before it, big-endian */
    bool has_length;
} Mp4Piece;

typedef struct {
    Mp4Piece *pieces; /* owned */
    size_t count, capacity;
} Mp4Pieces;

/* Adds those of one frame; the bytes that they make up. */
size_t mp4_sample_pieces(Codec codec, const uint8_t *data, size_t size, Mp4Pieces *pieces);

void mp4_pieces_clear(Mp4Pieces *pieces); /* frees */
