/* Undoes the emulation prevention of a NAL unit (H.264 7.4.1, H.265 7.4.2).
 * Thread: any; no allocation. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* At most `capacity` bytes are written; returns how many. */
size_t rbsp_unescape(const uint8_t *nal, size_t size, uint8_t *out, size_t capacity);
