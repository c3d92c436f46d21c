/* The output formats and quality presets of the interface, with what of them is available.
 * Thread: main; values only. */
#pragma once

#include <json-glib/json-glib.h>

#include "flow/container.h"

typedef struct {
    const char *name;
    const char *description;
    const char *video_codec, *audio_codec;
    Container container;
    bool is_available;
} Format;

typedef struct {
    const char *name;
    const char *description;
    unsigned max_width, max_height; /* 0 = no limit */
    unsigned video_bitrate, audio_bitrate;
} Preset;

/* NULL when there is none of that name. */
const Format *format_find(const char *name);
const Preset *preset_find(const char *name);

/* "auto, mp4, webm, mkv, ogg"; free with g_free(). */
char *format_list_available(void);
char *preset_list(void);

/* The answer of GET /api/recording/formats. */
JsonObject *formats_json(void);
