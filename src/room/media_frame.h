/* One encoded picture or audio packet, already cut into RTP payloads; shared by all subscribers.
 * Thread: made on a media thread, then net; the count is not atomic, since only net shares it. */
#pragma once

#include <stddef.h>

#include "flow/codec.h"

typedef struct {
    uint32_t offset;
    uint16_t size;
} MediaPayload;

typedef struct {
    unsigned references;
    unsigned publisher; /* index in the room */
    TrackKind kind;
    Codec codec;
    bool is_key;
    uint64_t ticks; /* RTP clock units since the publisher's start */
    uint8_t *bytes;
    size_t size, capacity;
    MediaPayload *payloads;
    unsigned payload_count, payload_capacity;
} MediaFrame;

/* With one reference. */
MediaFrame *media_frame_new(unsigned publisher, Codec codec, uint64_t ticks, bool is_key);
MediaFrame *media_frame_ref(MediaFrame *frame);
void media_frame_unref(MediaFrame *frame);

/* Appends one payload, made of a header and a body. */
void media_frame_append(MediaFrame *frame, const uint8_t *header, size_t header_size,
                        const uint8_t *body, size_t body_size);
