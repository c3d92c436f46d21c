#include "flow/recording_status.h"

#include <stdlib.h>

const char *recording_state_name(RecordingState state)
{
    switch (state) {
    case RECORDING_DISCONNECTED:
        return "disconnected";
    case RECORDING_CONNECTING:
        return "connecting";
    case RECORDING_CONNECTED:
        return "connected";
    case RECORDING_SUBSCRIBING:
        return "subscribing";
    case RECORDING_SUBSCRIBED:
        return "subscribed";
    case RECORDING_RECORDING:
        return "recording";
    case RECORDING_STOPPING:
        return "stopping";
    case RECORDING_STOPPED:
        return "stopped";
    case RECORDING_STATE_COUNT:
        break;
    }
    return "";
}

const char *check_name(CheckName name)
{
    static const char *const names[CHECK_COUNT] = {
        [CHECK_ROOM_CONNECTED] = "room_connected",
        [CHECK_PUBLICATIONS_DISCOVERED] = "publications_discovered",
        [CHECK_SUBSCRIBED] = "subscribed",
        [CHECK_FIRST_RTP] = "first_rtp",
        [CHECK_KEYFRAME] = "keyframe",
        [CHECK_FRAMES_FLOWING] = "frames_flowing",
        [CHECK_RTCP_FEEDBACK] = "rtcp_feedback",
    };
    return name < CHECK_COUNT ? names[name] : "";
}

const char *check_name_sentence(CheckName name)
{
    static const char *const names[CHECK_COUNT] = {
        [CHECK_ROOM_CONNECTED] = "Room connected",
        [CHECK_PUBLICATIONS_DISCOVERED] = "Publications discovered",
        [CHECK_SUBSCRIBED] = "Subscribed and OnTrack",
        [CHECK_FIRST_RTP] = "First RTP seen",
        [CHECK_KEYFRAME] = "Keyframe observed",
        [CHECK_FRAMES_FLOWING] = "Frames flowing",
        [CHECK_RTCP_FEEDBACK] = "RTCP feedback",
    };
    return name < CHECK_COUNT ? names[name] : "";
}

const char *check_state_name(CheckState state)
{
    switch (state) {
    case CHECK_NOT_YET:
        return "not_yet";
    case CHECK_OK:
        return "ok";
    case CHECK_FAILED:
        return "failed";
    }
    return "";
}

void recording_status_free(RecordingStatus *status)
{
    if (!status)
        return;
    free(status->tracks);
    free(status->outputs);
    free(status->events);
    free(status->pauses);
    free(status);
}
