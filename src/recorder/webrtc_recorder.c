#include "recorder/webrtc_recorder.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "recorder/recorder_private.h"

#define RECORDER_TOKEN_SECONDS (24 * 3600)

void recorder_note(WebRTCRecorder *recorder, const char *format, ...)
{
    if (recorder->event_count == STATUS_MAX_EVENTS)
        return;
    RecorderEvent *event = &recorder->events[recorder->event_count++];
    event->at_ns = clock_monotonic_ns() - recorder->origin_ns;
    char text[OUTCOME_SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    g_vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    text_printable(text, strlen(text), event->text, sizeof event->text);
    log_info("recorder", recorder->request->mint_id, "%s", event->text);
}

int64_t recorder_wall_ns(const WebRTCRecorder *recorder)
{
    return recorder->requested_wall_ns + clock_monotonic_ns() - recorder->origin_ns;
}

void recorder_set_state(WebRTCRecorder *recorder, RecordingEvent event)
{
    const RecordingState old = recorder->state;
    const RecordingState new = states_next(old, event);
    if (new == old)
        return;
    recorder->state = new;
    log_info("recorder", recorder->request->mint_id, "State %s -> %s (%s).",
             recording_state_name(old), recording_state_name(new), recording_event_name(event));
    recorder_note_checklist(recorder);
    recorder->sidecar_due_ns = 0;
    recorder->out.state_changed(recorder->out.owner, recorder, new);
}

static bool any_track(const WebRTCRecorder *recorder, bool (*holds)(const TrackContext *track))
{
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        if (holds(recorder->tracks->pdata[i]))
            return true;
    }
    return false;
}

static bool was_asked(const TrackContext *track)
{
    return track->asked;
}

void recorder_advance(WebRTCRecorder *recorder)
{
    if (recorder->joined && recorder->peer_connected)
        recorder_set_state(recorder, EVENT_ROOM_CONNECTED);
    if (any_track(recorder, was_asked))
        recorder_set_state(recorder, EVENT_SUBSCRIBE);
    if (any_track(recorder, track_context_is_subscribed)) {
        if (recorder->state == RECORDING_SUBSCRIBING)
            recorder->subscribed_ns = clock_monotonic_ns();
        recorder_set_state(recorder, EVENT_TRACK_SUBSCRIBED);
    }
    if (recorder->started)
        recorder_set_state(recorder, EVENT_FIRST_FRAME);
}

/* ---- the net side reports ---- */

static void on_answer(void *owner, const char *sdp, uint32_t id)
{
    WebRTCRecorder *recorder = owner;
    if (recorder->signal)
        signal_client_answer(recorder->signal, sdp, id);
    recorder->offers.is_out = false;
    recorder_pass_offer(recorder, clock_monotonic_ns());
}

static void on_local_candidate(void *owner, const char *candidate)
{
    WebRTCRecorder *recorder = owner;
    if (recorder->signal)
        signal_client_candidate(recorder->signal, candidate);
}

static void peer_connected(WebRTCRecorder *recorder)
{
    recorder->peer_connected = true;
    if (recorder->connected_ns == 0)
        recorder->connected_ns = clock_monotonic_ns();
    recorder_media_back(recorder);
    recorder_advance(recorder);
}

static void peer_failed(WebRTCRecorder *recorder, int peer_error, const char *sentence)
{
    if (recorder->connected_ns > 0) {
        recorder_lose_session(recorder, sentence ? sentence : "the media connection was lost.");
        return;
    }
    OutcomeCode code = CODE_ICE_FAILED;
    if (peer_error == PEER_ERROR_DTLS)
        code = CODE_DTLS_FAILED;
    recorder_fail(recorder, code, "%s", sentence ? sentence : "No media connection came about.");
}

static void lose_media(WebRTCRecorder *recorder)
{
    if (recorder->peer_connected && recorder->media_lost_ns == 0)
        recorder->media_lost_ns = clock_monotonic_ns();
}

static void on_peer_state(void *owner, PeerState state, int peer_error, const char *sentence)
{
    WebRTCRecorder *recorder = owner;
    if (recorder_is_ending(recorder))
        return;
    recorder->peer_state = state;
    switch (state) {
    case PEER_CONNECTED:
        peer_connected(recorder);
        break;
    case PEER_FAILED:
        peer_failed(recorder, peer_error, sentence);
        break;
    case PEER_CLOSED:
        if (recorder_is_reconnecting(recorder))
            recorder_lose_session(recorder, "the server closed the media connection.");
        lose_media(recorder);
        break;
    case PEER_DISCONNECTED:
        lose_media(recorder);
        break;
    case PEER_NEW:
    case PEER_CHECKING:
    case PEER_HANDSHAKE:
        break;
    }
}

