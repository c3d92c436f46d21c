/* Reads a VP9 frame's uncompressed header (VP9 bitstream specification 6.2).
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VP9_REFERENCES 8

typedef struct {
    uint8_t profile;
    bool shows_existing;
    bool is_key;
    uint16_t width, height; /* key frames */
} Vp9Header;

typedef struct {
    uint32_t width, height; /* zero: not known */
} Vp9Size;

/* What stands in the decoder's reference slots. */
typedef struct {
    Vp9Size sizes[VP9_REFERENCES];
} Vp9References;

/* A header read to its end. */
typedef struct {
    bool is_key;
    bool is_shown;
    unsigned show_bit; /* where show_frame stands, from the frame's start */
    size_t bits;       /* of the whole header, without the zeros behind it */
    uint8_t refresh_flags;
    Vp9Size size;
} Vp9WholeHeader;

/* The start only. */
bool vp9_header_parse(const uint8_t *frame, size_t size, Vp9Header *ret_header);

/* False where it does not lead to a compressed header inside the frame, where it shows an existing
 * frame, and where it takes its size from a slot of which none is known. The frame's own size is
 * put into the slots that it refreshes. */
bool vp9_header_parse_whole(const uint8_t *frame, size_t size, Vp9References *references,
                            Vp9WholeHeader *ret_header);
