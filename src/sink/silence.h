/* Valid packets of silence for the audio codecs, 20 ms each.
 * Thread: any; const data. */
#pragma once

#include <stddef.h>

#include "flow/codec.h"

#define SILENCE_PACKET_NS (20 * INT64_C(1000000))

/* The packet, with static life; NULL for codecs that have none. */
const uint8_t *silence_packet(Codec codec, size_t *ret_size);
