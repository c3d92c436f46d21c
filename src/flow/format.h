/* The output formats and quality presets that a caller can name: which container, what of a room
 * goes into it as published, and what the rest is encoded to.
 * Thread: any; values only. */
#pragma once

#include "flow/container.h"

typedef struct {
    const char *name;
    const char *description;
    Container container;
    unsigned keeps;     /* 1 << Codec: these are not encoded anew */
    Codec video, audio; /* what the others are encoded to; CODEC_UNKNOWN: they are refused */
    const char *video_encoder, *audio_encoder; /* libavcodec's names, or NULL */
} Format;

typedef struct {
    const char *name;
    const char *description;
    uint32_t max_width, max_height;        /* of a landscape picture; 0 = no limit */
    unsigned video_bitrate, audio_bitrate; /* of what is encoded, bits a second; 0: nothing is */
} Quality;

const Format *format_at(unsigned index); /* NULL behind the last */
const Format *format_find(const char *name);
const Format *format_for(Container container); /* that takes what the container takes */

const Quality *quality_at(unsigned index); /* NULL behind the last */
const Quality *quality_find(const char *name);

/* What applies where the caller names none: no ceiling; what the format does not keep is encoded.
 */
const Quality *quality_default(void);

bool format_keeps(const Format *format, const Quality *quality, Codec codec);

/* What a codec that it does not keep becomes; CODEC_UNKNOWN: it cannot be recorded so. */
Codec format_target(const Format *format, const Quality *quality, TrackKind kind);
