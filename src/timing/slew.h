/* Moves the mapping of a track towards where it belongs without anybody noticing. Pictures move
 * gradually. Sound stays on its own clock and is moved in rare steps that are shorter than a
 * packet. Thread: net; values, no allocation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool is_active;
    int64_t rate_ppm; /* of the media time that passes */
} Slew;

/* What a picture `media_step_ns` after the last one may be moved by, towards `error_ns`. Rests
 * while the error is within `tolerance_ns`; once moving it goes on until there is none. At least 50
 * ms a second, done in half a second, at most 500 ms a second: an interval is at least halved. */
int64_t slew_picture(Slew *slew, int64_t error_ns, int64_t tolerance_ns, int64_t media_step_ns);

/* How long the media lasts that a move of `error_ns` takes. */
int64_t slew_picture_duration(int64_t error_ns);

#define SLEW_SOUND_STEP_NS INT64_C(10000000)
#define SLEW_SOUND_PAUSE_NS INT64_C(2000000000) /* between two steps */

/* The step of a sound packet; 0 while the error is within the tolerance. */
int64_t slew_sound(int64_t error_ns, int64_t tolerance_ns, int64_t media_step_ns);
