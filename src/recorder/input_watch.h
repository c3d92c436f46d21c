/* Notices when what a publisher sends becomes something else: another codec, a picture of another
 * size or the other way round, mono or stereo.
 * Thread: net. */
#pragma once

#include "flow/frame.h"
#include "flow/track.h"

#define INPUT_CHANGES_MAX 256 /* told; somebody may change at every picture */

typedef struct {
    TrackInput last;
    unsigned changes;
    int64_t other_since_ns; /* sound has come with another number of channels since then */
    unsigned other_packets; /* so many times; 0 = it has not */
} InputWatch;

/* True with what it is from now on, the first time too. Sound has to stay as it is for a hundred
 * packets, two seconds of 20 ms: a server puts mono silence behind a stereo track that is muted. */
bool input_watch_frame(InputWatch *watch, const Frame *frame, TrackInput *ret_input);
