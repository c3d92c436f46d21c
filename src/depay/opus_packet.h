/* Reads from the table of contents of an Opus packet what it holds (RFC 6716 3.1, 3.2).
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False for a packet that is empty or of more than 120 ms, which no decoder takes. */
bool opus_packet_duration(const uint8_t *packet, size_t size, int64_t *ret_duration_ns);

/* 1 or 2; 1 for an empty one. */
unsigned opus_packet_channels(const uint8_t *packet, size_t size);
