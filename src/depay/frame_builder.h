/* Collects the payload of one frame in a pool buffer that grows as needed. The first failure
 * sticks: later writes do nothing, so that one look at `failure` after a packet is enough.
 * Thread: net. Allocates from the pool only; owns the frame until it is taken. */
#pragma once

#include "flow/frame.h"
#include "flow/packet.h"

/* What became of a packet or of a frame. */
typedef enum { DEPAY_OK, DEPAY_INCOMPLETE, DEPAY_MALFORMED, DEPAY_NO_MEMORY } DepayVerdict;

/* The largest block of the pool, less room for its header. */
#define FRAME_BUILDER_MAX_BYTES (8u * 1024 * 1024 - 1024)

typedef struct {
    Pool *pool;
    Frame *frame; /* NULL between frames */
    size_t expected_bytes;
    DepayVerdict failure;
} FrameBuilder;

void frame_builder_init(FrameBuilder *builder, Pool *pool);

/* `size_hint` bytes are reserved at once. Failure may be DEPAY_NO_MEMORY. */
void frame_builder_begin(FrameBuilder *builder, const RtpPacket *first, Codec codec,
                         size_t size_hint);
void frame_builder_append(FrameBuilder *builder, const uint8_t *data, size_t size);

/* Moves what stands at `offset` and behind it by `size` bytes; NULL on failure. */
uint8_t *frame_builder_insert(FrameBuilder *builder, size_t offset, size_t size);

/* Forgets everything from `offset` on. */
void frame_builder_truncate(FrameBuilder *builder, size_t offset);

/* Bytes so far; zero between frames. */
size_t frame_builder_size(const FrameBuilder *builder);
const uint8_t *frame_builder_data(const FrameBuilder *builder);

/* The frame is the caller's. */
Frame *frame_builder_take(FrameBuilder *builder);
void frame_builder_drop(FrameBuilder *builder);