static void on_bad_offer(void *owner, const char *sentence)
{
    WebRTCRecorder *recorder = owner;
    recorder_note(recorder, "An offer of the server was not usable: %s", sentence);
    recorder->offers.is_out = false;
    recorder_pass_offer(recorder, clock_monotonic_ns());
}

static void on_track_confirmed(void *owner, unsigned track_id)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_track(recorder, track_id);
    if (!track || recorder_is_ending(recorder))
        return;
    track->confirmed = true;
    track->subscriptions++;
    recorder_advance(recorder);
}

static void on_track(void *owner, unsigned track_id)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_track(recorder, track_id);
    if (!track || recorder_is_ending(recorder))
        return;
    g_autofree char *name = recorder_track_name(track);
    log_info("recorder", recorder->request->mint_id, "Track ready: the %s.", name);
    track->on_track = true;
    recorder_advance(recorder);
}

static void on_input_changed(void *owner, unsigned track_id, const TrackInput *input)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_track(recorder, track_id);
    if (track && !recorder_is_ending(recorder))
        recorder_input_changed(recorder, track, input);
}

static void on_gap(void *owner, unsigned track_id, const TrackGap *gap)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_track(recorder, track_id);
    if (track)
        recorder_note_loss(recorder, track, gap);
}

static void on_head_correction(void *owner, unsigned track_id, const HeadCorrection *head)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_track(recorder, track_id);
    if (!track)
        return;
    OutputSlot *slot = recorder->outputs->pdata[track->output];
    if (slot->output && !slot->stopping)
        output_set_head_correction(slot->output, track_id, head->delta_ns, head->slew_start_ns,
                                   head->slew_end_ns);
}

static void on_paused(void *owner, const GatePause *pause)
{
    recorder_paused(owner, pause);
}

static void on_resumed(void *owner, const GatePause *pause)
{
    recorder_resumed(owner, pause);
}

static void on_stats(void *owner, const PeerStats *stats, unsigned silent_seconds)
{
    WebRTCRecorder *recorder = owner;
    recorder->peer_stats = *stats;
    if (recorder_is_ending(recorder))
        return;
    recorder_note_silence(recorder, silent_seconds);
    recorder_check_link(recorder);
}

static void on_net_stopped(void *owner)
{
    recorder_net_stopped(owner);
}

/* ---- connecting ---- */

static char *make_token(const WebRTCRecorder *recorder)
{
    const RecordingRequest *request = recorder->request;
    if (request->token)
        return g_strdup(request->token);
    const AccessTokenOptions options = {
        .api_key = request->api_key,
        .api_secret = request->api_secret,
        .identity = recorder->identity,
        .room = recorder->room_name, /* it may have been moved to another */
        .valid_seconds = RECORDER_TOKEN_SECONDS,
        .recorder = true,
    };
    return access_token_new(&options);
}

static bool has_expired(const char *token)
{
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
    return !claims ||
           (claims->expires_at != 0 && claims->expires_at <= clock_wall_ns() / NS_PER_SECOND);
}

void recorder_renew_token(WebRTCRecorder *recorder)
{
    char *latest = g_strdup(signal_client_token(recorder->signal));
    if (has_expired(latest) && !recorder->request->token) {
        g_free(latest);
        latest = make_token(recorder);
    }
    g_free(recorder->token);
    recorder->token = latest;
}

static void free_signal(void *owner, void *message)
{
    (void)message;
    signal_client_free(owner);
}

/* Not at once: it may be the one that is calling us. */
void recorder_leave(WebRTCRecorder *recorder)
{
    if (recorder->signal)
        mailbox_post(recorder->environment.mailbox, free_signal, g_steal_pointer(&recorder->signal),
                     NULL);
}

/* ---- life ---- */

static void read_token(WebRTCRecorder *recorder)
{
    g_autoptr(AccessTokenClaims) claims = access_token_claims(recorder->token, NULL);
    recorder->uses_recorder_token = claims && claims->recorder;
    if (recorder->request->token && claims) {
        g_free(recorder->identity);
        recorder->identity = g_strdup(claims->identity);
    }
}

