/* Reads the start of a VP9 frame's uncompressed header (VP9 bitstream specification 6.2).
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t profile;
    bool shows_existing;
    bool is_key;
    uint16_t width, height; /* key frames */
} Vp9Header;

bool vp9_header_parse(const uint8_t *frame, size_t size, Vp9Header *ret_header);
