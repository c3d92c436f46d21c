#include "base/clock.h"
#include "recorder/recorder_private.h"

#define POLL_INTERVAL_NS (2 * NS_PER_SECOND)
#define SIDECAR_INTERVAL_NS (5 * NS_PER_SECOND)
#define STALL_BACK_OFF_MAX_NS (60 * NS_PER_SECOND)
#define IDLE_RECORDER_TOKEN_NS (30 * NS_PER_SECOND)
/* An ordinary participant keeps the room open itself, so it must not give up quicker than
 * somebody takes to reload a page. */
#define IDLE_ORDINARY_TOKEN_NS (60 * NS_PER_SECOND)

static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_SECOND;
}

/* ---- connection ---- */

static void check_connection(WebRTCRecorder *recorder, int64_t now_ns)
{
    const Config *config = recorder->environment.config;
    if (recorder->connected_ns > 0 || now_ns - recorder->origin_ns < config->connection_ns)
        return;
    if (!recorder->joined)
        recorder_fail(recorder, CODE_SERVER_UNREACHABLE,
                      "%s did not let us into the room within %.0f s.", recorder->request->url,
                      seconds(config->connection_ns));
    else if (recorder->peer_state == PEER_HANDSHAKE)
        recorder_fail(recorder, CODE_DTLS_FAILED,
                      "ICE connected but the DTLS handshake did not end within %.0f s.",
                      seconds(config->connection_ns));
    else
        recorder_fail(recorder, CODE_ICE_FAILED,
                      "No media connection to the server came about within %.0f s (ICE state: %s); "
                      "check that UDP from the server, or its TCP port, is not blocked.",
                      seconds(config->connection_ns), peer_state_name(recorder->peer_state));
}

/* ---- publishers ---- */

static bool has_publisher(const WebRTCRecorder *recorder)
{
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        const TrackContext *track = recorder->tracks->pdata[i];
        if (track->published)
            return true;
    }
    return false;
}

typedef struct {
    const WebRTCRecorder *recorder;
    unsigned count;
} Headcount;

static void count_participant(void *owner, const Participant *participant)
{
    Headcount *headcount = owner;
    if (recorder_wants(headcount->recorder, participant->identity))
        headcount->count++;
}

static void fail_without_publisher(WebRTCRecorder *recorder, int64_t waited_ns)
{
    Headcount headcount = {.recorder = recorder};
    if (recorder->signal)
        room_view_foreach(signal_client_room(recorder->signal), count_participant, &headcount);
    g_autofree char *wanted = recorder->request->participants
                                  ? g_strjoinv(", ", recorder->request->participants)
                                  : g_strdup("anybody");
    if (headcount.count == 0)
        recorder_fail(recorder, CODE_NO_PARTICIPANT,
                      "Nobody to record came into room '%s' within %.0f s (waited for %s); wait "
                      "longer with --publisher-wait.",
                      recorder->room_name, seconds(waited_ns), wanted);
    else
        recorder_fail(recorder, CODE_NO_TRACK_PUBLISHED,
                      "Of %u in room '%s' nobody published %s within %.0f s.", headcount.count,
                      recorder->room_name,
                      recorder->request->audio_only ? "sound, and nothing else is recorded"
                                                    : "a track",
                      seconds(waited_ns));
}

static int64_t publisher_wait_ns(const WebRTCRecorder *recorder)
{
    const Config *config = recorder->environment.config;
    if (recorder->request->publisher_wait_ns >= 0)
        return recorder->request->publisher_wait_ns;
    return config->publisher_wait_ns >= 0 ? config->publisher_wait_ns : config->subscription_ns;
}

static int64_t idle_ns(const WebRTCRecorder *recorder)
{
    const Config *config = recorder->environment.config;
    if (recorder->request->idle_ns >= 0)
        return recorder->request->idle_ns;
    if (config->idle_ns >= 0)
        return config->idle_ns;
    return recorder->uses_recorder_token ? IDLE_RECORDER_TOKEN_NS : IDLE_ORDINARY_TOKEN_NS;
}

static void check_publishers(WebRTCRecorder *recorder, int64_t now_ns)
{
    if (recorder_is_reconnecting(recorder) || !recorder->joined)
        return;
    if (has_publisher(recorder)) {
        recorder->no_publisher_since_ns = 0;
        return;
    }
    if (recorder->no_publisher_since_ns == 0)
        recorder->no_publisher_since_ns = now_ns;
    const int64_t waited_ns = now_ns - recorder->no_publisher_since_ns;
    if (recorder->had_publisher && waited_ns >= idle_ns(recorder))
        recorder_end(recorder, END_IDLE);
    else if (!recorder->had_publisher && waited_ns >= publisher_wait_ns(recorder))
        fail_without_publisher(recorder, waited_ns);
}