WebRTCRecorder *webrtc_recorder_new(const RecorderEnvironment *environment,
                                    const RecordingRequest *request, RecorderOut out)
{
    WebRTCRecorder *recorder = g_new0(WebRTCRecorder, 1);
    recorder->environment = *environment;
    recorder->request = recording_request_copy(request);
    recorder->out = out;
    recorder->tracks = g_ptr_array_new_with_free_func((GDestroyNotify)track_context_free);
    recorder->outputs = g_ptr_array_new_with_free_func((GDestroyNotify)output_slot_free);
    recorder->successors = recorder_successors_new();
    recorder->publishers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    recorder->room_name = g_strdup(request->room);
    recorder->identity = g_strdup_printf("roomtape-%08x%08x", g_random_int(), g_random_int());
    recorder->token = make_token(recorder);
    read_token(recorder);
    return recorder;
}

void webrtc_recorder_free(WebRTCRecorder *recorder)
{
    if (!recorder)
        return;
    signal_client_free(recorder->signal);
    net_session_free(recorder->net);
    g_ptr_array_unref(recorder->outputs);
    g_ptr_array_unref(recorder->tracks);
    g_ptr_array_unref(recorder->successors);
    g_hash_table_unref(recorder->publishers);
    recording_request_free(recorder->request);
    recorder_forget_offers(recorder);
    g_free(recorder->identity);
    g_free(recorder->token);
    g_free(recorder->room_name);
    g_free(recorder->room_sid);
    g_free(recorder->server_version);
    g_free(recorder);
}

static NetSessionOut net_out(WebRTCRecorder *recorder)
{
    return (NetSessionOut){
        .owner = recorder,
        .mailbox = recorder->environment.mailbox,
        .answer = on_answer,
        .local_candidate = on_local_candidate,
        .peer_state = on_peer_state,
        .bad_offer = on_bad_offer,
        .track_confirmed = on_track_confirmed,
        .on_track = on_track,
        .input_changed = on_input_changed,
        .gap = on_gap,
        .head_correction = on_head_correction,
        .paused = on_paused,
        .resumed = on_resumed,
        .stats = on_stats,
        .stopped = on_net_stopped,
    };
}

void webrtc_recorder_start(WebRTCRecorder *recorder)
{
    const Config *config = recorder->environment.config;
    recorder->origin_ns = clock_monotonic_ns();
    recorder->requested_wall_ns = clock_wall_ns();
    layer_control_init(&recorder->layer_control);
    recorder->reconnection.give_up_ns = config->reconnect_ns;
    recorder->reconnection.answer_ns = config->connection_ns;
    const NetSessionConfig net_config = {
        .origin_ns = recorder->origin_ns,
        .pool_max_bytes = config->recording_max_bytes,
        .keyframe_timeout_ns = config->keyframe_ns,
        .seek_interval_ns = config->seek_interval_ns,
        .prefer_aes_256 = config->prefer_aes_256,
        .cname = recorder->identity,
    };
    recorder->net =
        net_session_new(recorder->environment.net_thread, &net_config, net_out(recorder));
    recorder_set_state(recorder, EVENT_START);
    recorder_connect(recorder);
}

void webrtc_recorder_stop(WebRTCRecorder *recorder, EndReason reason)
{
    if (!recorder_is_ending(recorder))
        recorder_end(recorder, reason);
}

void webrtc_recorder_discard(WebRTCRecorder *recorder)
{
    recorder->is_discarded = true;
    recorder_discard_outputs(recorder);
    webrtc_recorder_stop(recorder, END_STOPPED);
}

bool webrtc_recorder_lacks_sidecar(const WebRTCRecorder *recorder)
{
    return recorder->lacks_sidecar;
}

bool webrtc_recorder_is_discarded(const WebRTCRecorder *recorder)
{
    return recorder->is_discarded;
}

void webrtc_recorder_stood_still(WebRTCRecorder *recorder, int64_t still_ns)
{
    recorder_note(recorder, "The program was not run for %.1f s.",
                  (double)still_ns / NS_PER_SECOND);
}

const char *webrtc_recorder_mint_id(const WebRTCRecorder *recorder)
{
    return recorder->request->mint_id;
}

RecordingState webrtc_recorder_state(const WebRTCRecorder *recorder)
{
    return recorder->state;
}

int64_t webrtc_recorder_requested_ns(const WebRTCRecorder *recorder)
{
    return recorder->origin_ns;
}
