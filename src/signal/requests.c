#include "signal/requests.h"

#include "signal/messages.h"

GBytes *request_subscribe(const char *participant_sid, const char *track_sid, bool subscribe)
{
    char *sids[] = {(char *)track_sid};
    Livekit__ParticipantTracks tracks = LIVEKIT__PARTICIPANT_TRACKS__INIT;
    Livekit__ParticipantTracks *participants[] = {&tracks};
    Livekit__UpdateSubscription update = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    update.subscribe = subscribe;
    if (participant_sid != NULL) {
        tracks.participant_sid = (char *)participant_sid;
        tracks.n_track_sids = 1;
        tracks.track_sids = sids;
        update.n_participant_tracks = 1;
        update.participant_tracks = participants;
    } else {
        update.n_track_sids = 1;
        update.track_sids = sids;
    }
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
    request.subscription = &update;
    return signal_request_format(&request);
}

GBytes *request_track_settings(const char *track_sid, bool disabled, uint32_t width,
                               uint32_t height)
{
    char *sids[] = {(char *)track_sid};
    Livekit__UpdateTrackSettings settings = LIVEKIT__UPDATE_TRACK_SETTINGS__INIT;
    settings.n_track_sids = 1;
    settings.track_sids = sids;
    settings.disabled = disabled;
    settings.width = width;
    settings.height = height;
    /* absent would mean LOW; a size wins over it */
    settings.quality = LIVEKIT__VIDEO_QUALITY__HIGH;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING;
    request.track_setting = &settings;
    return signal_request_format(&request);
}

GBytes *request_answer(const char *sdp, uint32_t id)
{
    Livekit__SessionDescription answer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    answer.type = (char *)"answer";
    answer.sdp = (char *)sdp;
    answer.id = id;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER;
    request.answer = &answer;
    return signal_request_format(&request);
}

GBytes *request_candidate(const char *candidate)
{
    g_autofree char *init = candidate_init_format(candidate);
    Livekit__TrickleRequest trickle = LIVEKIT__TRICKLE_REQUEST__INIT;
    trickle.candidate_init = init;
    trickle.target = LIVEKIT__SIGNAL_TARGET__SUBSCRIBER;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRICKLE;
    request.trickle = &trickle;
    return signal_request_format(&request);
}

GBytes *request_leave(void)
{
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.reason = LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    request.leave = &leave;
    return signal_request_format(&request);
}

GBytes *request_ping(int64_t timestamp_ms, int64_t rtt_ms)
{
    Livekit__Ping ping = LIVEKIT__PING__INIT;
    ping.timestamp = timestamp_ms;
    ping.rtt = rtt_ms;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &ping;
    return signal_request_format(&request);
}