/* ---- tracks ---- */

/* Key frames came, and its encoder has made nothing of them. */
static bool is_swallowed(const TrackContext *track)
{
    return track_context_encodes(track) && ledger_value(&track->counters.keyframes) > 0 &&
           track_encoder_stats(track->encoder).frames_out == 0;
}

static void give_up_encoder(WebRTCRecorder *recorder, TrackContext *track, const char *name)
{
    recorder_fail_track(
        recorder, track, CODE_ENCODER_FAILED,
        "%" G_GUINT64_FORMAT " key frames of the %s came within %.0f s, but the encoder %s made "
        "nothing of them: %" G_GUINT64_FORMAT " frames did not decode; check the publisher's "
        "encoder, or choose the format mkv, which keeps what is published.",
        ledger_value(&track->counters.keyframes), name,
        seconds(recorder->environment.config->subscription_ns), track->encoder_settings.encoder,
        track_encoder_stats(track->encoder).undecodable);
}

static void give_up(WebRTCRecorder *recorder, TrackContext *track)
{
    g_autofree char *name = recorder_track_name(track);
    const double patience = seconds(recorder->environment.config->subscription_ns);
    if (!track->confirmed)
        recorder_fail_track(recorder, track, CODE_SUBSCRIPTION_TIMEOUT,
                            "The server did not confirm the subscription to the %s within %.0f s.",
                            name, patience);
    else if (!track->on_track)
        recorder_fail_track(recorder, track, CODE_NO_RTP,
                            "The %s was subscribed but no media packet arrived within %.0f s; "
                            "check that its publisher sends.",
                            name, patience);
    else if (is_swallowed(track))
        give_up_encoder(recorder, track, name);
    else
        recorder_fail_track(recorder, track, CODE_RTP_BUT_NO_KEYFRAME,
                            "Packets of the %s arrive but no key frame came within %.0f s, though "
                            "%" G_GUINT64_FORMAT " were asked for; check the publisher's encoder.",
                            name, patience, ledger_value(&track->counters.plis));
}

/* Where no event comes, the server is asked again. */
static void poll_subscription(WebRTCRecorder *recorder, TrackContext *track, int64_t now_ns)
{
    if (track->confirmed || now_ns - track->polled_ns < POLL_INTERVAL_NS || !recorder->signal)
        return;
    track->polled_ns = now_ns;
    signal_client_subscribe(recorder->signal, track->participant_sid, track->sid, true);
}

static void note_flow(TrackContext *track)
{
    if (!track->stalled)
        return;
    track->stalled = false;
    track->retry_ns = 0;
    track->outcome = (Outcome){0};
}

static void subscribe_anew(WebRTCRecorder *recorder, TrackContext *track, int64_t now_ns)
{
    const int64_t deadline_ns = recorder->environment.config->read_deadline_ns;
    track->retry_ns = CLAMP(track->retry_ns * 2, deadline_ns, STALL_BACK_OFF_MAX_NS);
    track->asked_ns = now_ns + track->retry_ns - deadline_ns;
    signal_client_subscribe(recorder->signal, track->participant_sid, track->sid, false);
    signal_client_subscribe(recorder->signal, track->participant_sid, track->sid, true);
}

static void check_stall(WebRTCRecorder *recorder, TrackContext *track, int64_t now_ns)
{
    const int64_t deadline_ns = recorder->environment.config->read_deadline_ns;
    const int64_t last_packet_ns = atomic_load(&track->counters.last_packet_ns);
    if (now_ns - last_packet_ns < deadline_ns) {
        note_flow(track);
        return;
    }
    if (now_ns - track->asked_ns < deadline_ns)
        return;
    const double silence = seconds(now_ns - last_packet_ns);
    g_autofree char *name = recorder_track_name(track);
    if (!track->stalled)
        recorder_note(recorder, "The %s stalled: no packet for %.0f s; subscribing anew.", name,
                      silence);
    track->stalled = true;
    recorder_fail_track(recorder, track, CODE_STALLED,
                        "No packet of the %s came for %.0f s although it is published and not "
                        "muted.",
                        name, silence);
    subscribe_anew(recorder, track, now_ns);
}

