/* Cuts encoded pictures and audio packets into RTP payloads: RFC 6184 (H.264: single NAL units,
 * STAP-A, FU-A), 7798 (H.265), 7741 (VP8), 9628 (VP9, flexible mode), the AV1 RTP payload, 7587
 * (Opus).
 * Thread: one user. */
#pragma once

#include "room/media_frame.h"

#define PACKETIZER_MAX_PAYLOAD 1180u

typedef struct {
    uint16_t picture_id; /* VP8 and VP9; 15 bits, one more for each picture */
} Packetizer;

/* Appends the payloads of one encoded picture or packet to `frame`, by its codec. */
void packetizer_cut(Packetizer *packetizer, const uint8_t *data, size_t size, MediaFrame *frame);
