/* Tells from one packet, before its frame is whole, that a key frame begins with it.
 * Thread: any; no allocation. */
#pragma once

#include "flow/codec.h"
#include "flow/packet.h"

typedef struct {
    uint16_t sequence;
    uint32_t timestamp;
    unsigned in_front; /* packets in front of it that may hold the picture's parameter sets */
} KeyframeStart;

/* H.264, H.265: parameter sets or the first slice of a picture that refers to none; VP8, VP9: the
 * first packet of a picture that refers to none; AV1: a new coded video sequence. */
bool keyframe_starts_with(const RtpPacket *packet, Codec codec, KeyframeStart *ret_start);
