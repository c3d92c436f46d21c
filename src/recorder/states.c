#include "recorder/states.h"

const char *recording_event_name(RecordingEvent event)
{
    static const char *const names[EVENT_COUNT] = {
        [EVENT_START] = "start",
        [EVENT_ROOM_CONNECTED] = "room_connected",
        [EVENT_SUBSCRIBE] = "subscribe",
        [EVENT_TRACK_SUBSCRIBED] = "track_subscribed",
        [EVENT_FIRST_FRAME] = "first_frame",
        [EVENT_STOP] = "stop",
        [EVENT_CLEANED_UP] = "cleaned_up",
    };
    return event < EVENT_COUNT ? names[event] : "";
}

typedef struct {
    RecordingState from;
    RecordingEvent event;
    RecordingState to;
} Transition;

/* What is not in the table changes nothing. */
static const Transition transitions[] = {
    {RECORDING_DISCONNECTED, EVENT_START, RECORDING_CONNECTING},
    {RECORDING_CONNECTING, EVENT_ROOM_CONNECTED, RECORDING_CONNECTED},
    {RECORDING_CONNECTED, EVENT_SUBSCRIBE, RECORDING_SUBSCRIBING},
    {RECORDING_SUBSCRIBING, EVENT_TRACK_SUBSCRIBED, RECORDING_SUBSCRIBED},
    {RECORDING_SUBSCRIBED, EVENT_FIRST_FRAME, RECORDING_RECORDING},

    {RECORDING_DISCONNECTED, EVENT_STOP, RECORDING_STOPPING},
    {RECORDING_CONNECTING, EVENT_STOP, RECORDING_STOPPING},
    {RECORDING_CONNECTED, EVENT_STOP, RECORDING_STOPPING},
    {RECORDING_SUBSCRIBING, EVENT_STOP, RECORDING_STOPPING},
    {RECORDING_SUBSCRIBED, EVENT_STOP, RECORDING_STOPPING},
    {RECORDING_RECORDING, EVENT_STOP, RECORDING_STOPPING},
    {RECORDING_STOPPING, EVENT_CLEANED_UP, RECORDING_STOPPED},
};

RecordingState states_next(RecordingState state, RecordingEvent event)
{
    for (unsigned i = 0; i < sizeof transitions / sizeof *transitions; i++) {
        const Transition *row = &transitions[i];
        if (row->from == state && row->event == event)
            return row->to;
    }
    return state;
}
