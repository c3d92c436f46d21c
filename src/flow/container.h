/* The containers that a recording can be written to, with what each of them takes.
 * Thread: any; values only. */
#pragma once

#include "flow/codec.h"

typedef enum {
    CONTAINER_AUTO,
    CONTAINER_MP4,
    CONTAINER_WEBM,
    CONTAINER_MKV,
    CONTAINER_OGG,
    CONTAINER_MPEGTS,
    CONTAINER_M4A,
    CONTAINER_MP3,
    CONTAINER_WAV,
    CONTAINER_COUNT,
} Container;

const char *container_name(Container container);      /* "auto", "mp4", ... */
const char *container_extension(Container container); /* "mp4", "ts", ...; AUTO has none */
bool container_from_name(const char *name, Container *ret_container);
bool container_from_extension(const char *extension, Container *ret_container);

/* Ogg, M4A, MP3 and WAV are for sound alone. */
bool container_holds_pictures(Container container);

/* MP4 and M4A: fragments while it grows, an index at the front when it is finished. */
bool container_is_fragmented(Container container);

/* False for MP3 and WAV: what follows plays at once, so each hole has to be filled. */
bool container_keeps_times(Container container);

/* Without re-encoding. MP4: H.264, H.265, VP9, AV1, Opus, AAC. WebM: VP8, VP9, AV1, Opus. MKV: all.
 * Ogg: Opus. MPEG-TS: H.264, H.265, AAC. M4A: AAC. MP3: MP3. WAV: PCM. */
bool container_takes(Container container, Codec codec);

/* The first of mp4, webm, mkv that takes them all; ogg where there is only Opus. */
Container container_for(const Codec *codecs, unsigned count);

/* "mkv, webm": the containers that take all of these codecs, for an error sentence. */
void container_alternatives(const Codec *codecs, unsigned count, char *ret_text, unsigned size);
