/* Walks over the NAL units of a byte stream with start codes (H.264 annex B, H.265 annex B).
 * Thread: any; no allocation. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *data; /* from its header on; NULL: there is none; borrowed */
    size_t size;         /* without the zeros that may follow it */
    const uint8_t *rest; /* behind it, up to `end`: for nal_unit_next() */
    const uint8_t *end;
} NalUnit;

NalUnit nal_unit_first(const uint8_t *data, size_t size);
NalUnit nal_unit_next(const NalUnit *unit);
