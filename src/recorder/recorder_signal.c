#include <string.h>

#include "base/clock.h"
#include "recorder/recorder_private.h"

static bool is_loopback(const char *url)
{
    g_autofree char *host = NULL;
    if (!g_uri_split(url, G_URI_FLAGS_NONE, NULL, NULL, &host, NULL, NULL, NULL, NULL, NULL))
        return false;
    if (!host)
        return false;
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    return address ? g_inet_address_get_is_loopback(address)
                   : g_ascii_strcasecmp(host, "localhost") == 0;
}

/* TLS to a relay is not in libnice; what it would do for us, ICE-TCP to the server does too. */
static bool is_usable(const SignalIceServer *server)
{
    return !g_str_has_prefix(server->url, "turns:") && !g_str_has_prefix(server->url, "stuns:");
}

static void prepare_peer(WebRTCRecorder *recorder, const SignalIceServer *told, unsigned told_count)
{
    PeerIceServer servers[16];
    unsigned count = 0;
    for (unsigned i = 0; i < told_count && count < G_N_ELEMENTS(servers); i++) {
        if (!is_usable(&told[i]))
            continue;
        servers[count++] = (PeerIceServer){
            .url = told[i].url,
            .username = told[i].username,
            .credential = told[i].credential,
        };
    }
    net_session_prepare(recorder->net, is_loopback(recorder->request->url), servers, count);
}

static void on_joined(void *owner, const SignalJoin *join)
{
    WebRTCRecorder *recorder = owner;
    recorder->joined = true;
    g_free(recorder->room_name);
    g_free(recorder->room_sid);
    g_free(recorder->server_version);
    recorder->room_name = g_strdup(join->room_name);
    recorder->room_sid = g_strdup(join->room_sid);
    recorder->server_version = g_strdup(join->server_version);
    recorder->no_publisher_since_ns = clock_monotonic_ns();
    prepare_peer(recorder, join->ice_servers, join->ice_server_count);
    recorder_signal_answered(recorder);
    recorder_advance(recorder);
}

/* Credentials of TURN servers expire, so a long recording restarts ICE with newer ones. */
static void on_resumed(void *owner, const SignalIceServer *servers, unsigned server_count)
{
    WebRTCRecorder *recorder = owner;
    if (recorder_is_ending(recorder))
        return;
    if (server_count > 0)
        prepare_peer(recorder, servers, server_count);
    recorder_signal_answered(recorder);
}

/* Ten a second, after twenty at once: a server makes one for each publisher that comes or goes, and
 * waits for the answer. */
#define OFFER_INTERVAL_NS (100 * NS_PER_MS)
#define OFFER_BURST_NS (2 * NS_PER_SECOND)

void recorder_forget_offers(WebRTCRecorder *recorder)
{
    g_clear_pointer(&recorder->offers.sdp, g_free);
    recorder->offers.is_out = false;
}

void recorder_pass_offer(WebRTCRecorder *recorder, int64_t now_ns)
{
    OfferGate *offers = &recorder->offers;
    if (offers->sdp == NULL || offers->is_out || now_ns < offers->due_ns)
        return;
    offers->due_ns = MAX(offers->due_ns, now_ns - OFFER_BURST_NS) + OFFER_INTERVAL_NS;
    offers->is_out = true;
    net_session_offer(recorder->net, offers->sdp, offers->id);
    g_clear_pointer(&offers->sdp, g_free);
}

static void on_offer(void *owner, const char *sdp, uint32_t id, GHashTable *mids)
{
    (void)mids;
    WebRTCRecorder *recorder = owner;
    OfferGate *offers = &recorder->offers;
    const int64_t now_ns = clock_monotonic_ns();
    if (recorder_is_ending(recorder))
        return;
    if (offers->sdp != NULL && now_ns < offers->due_ns && !offers->is_told) {
        offers->is_told = true;
        recorder_note(recorder, "The server makes more than ten offers a second; of those that "
                                "wait only the newest is answered.");
    }
    g_free(offers->sdp);
    offers->sdp = g_strdup(sdp);
    offers->id = id;
    recorder_pass_offer(recorder, now_ns);
    if (offers->sdp)
        recorder->out.unsteady(recorder->out.owner);
}

static void on_candidate(void *owner, const char *candidate)
{
    WebRTCRecorder *recorder = owner;
    const bool is_last = !candidate || *candidate == '\0';
    if (!recorder_is_ending(recorder))
        net_session_candidate(recorder->net, is_last ? NULL : candidate);
}

static void on_room_updated(void *owner, const char *room_sid, const char *name)
{
    WebRTCRecorder *recorder = owner;
    if (room_sid && *room_sid) {
        g_free(recorder->room_sid);
        recorder->room_sid = g_strdup(room_sid);
    }
    if (name && *name) {
        g_free(recorder->room_name);
        recorder->room_name = g_strdup(name);
    }
}

