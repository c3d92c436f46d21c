/* What a codec adds to the depayloader: how its packets become the bytes of a frame, and what the
 * finished frame is. The state is the codec's own; it is zeroed at the start and at a change of
 * codec and lives as long as the track.
 * Thread: net; no allocation but the frame's growth. */
#pragma once

#include "depay/frame_builder.h"

typedef struct {
    bool has_picture; /* false: only parameter sets and the like */
    bool is_key;
    bool is_blank; /* the server's own placeholder */
    uint16_t width, height;
    int64_t duration_ns;
} DepayPicture;

typedef struct {
    size_t state_size;
    bool packet_is_frame;   /* audio */
    bool marker_ends_frame; /* and nothing else tells that its last packet came */

    /* The next packet begins a frame. */
    void (*begin)(void *state);
    DepayVerdict (*packet)(void *state, FrameBuilder *builder, const RtpPacket *packet);

    /* No more packets. `head_uncertain`: packets in front of the first one were lost and may
     * have belonged to this frame. */
    DepayVerdict (*finish)(void *state, FrameBuilder *builder, bool head_uncertain,
                           DepayPicture *ret_picture);

    /* By what came of the frame so far: nothing will refer to it. */
    bool (*is_disposable)(const void *state);
} DepayOps;

extern const DepayOps depay_h264;
extern const DepayOps depay_h265;
extern const DepayOps depay_vp8;
extern const DepayOps depay_vp9;
extern const DepayOps depay_av1;
extern const DepayOps depay_opus;
extern const DepayOps depay_pcm;
