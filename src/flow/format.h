/* The output formats and quality presets that a caller can name: which container, what of a room
 * goes into it as published, and what the rest is encoded to.
 * Thread: any; values only. */
#pragma once

#include "flow/container.h"
#include "flow/encoder_settings.h"

typedef struct {
    const char *name;
    const char *description;
    Container container;
    unsigned keeps;        /* 1 << Codec: these are not encoded anew */
    Encoding video, audio; /* of the others; NONE: they are refused, or left out */
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

/* How a codec that it does not keep is encoded; NONE: it cannot be recorded so. */
Encoding format_encoding(const Format *format, const Quality *quality, TrackKind kind);

/* Of its pictures, or of its sound where that is all: what a request's encoder options are for. */
Encoding format_main_encoding(const Format *format);

bool format_encodes(const Format *format);        /* under any circumstances */
bool format_is_sound_alone(const Format *format); /* pictures are left out */

#define FORMAT_LIST_MAX 200

/* "h264, av1, ...": all names, for a sentence. */
void format_list(char *ret_text, unsigned size);