static void on_subscription_failed(void *owner, const char *track_sid, int error)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_find_track(recorder, track_sid);
    if (!track || recorder_is_ending(recorder))
        return;
    g_autofree char *name = recorder_track_name(track);
    if (error == 1)
        recorder_fail_track(recorder, track, CODE_CODEC_UNSUPPORTED,
                            "The server has no codec in common with us for the %s.", name);
    else
        recorder_fail_track(recorder, track, CODE_SUBSCRIPTION_TIMEOUT,
                            "The server could not subscribe us to the %s (error %d).", name, error);
}

static void on_subscription_permission(void *owner, const char *track_sid, bool allowed)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_find_track(recorder, track_sid);
    if (!track || recorder_is_ending(recorder))
        return;
    if (allowed) {
        if (track->outcome.code != CODE_SUBSCRIPTION_DENIED)
            return;
        track->outcome = (Outcome){0};
        recorder_subscribe(recorder, track);
        return;
    }
    g_autofree char *name = recorder_track_name(track);
    recorder_fail_track(recorder, track, CODE_SUBSCRIPTION_DENIED,
                        "The publisher does not permit us to subscribe to the %s; join with a "
                        "recorder token or have the permission changed.",
                        name);
}

static void on_stream_paused(void *owner, const char *track_sid, bool paused)
{
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_find_track(recorder, track_sid);
    if (!track || recorder_is_ending(recorder))
        return;
    track->paused = paused;
    track->asked_ns = clock_monotonic_ns();
    recorder_note(recorder, "The server %s the %s of %s.", paused ? "paused" : "resumed",
                  track_source_name(track->source), track->identity);
}

enum {
    REASON_DUPLICATE_IDENTITY = 2,
    REASON_SERVER_SHUTDOWN = 3,
    REASON_REMOVED = 4,
    REASON_ROOM_DELETED = 5,
    REASON_STATE_MISMATCH = 6,
    REASON_ROOM_CLOSED = 10
};

static void on_leave(void *owner, LeaveAction action, int reason, const char *reason_name)
{
    WebRTCRecorder *recorder = owner;
    if (recorder_is_ending(recorder))
        return;
    if (action == LEAVE_RESUME) {
        recorder_lose_connection(recorder, "the server asked us to connect again.");
        return;
    }
    if (action == LEAVE_RECONNECT || reason == REASON_SERVER_SHUTDOWN ||
        reason == REASON_STATE_MISMATCH) {
        recorder_lose_session(recorder,
                              "the server has ended our session and asked us to join anew.");
        return;
    }
    if (reason == REASON_ROOM_DELETED || reason == REASON_ROOM_CLOSED) {
        recorder_end(recorder, END_ROOM_CLOSED);
        return;
    }
    if (reason == REASON_REMOVED && recorder->started) {
        recorder_end(recorder, END_REMOVED);
        return;
    }
    if (reason == REASON_DUPLICATE_IDENTITY) {
        recorder_fail(recorder, CODE_DUPLICATE_IDENTITY,
                      "Somebody else joined the room as '%s' and took our place; give each "
                      "recording a token with an identity of its own.",
                      recorder->identity ? recorder->identity : "");
        return;
    }
    recorder->end_reason = END_REMOVED;
    recorder_fail(recorder, CODE_REMOVED_FROM_ROOM,
                  "The server removed the recorder from the room (%s).", reason_name);
}

static void on_signal_failed(void *owner, SignalFailure failure, OutcomeCode code,
                             const char *sentence)
{
    WebRTCRecorder *recorder = owner;
    if (recorder_is_ending(recorder))
        return;
    if (failure != SIGNAL_LOST && !recorder_is_reconnecting(recorder))
        recorder_fail(recorder, code, "%s", sentence);
    else if (failure == SIGNAL_REFUSED && !recorder_media_flow(recorder))
        recorder_lose_session(recorder, sentence);
    else
        recorder_lose_connection(recorder, sentence);
}

static SignalClientOut signal_out(WebRTCRecorder *recorder)
{
    return (SignalClientOut){
        .owner = recorder,
        .joined = on_joined,
        .resumed = on_resumed,
        .offer = on_offer,
        .candidate = on_candidate,
        .room_updated = on_room_updated,
        .subscription_failed = on_subscription_failed,
        .subscription_permission = on_subscription_permission,
        .stream_paused = on_stream_paused,
        .leave = on_leave,
        .failed = on_signal_failed,
    };
}

void recorder_connect(WebRTCRecorder *recorder)
{
    if (recorder->signal)
        recorder_renew_token(recorder);
    g_clear_pointer(&recorder->signal, signal_client_free);
    const SignalClientConfig config = {
        .url = recorder->request->url,
        .token = recorder->token,
        .ca_file = recorder->request->ca_file,
        .connect_timeout_ns = recorder->environment.config->connection_ns,
    };
    recorder->signal =
        signal_client_new(&config, signal_out(recorder), recorder_room_view_out(recorder));
}
