/* The table of a recording's states: [state][event] -> state.
 * Thread: any; pure. */
#pragma once

#include "flow/recording_state.h"

typedef enum {
    EVENT_START,            /* recording start is requested */
    EVENT_ROOM_CONNECTED,   /* signalling joined and media transport is up */
    EVENT_SUBSCRIBE,        /* a track was asked for */
    EVENT_TRACK_SUBSCRIBED, /* confirmed and OnTrack, or confirmed and muted */
    EVENT_FIRST_FRAME,      /* the first frame of any track passed its queue */
    EVENT_STOP,             /* stop requested, or the recording has to end */
    EVENT_CLEANED_UP,
    EVENT_COUNT,
} RecordingEvent;

const char *recording_event_name(RecordingEvent event);

/* The next state; the same state when the event means nothing there. A recording never goes back:
 * its state is the furthest that any of its tracks has reached. */
RecordingState states_next(RecordingState state, RecordingEvent event);
