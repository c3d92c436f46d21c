/* Reads the uncompressed chunk at the start of a VP8 frame (RFC 6386 9.1).
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    bool is_key;
    uint16_t width, height; /* key frames */
} Vp8Header;

bool vp8_header_parse(const uint8_t *frame, size_t size, Vp8Header *ret_header);
