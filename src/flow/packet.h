/* One RTP packet as parsed (RFC 3550 section 5.1); a view into a receive buffer.
 * Thread: net. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *payload; /* without padding; empty for padding-only packets */
    size_t payload_size;
    uint32_t ssrc;
    uint32_t timestamp;
    uint16_t sequence;
    uint8_t payload_type;
    bool marker;
    bool is_late;       /* it came behind a later one, most often because it was asked for again */
    int64_t arrival_ns; /* clock_monotonic_ns() of the wake-up that brought it */
} RtpPacket;
