/* Reads how long an Opus packet plays from its table of contents (RFC 6716 3.1, 3.2).
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False for a packet that is empty or of more than 120 ms, which no decoder takes. */
bool opus_packet_duration(const uint8_t *packet, size_t size, int64_t *ret_duration_ns);
