/* The eight states of a recording, in the order in which they are reached.
 * Thread: any; values only. */
#pragma once

typedef enum {
    RECORDING_DISCONNECTED,
    RECORDING_CONNECTING,
    RECORDING_CONNECTED,
    RECORDING_SUBSCRIBING,
    RECORDING_SUBSCRIBED,
    RECORDING_RECORDING,
    RECORDING_STOPPING,
    RECORDING_STOPPED,
    RECORDING_STATE_COUNT,
} RecordingState;

const char *recording_state_name(RecordingState state); /* "disconnected", ...; lower case */
