/* Valid packets of silence for the audio codecs.
 * Thread: any; const data. */
#pragma once

#include <stddef.h>

#include "flow/codec.h"

int64_t silence_packet_ns(Codec codec); /* 20 ms, but one frame of AAC or MP3 */

/* The packet, with static life; NULL for codecs that have none. */
const uint8_t *silence_packet(Codec codec, size_t *ret_size);
