#include <string.h>

#include "base/clock.h"
#include "recorder/recorder_private.h"

#define GOODBYE_PATIENCE_NS (500 * NS_PER_MS)
/* Servers keep a silent session for some 20 s; the path is asked each of these seconds. */
#define SILENT_SECONDS 3
#define REASON_SIGNAL_LOST 1 /* LiveKit's ReconnectReason */
#define REASON_MEDIA_LOST 3

static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_SECOND;
}

bool recorder_media_flow(const WebRTCRecorder *recorder)
{
    return recorder->peer_connected && recorder->media_lost_ns == 0 &&
           recorder->silent_seconds <= RECORDER_PROBED_SECONDS;
}

static bool may_resume(const WebRTCRecorder *recorder)
{
    return recorder->signal && signal_client_can_resume(recorder->signal) &&
           recorder->peer_connected && recorder->peer_state != PEER_FAILED &&
           recorder->peer_state != PEER_CLOSED;
}

void recorder_lose_connection(WebRTCRecorder *recorder, const char *why)
{
    Reconnection *reconnection = &recorder->reconnection;
    const int64_t now_ns = clock_monotonic_ns();
    g_strlcpy(recorder->reconnect_why, why, sizeof recorder->reconnect_why);
    if (reconnection->phase == RECONNECTION_NONE) {
        const int64_t begun_ns = recorder->media_lost_ns > 0 ? recorder->media_lost_ns : now_ns;
        reconnection_begin(reconnection, may_resume(recorder), g_random_double(), begun_ns);
        recorder_note(recorder, "Reconnecting: %s", why);
    } else if (reconnection->phase != RECONNECTION_WAITS) {
        reconnection_retry(reconnection, g_random_double(), now_ns);
    }
    recorder->out.unsteady(recorder->out.owner);
}

void recorder_lose_session(WebRTCRecorder *recorder, const char *why)
{
    recorder_lose_connection(recorder, why);
    reconnection_drop_session(&recorder->reconnection, clock_monotonic_ns());
}

/* ---- attempts ---- */

static void resume(WebRTCRecorder *recorder)
{
    const PeerStats *stats = &recorder->peer_stats;
    SyncChannel channels[PEER_MAX_CHANNELS];
    const unsigned count = MIN(stats->data_channels, PEER_MAX_CHANNELS);
    for (unsigned i = 0; i < count; i++) {
        g_strlcpy(channels[i].label, stats->channels[i].label, sizeof channels[i].label);
        channels[i].stream_id = stats->channels[i].stream_id;
    }
    const SignalResume how = {
        .reason = recorder->media_lost_ns > 0 ? REASON_MEDIA_LOST : REASON_SIGNAL_LOST,
        .timeout_ns = RECONNECTION_RESUME_LONGEST_NS,
        .channels = channels,
        .channel_count = count,
    };
    recorder_forget_offers(recorder);
    signal_client_resume(recorder->signal, &how);
}

static void forget_publications(WebRTCRecorder *recorder)
{
    g_ptr_array_set_size(recorder->successors, 0);
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        track->published = false;
        track->confirmed = false;
        track->on_track = false;
    }
}

/* Everything but the tracks and their timeline is made anew: publishers are met again by
 * identity and source. */
static void rejoin(WebRTCRecorder *recorder)
{
    recorder->media_lost_ns = 0;
    recorder->silent_seconds = 0;
    recorder->peer_connected = false;
    recorder->joined = false;
    forget_publications(recorder);
    recorder_forget_offers(recorder);
    net_session_reset(recorder->net);
    recorder_connect(recorder);
}

static void try(WebRTCRecorder *recorder, int64_t now_ns)
{
    if (!may_resume(recorder))
        reconnection_drop_session(&recorder->reconnection, now_ns);
    reconnection_tried(&recorder->reconnection, now_ns);
    if (recorder->reconnection.is_resume)
        resume(recorder);
    else
        rejoin(recorder);
}

static void give_up(WebRTCRecorder *recorder)
{
    recorder_fail(recorder, CODE_RECONNECT_FAILED,
                  "The connection to the room was lost and could not be made again within %.0f s: "
                  "%s",
                  seconds(recorder->reconnection.give_up_ns), recorder->reconnect_why);
}

void recorder_check_reconnect(WebRTCRecorder *recorder, int64_t now_ns)
{
    Reconnection *reconnection = &recorder->reconnection;
    if (recorder_media_flow(recorder))
        reconnection_note_media(reconnection, now_ns);
    switch (reconnection_step(reconnection, now_ns)) {
    case STEP_NOTHING:
        break;
    case STEP_TRY:
        try(recorder, now_ns);
        break;
    case STEP_TRY_AGAIN:
        recorder_lose_connection(recorder, reconnection->phase == RECONNECTION_AWAITS_MEDIA
                                               ? "the server answers but no media come."
                                               : "the server did not answer in time.");
        break;
    case STEP_GIVE_UP:
        give_up(recorder);
        break;
    }
}

/* ---- what came of them ---- */

static void be_back(WebRTCRecorder *recorder)
{
    const int64_t now_ns = clock_monotonic_ns();
    const bool is_resumed = recorder->reconnection.is_resume;
    reconnection_done(&recorder->reconnection, now_ns);
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        track->asked_ns = MAX(track->asked_ns, now_ns);
    }
    recorder_note(recorder, is_resumed ? "The connection to the room is back: the session goes on."
                                       : "The connection to the room is back, as a new session.");
}

void recorder_signal_answered(WebRTCRecorder *recorder)
{
    if (recorder->reconnection.phase != RECONNECTION_SIGNALS)
        return;
    const int64_t rtt_ns = signal_client_stats(recorder->signal).rtt_ns;
    reconnection_answered(&recorder->reconnection, rtt_ns, clock_monotonic_ns());
    if (recorder->reconnection.is_resume && recorder_media_flow(recorder))
        be_back(recorder);
}

void recorder_media_back(WebRTCRecorder *recorder)
{
    recorder->media_lost_ns = 0;
    recorder->silent_seconds = 0;
    if (recorder->reconnection.phase == RECONNECTION_AWAITS_MEDIA)
        be_back(recorder);
}

void recorder_note_silence(WebRTCRecorder *recorder, unsigned silent_seconds)
{
    const bool was_lost = recorder->silent_seconds >= SILENT_SECONDS;
    recorder->silent_seconds = silent_seconds;
    if (!recorder->peer_connected)
        return;
    if (silent_seconds >= SILENT_SECONDS && recorder->media_lost_ns == 0)
        recorder->media_lost_ns = clock_monotonic_ns() - SILENT_SECONDS * NS_PER_SECOND;
    else if (silent_seconds == 0 && was_lost && recorder->peer_state != PEER_CLOSED)
        recorder_media_back(recorder);
}

/* A server that ends the session closes the media first and says why a moment later. */
void recorder_check_media(WebRTCRecorder *recorder, int64_t now_ns)
{
    if (recorder->media_lost_ns == 0 || recorder_is_reconnecting(recorder))
        return;
    const int64_t missing_ns = now_ns - recorder->media_lost_ns;
    if (missing_ns < GOODBYE_PATIENCE_NS)
        return;
    if (recorder->silent_seconds == 0) {
        recorder_lose_connection(recorder, "the media connection was lost.");
        return;
    }
    g_autofree char *why =
        g_strdup_printf("nothing has come from the server for %.1f s.", seconds(missing_ns));
    recorder_lose_connection(recorder, why);
}
