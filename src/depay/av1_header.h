/* Reads the headers of AV1 OBUs that a recorder needs (AV1 specification 5.3, 5.5, 5.9).
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/obu.h"

typedef struct {
    uint8_t profile;
    bool is_reduced_still;
    uint16_t max_width, max_height;
} Av1Sequence;

/* `payload` follows the OBU's header and size field. */
bool av1_sequence_parse(const uint8_t *payload, size_t size, Av1Sequence *ret_sequence);

/* Of OBU_FRAME_HEADER or OBU_FRAME, in a sequence that is not a reduced still picture. */
bool av1_frame_is_shown_key(const uint8_t *payload, size_t size);
