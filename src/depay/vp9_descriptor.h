/* Reads what stands in front of a packet's VP9 bytes (RFC 9628 4.2).
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

typedef struct {
    bool is_predicted, starts_frame, ends_frame;
    bool has_structure; /* which follows */
    uint8_t spatial_id;
    bool is_layer_dependent;
} Vp9Descriptor;

/* Leaves the reader at the scalability structure, or at the VP9 bytes where there is none. False
 * where the descriptor is cut or refers to too much. */
bool vp9_descriptor_read(ByteReader *reader, Vp9Descriptor *ret_descriptor);