static void check_track(WebRTCRecorder *recorder, TrackContext *track, int64_t now_ns)
{
    if (!track->published || !track->asked || track->muted || track->paused)
        return;
    if (track->started) {
        check_stall(recorder, track, now_ns);
        return;
    }
    poll_subscription(recorder, track, now_ns);
    if (recorder->pauses.is_open)
        return;
    const int64_t patience_ns = recorder->environment.config->subscription_ns;
    if (track->outcome.code == CODE_NONE && now_ns - track->asked_ns >= patience_ns)
        give_up(recorder, track);
}

static void check_tracks(WebRTCRecorder *recorder, int64_t now_ns)
{
    if (!recorder->joined || !recorder->peer_connected)
        return;
    /* it is the connection that is silent then */
    if (recorder_is_reconnecting(recorder) || recorder->silent_seconds > RECORDER_PROBED_SECONDS)
        return;
    for (unsigned i = 0; i < recorder->tracks->len; i++)
        check_track(recorder, recorder->tracks->pdata[i], now_ns);
}

/* With an encoder that failed a track goes on as published, and one that is slow may yet come. */
static bool may_come(const WebRTCRecorder *recorder, const TrackContext *track, int64_t now_ns)
{
    const int64_t patience_ns = recorder->environment.config->subscription_ns;
    const OutcomeCode code = track->outcome.code;
    const bool is_the_encoder = code == CODE_ENCODER_FAILED || code == CODE_ENCODER_BEHIND;
    return code == CODE_NONE || (is_the_encoder && now_ns - track->asked_ns < patience_ns);
}

/* Before anything is recorded: is there a track left that could still come? A picture that does
 * not go into the format asked for is not made up for by its sound. */
static const TrackContext *hopeless(const WebRTCRecorder *recorder, int64_t now_ns)
{
    const TrackContext *failed = NULL;
    bool has_hope = false, has_video_hope = false;
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        const TrackContext *track = recorder->tracks->pdata[i];
        if (!track->published)
            continue;
        if (may_come(recorder, track, now_ns)) {
            has_hope = true;
            has_video_hope = has_video_hope || track->kind == TRACK_VIDEO;
        } else if (!failed || track->kind == TRACK_VIDEO) {
            failed = track;
        }
    }
    if (!failed || !has_hope)
        return failed;
    const bool lost_picture = failed->kind == TRACK_VIDEO && !has_video_hope &&
                              failed->outcome.code == CODE_CODEC_UNSUPPORTED;
    return lost_picture ? failed : NULL;
}

static void check_hope(WebRTCRecorder *recorder, int64_t now_ns)
{
    if (recorder->started || recorder_is_reconnecting(recorder) || recorder->successors->len > 0)
        return;
    const TrackContext *track = hopeless(recorder, now_ns);
    if (track)
        recorder_fail(recorder, track->outcome.code, "%s", track->outcome.sentence);
}

static void refresh_sidecars(WebRTCRecorder *recorder, int64_t now_ns)
{
    if (now_ns >= recorder->sidecar_due_ns) {
        recorder->sidecar_due_ns = now_ns + SIDECAR_INTERVAL_NS;
        recorder->sidecars_left = recorder->outputs->len;
    }
    recorder_write_some_sidecars(recorder);
}

bool webrtc_recorder_is_steady(const WebRTCRecorder *recorder)
{
    const RecordingRequest *request = recorder->request;
    return recorder->state == RECORDING_RECORDING && !recorder_is_reconnecting(recorder) &&
           recorder->media_lost_ns == 0 && recorder->no_publisher_since_ns == 0 &&
           recorder->successors->len == 0 && recorder->offers.sdp == NULL &&
           recorder->sidecars_left == 0 && request->max_duration_ns == 0 && request->max_size == 0;
}

void webrtc_recorder_tick(WebRTCRecorder *recorder, int64_t now_ns)
{
    static void (*const checks[])(WebRTCRecorder * recorder, int64_t now_ns) = {
        check_connection,    recorder_check_media,      recorder_check_reconnect,
        recorder_pass_offer, recorder_admit_successors, check_publishers,
        check_tracks,        recorder_check_encoders,   recorder_check_duration,
        recorder_check_size, refresh_sidecars,
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(checks); i++) {
        if (recorder_is_ending(recorder))
            break;
        checks[i](recorder, now_ns);
    }
    if (!recorder_is_ending(recorder))
        check_hope(recorder, now_ns);
    if (recorder->state == RECORDING_STOPPING)
        recorder_check_stop_deadline(recorder, now_ns);
}
