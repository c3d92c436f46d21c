/* One encoded picture or audio packet on its way from the depayloader to a file.
 * Thread: passes from net to sink; the count is atomic, the contents are not changed once queued.
 */
#pragma once

#include <stddef.h>

#include "base/pool.h"
#include "flow/codec.h"

typedef struct Frame Frame;

struct Frame {
    Codec codec;
    bool is_key;
    bool is_late;              /* its first packet was: `arrival_ns` tells nothing of its time */
    bool came_through_encoder; /* encoded anew, or handed on by one that failed or is bypassed */
    uint16_t width, height;    /* key frames, as read from the bitstream; else 0 */
    uint32_t rtp_timestamp;
    uint32_t packets;    /* RTP packets it was made of */
    int64_t arrival_ns;  /* of its first packet, monotonic */
    int64_t pts_ns;      /* on the recording's timeline; set by the clock */
    int64_t duration_ns; /* audio: exact; video: 0 */
    size_t size;
    size_t capacity;
    uint8_t *data;
    /* private */
    Pool *pool;
    _Atomic unsigned references;
};

/* NULL when the pool is at its ceiling. */
Frame *frame_new(Pool *pool, size_t capacity);

/* Makes room for `capacity` bytes in a frame that nobody else holds; may move it. False, with the
 * frame unchanged, when the pool is at its ceiling. */
bool frame_reserve(Frame **frame, size_t capacity);

Frame *frame_ref(Frame *frame);
void frame_unref(Frame *frame);
