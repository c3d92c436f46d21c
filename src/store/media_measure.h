/* What a media file is found to hold. The store does not read media: whoever uses it brings the
 * function.
 * Thread: main. */
#pragma once

#include "flow/codec.h"

#define MEDIA_MEASURE_MAX_TRACKS 16

typedef struct {
    int64_t duration_ns;
    bool lacks_index; /* players do not find their way in it */
    struct {
        TrackKind kind;
        uint64_t packets, bytes;
        uint32_t width, height;
    } tracks[MEDIA_MEASURE_MAX_TRACKS];
    unsigned track_count;
} MediaMeasure;

/* False when the file does not play. */
typedef bool (*MediaMeasureFn)(const char *path, MediaMeasure *ret_measure);
