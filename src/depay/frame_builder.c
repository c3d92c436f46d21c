#include "depay/frame_builder.h"

#include <string.h>

#include "base/check.h"

#define SMALLEST_BYTES 2048u
#define LARGEST_EXPECTED_BYTES (256u * 1024)

void frame_builder_init(FrameBuilder *builder, Pool *pool)
{
    *builder = (FrameBuilder){.pool = pool};
}

void frame_builder_begin(FrameBuilder *builder, const RtpPacket *first, Codec codec,
                         size_t size_hint)
{
    check(!builder->frame);
    builder->failure = DEPAY_OK;
    builder->frame = frame_new(builder->pool, size_hint);
    if (!builder->frame) {
        builder->failure = DEPAY_NO_MEMORY;
        return;
    }
    builder->frame->codec = codec;
    builder->frame->rtp_timestamp = first->timestamp;
    builder->frame->arrival_ns = first->arrival_ns;
    builder->frame->is_late = first->is_late;
}

/* Doubling keeps the moves of a large frame few. */
static bool make_room(FrameBuilder *builder, size_t size)
{
    if (builder->failure != DEPAY_OK)
        return false;
    const size_t used = builder->frame->size;
    if (size > FRAME_BUILDER_MAX_BYTES - used) {
        builder->failure = DEPAY_MALFORMED;
        return false;
    }
    if (used + size <= builder->frame->capacity)
        return true;
    size_t wanted = builder->frame->capacity * 2;
    if (wanted < used + size)
        wanted = used + size;
    if (wanted > FRAME_BUILDER_MAX_BYTES)
        wanted = used + size;
    if (!frame_reserve(&builder->frame, wanted)) {
        builder->failure = DEPAY_NO_MEMORY;
        return false;
    }
    return true;
}

void frame_builder_append(FrameBuilder *builder, const uint8_t *data, size_t size)
{
    if (!size || !make_room(builder, size))
        return;
    memcpy(builder->frame->data + builder->frame->size, data, size);
    builder->frame->size += size;
}

uint8_t *frame_builder_insert(FrameBuilder *builder, size_t offset, size_t size)
{
    if (!make_room(builder, size))
        return NULL;
    Frame *frame = builder->frame;
    check(offset <= frame->size);
    memmove(frame->data + offset + size, frame->data + offset, frame->size - offset);
    frame->size += size;
    return frame->data + offset;
}

void frame_builder_truncate(FrameBuilder *builder, size_t offset)
{
    if (builder->frame && offset < builder->frame->size)
        builder->frame->size = offset;
}

size_t frame_builder_size(const FrameBuilder *builder)
{
    return builder->frame ? builder->frame->size : 0;
}

const uint8_t *frame_builder_data(const FrameBuilder *builder)
{
    return builder->frame ? builder->frame->data : NULL;
}

Frame *frame_builder_take(FrameBuilder *builder)
{
    Frame *frame = builder->frame;
    builder->frame = NULL;
    /* A little over the last size: most frames then never move. */
    size_t expected = frame->size + frame->size / 4;
    if (expected < SMALLEST_BYTES)
        expected = SMALLEST_BYTES;
    if (expected > LARGEST_EXPECTED_BYTES)
        expected = LARGEST_EXPECTED_BYTES;
    builder->expected_bytes = expected;
    return frame;
}

void frame_builder_drop(FrameBuilder *builder)
{
    if (builder->frame)
        frame_unref(builder->frame);
    builder->frame = NULL;
}
