#include "room/media_frame.h"

#include <glib.h>
#include <string.h>

#include "base/check.h"

MediaFrame *media_frame_new(unsigned publisher, Codec codec, uint64_t ticks, bool is_key)
{
    MediaFrame *const frame = g_new0(MediaFrame, 1);
    frame->references = 1;
    frame->publisher = publisher;
    frame->kind = codec_kind(codec);
    frame->codec = codec;
    frame->ticks = ticks;
    frame->is_key = is_key;
    return frame;
}

MediaFrame *media_frame_ref(MediaFrame *frame)
{
    frame->references++;
    return frame;
}

void media_frame_unref(MediaFrame *frame)
{
    if (frame == NULL || --frame->references > 0) {
        return;
    }
    g_free(frame->bytes);
    g_free(frame->payloads);
    g_free(frame);
}

void media_frame_append(MediaFrame *frame, const uint8_t *header, size_t header_size,
                        const uint8_t *body, size_t body_size)
{
    const size_t size = header_size + body_size;
    require(size <= UINT16_MAX);
    if (frame->size + size > frame->capacity) {
        frame->capacity = (frame->size + size) * 2;
        frame->bytes = g_realloc(frame->bytes, frame->capacity);
    }
    if (frame->payload_count == frame->payload_capacity) {
        frame->payload_capacity = frame->payload_capacity * 2 + 4;
        frame->payloads = g_renew(MediaPayload, frame->payloads, frame->payload_capacity);
    }
    frame->payloads[frame->payload_count++] =
        (MediaPayload){.offset = (uint32_t)frame->size, .size = (uint16_t)size};
    if (header_size > 0) {
        memcpy(frame->bytes + frame->size, header, header_size);
    }
    if (body_size > 0) {
        memcpy(frame->bytes + frame->size + header_size, body, body_size);
    }
    frame->size += size;
}
