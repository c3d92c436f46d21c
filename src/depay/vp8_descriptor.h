/* Reads what stands in front of a packet's VP8 bytes (RFC 7741 4.2).
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"

typedef struct {
    bool is_non_reference;
    bool starts_partition;
    unsigned partition;
} Vp8Descriptor;

/* Leaves the reader at the VP8 bytes; it has failed where the descriptor is cut. */
Vp8Descriptor vp8_descriptor_read(ByteReader *reader);

/* Its packet is the first one of a frame. */
bool vp8_descriptor_starts_frame(const Vp8Descriptor *descriptor);
