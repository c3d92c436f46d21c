#include "room/room_session.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "livekit.pb-c.h"
#include "signal/access_token.h"

#define MAX_FRAME_BYTES (1024u * 1024)
#define TOKEN_SECONDS 600
#define DETACHED_SECONDS 15
#define MAX_WANTED 10000u

/* What the subscriber was told of one publisher. */
typedef struct {
    char sid[ROSTER_SID_SIZE]; /* empty = nothing */
    uint64_t serial;
    char track_sids[2][ROSTER_SID_SIZE]; /* subscribed publications by kind; empty = none */
    bool started[2];                     /* negotiated */
    bool listening[2];                   /* packets can flow: counted in the roster */
    bool paused[2];
} KnownPublisher;

struct RoomSession {
    RoomSessionConfig config;
    RoomSessionContext context;
    RoomSessionOut out;
    char *identity;
    char sid[ROSTER_SID_SIZE];
    SoupWebsocketConnection *socket; /* NULL once it closed */
    Negotiation *negotiation;        /* NULL until joined */
    KnownPublisher *known;
    GHashTable *wanted;  /* track sids asked for */
    GHashTable *refused; /* track sids that were answered with a refusal */
    int64_t joined_at_ns;
    char *last_candidate;
    bool fired[FAULT_MAX];
    bool has_ended, is_connected;
    guint timer; /* slow join, or the time until a detached session ends */
};

static int64_t now_at(const RoomSession *session)
{
    return room_clock_at(session->context.clock, clock_monotonic_ns());
}

static const Fault *active_fault(const RoomSession *session, FaultKind kind)
{
    return fault_script_find(session->context.script, kind, now_at(session));
}

static void send_message(RoomSession *session, GBytes *message)
{
    g_autoptr(GBytes) owned = message;
    if (session->socket != NULL &&
        soup_websocket_connection_get_state(session->socket) == SOUP_WEBSOCKET_STATE_OPEN) {
        soup_websocket_connection_send_message(session->socket, SOUP_WEBSOCKET_DATA_BINARY, owned);
    }
}

static void end(RoomSession *session)
{
    if (!session->has_ended) {
        session->has_ended = true;
        session->out.ended(session->out.owner, session->config.id);
    }
}

/* Negotiation's callbacks. */

static void on_offer(void *owner, const char *sdp, uint32_t id, const RoomMessageMid *mids,
                     unsigned mid_count)
{
    send_message(owner, room_message_offer(sdp, id, mids, mid_count));
}

static KnownPublisher *find_known(RoomSession *session, const char *track_sid,
                                  unsigned *ret_publisher, TrackKind *ret_kind)
{
    for (unsigned i = 0; i < room_roster_count(session->context.roster); i++) {
        for (unsigned kind = 0; kind < 2; kind++) {
            if (strcmp(session->known[i].track_sids[kind], track_sid) == 0) {
                *ret_publisher = i;
                *ret_kind = (TrackKind)kind;
                return &session->known[i];
            }
        }
    }
    return NULL;
}

static void set_listening(RoomSession *session, unsigned publisher, TrackKind kind, bool listens)
{
    KnownPublisher *const known = &session->known[publisher];
    if (known->listening[kind] != listens) {
        known->listening[kind] = listens;
        room_roster_listen(session->context.roster, publisher, kind, listens);
    }
}

static void on_track_started(void *owner, const char *track_sid)
{
    RoomSession *const session = owner;
    unsigned publisher = 0;
    TrackKind kind = TRACK_AUDIO;
    KnownPublisher *const known = find_known(session, track_sid, &publisher, &kind);
    if (known != NULL) {
        known->started[kind] = true;
        set_listening(session, publisher, kind, session->is_connected);
    }
}

static void on_track_refused(void *owner, const char *track_sid)
{
    send_message(owner, room_message_subscription_error(
                            track_sid, LIVEKIT__SUBSCRIPTION_ERROR__SE_CODEC_UNSUPPORTED));
}

static void on_timed_out(void *owner)
{
    room_session_leave(owner, LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT,
                       LIVEKIT__DISCONNECT_REASON__UNKNOWN_REASON);
}

/* Subscriptions. */

static bool is_wanted(const RoomSession *session, const RosterTrack *track)
{
    return session->config.auto_subscribe || g_hash_table_contains(session->wanted, track->sid);
}

/* True when the script lets the subscription through. */
static bool is_permitted(RoomSession *session, const RosterPublisher *publisher,
                         const RosterTrack *track)
{
    const int64_t at_ns = now_at(session);
    const FaultScript *const script = session->context.script;
    const char *const identity = publisher->identity;
    if (fault_script_find_for(script, FAULT_NO_SUBSCRIBE_ANSWER, identity, track->kind, at_ns)) {
        return false;
    }
    const bool is_denied =
        fault_script_find_for(script, FAULT_DENY, identity, track->kind, at_ns) != NULL;
    const Fault *const failed =
        fault_script_find_for(script, FAULT_SUBSCRIPTION_ERROR, identity, track->kind, at_ns);
    const bool was_refused = g_hash_table_contains(session->refused, track->sid);
    if (is_denied && !was_refused) {
        send_message(session, room_message_permission(publisher->sid, track->sid, false));
    } else if (failed != NULL && !was_refused) {
        send_message(session, room_message_subscription_error(track->sid, (int)failed->count));
    } else if (!is_denied && failed == NULL && was_refused) {
        send_message(session, room_message_permission(publisher->sid, track->sid, true));
        g_hash_table_remove(session->refused, track->sid);
    }
    if (is_denied || failed != NULL) {
        g_hash_table_add(session->refused, g_strdup(track->sid));
    }
    return !is_denied && failed == NULL;
}

static void subscribe(RoomSession *session, const RosterPublisher *publisher,
                      const RosterTrack *track)
{
    const NegotiationTrack added = {
        .publisher = publisher->index,
        .identity = publisher->identity,
        .participant_sid = publisher->sid,
        .track_sid = track->sid,
        .kind = track->kind,
        .codec = track->codec,
        .timeline = publisher->timeline,
    };
    memcpy(session->known[publisher->index].track_sids[track->kind], track->sid, ROSTER_SID_SIZE);
    negotiation_add_track(session->negotiation, &added);
}

static void unsubscribe(RoomSession *session, unsigned publisher, TrackKind kind)
{
    KnownPublisher *const known = &session->known[publisher];
    if (known->track_sids[kind][0] == '\0') {
        return;
    }
    known->started[kind] = false;
    set_listening(session, publisher, kind, false);
    negotiation_remove_track(session->negotiation, known->track_sids[kind]);
    known->track_sids[kind][0] = '\0';
}

static void sync_track(RoomSession *session, const RosterPublisher *publisher,
                       const RosterTrack *track)
{
    KnownPublisher *const known = &session->known[publisher->index];
    const char *const has = known->track_sids[track->kind];
    const bool wants = track->published && is_wanted(session, track);
    if (has[0] != '\0' && (!wants || strcmp(has, track->sid) != 0)) {
        unsubscribe(session, publisher->index, track->kind);
    }
    if (wants && has[0] == '\0' && is_permitted(session, publisher, track)) {
        subscribe(session, publisher, track);
    }
    if (has[0] != '\0' && known->paused[track->kind] != track->paused) {
        known->paused[track->kind] = track->paused;
        send_message(session, room_message_stream_state(publisher->sid, track->sid, track->paused));
    }
}

static void tell_publisher(RoomSession *session, const RosterPublisher *publisher)
{
    KnownPublisher *const known = &session->known[publisher->index];
    if (known->sid[0] != '\0' && (!publisher->present || strcmp(known->sid, publisher->sid) != 0)) {
        send_message(session, room_message_update(publisher, known->sid, true));
        known->sid[0] = '\0';
    }
    if (publisher->present) {
        send_message(session, room_message_update(publisher, publisher->sid, false));
        memcpy(known->sid, publisher->sid, ROSTER_SID_SIZE);
    }
    known->serial = publisher->serial;
}

static void sync_publisher(RoomSession *session, const RosterPublisher *publisher)
{
    if (session->known[publisher->index].serial != publisher->serial) {
        tell_publisher(session, publisher);
    }
    for (unsigned kind = 0; kind < 2; kind++) {
        sync_track(session, publisher, &publisher->tracks[kind]);
    }
}

/* Faults that happen once to each session that is there at their moment; to all without one. */

static void send_broken_frames(RoomSession *session, unsigned count)
{
    if (session->socket == NULL) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        static const uint8_t CUT[] = {0x2a, 0x40, 0x0a, 0x7f, 0x0a, 0x10, 'P', 'A'};
        uint8_t noise[64];
        for (size_t j = 0; j < sizeof noise; j++) {
            noise[j] = (uint8_t)g_random_int();
        }
        noise[0] = 0xff;
        soup_websocket_connection_send_binary(session->socket, CUT, sizeof CUT);
        soup_websocket_connection_send_binary(session->socket, noise, sizeof noise);
        soup_websocket_connection_send_text(session->socket, "{\"update\": [");
    }
}

static void drop_socket(RoomSession *session)
{
    if (session->socket == NULL) {
        return;
    }
    GIOStream *const stream = soup_websocket_connection_get_io_stream(session->socket);
    g_io_stream_close(stream, NULL, NULL);
    soup_websocket_connection_close(session->socket, SOUP_WEBSOCKET_CLOSE_GOING_AWAY, NULL);
}

static void fire(RoomSession *session, const Fault *fault)
{
    if (fault->kind == FAULT_CLOSE_SOCKET) {
        drop_socket(session);
    } else if (fault->kind == FAULT_LEAVE_MESSAGE) {
        room_session_leave(session, fault->leave_action, fault->leave_reason);
    } else if (fault->kind == FAULT_MALFORMED_SIGNAL) {
        send_broken_frames(session, fault->count);
    }
}

static void fire_due(RoomSession *session)
{
    const FaultScript *const script = session->context.script;
    const int64_t at_ns = now_at(session);
    for (unsigned i = 0; i < script->count && !session->has_ended; i++) {
        const Fault *const fault = &script->faults[i];
        const bool is_ours = fault->start_ns == 0 || fault->start_ns >= session->joined_at_ns;
        if (!session->fired[i] && at_ns >= fault->start_ns && is_ours) {
            session->fired[i] = true;
            fire(session, fault);
        }
    }
}

void room_session_sync(RoomSession *session)
{
    if (session->negotiation == NULL || session->has_ended) {
        return;
    }
    for (unsigned i = 0; i < room_roster_count(session->context.roster); i++) {
        sync_publisher(session, room_roster_publisher(session->context.roster, i));
    }
    fire_due(session);
}

void room_session_leave(RoomSession *session, int action, int reason)
{
    send_message(session, room_message_leave(action, reason));
    if (session->socket != NULL &&
        soup_websocket_connection_get_state(session->socket) == SOUP_WEBSOCKET_STATE_OPEN) {
        soup_websocket_connection_close(session->socket, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
    }
    end(session);
}

/* What the client says. */

static void want(RoomSession *session, const char *track_sid, bool subscribes)
{
    if (!subscribes) {
        g_hash_table_remove(session->wanted, track_sid);
    } else if (g_hash_table_size(session->wanted) < MAX_WANTED) {
        g_hash_table_add(session->wanted, g_strdup(track_sid));
    }
}

static void on_subscription(RoomSession *session, const Livekit__UpdateSubscription *update)
{
    for (size_t i = 0; i < update->n_track_sids; i++) {
        want(session, update->track_sids[i], update->subscribe);
    }
    for (size_t i = 0; i < update->n_participant_tracks; i++) {
        const Livekit__ParticipantTracks *const tracks = update->participant_tracks[i];
        for (size_t j = 0; j < tracks->n_track_sids; j++) {
            want(session, tracks->track_sids[j], update->subscribe);
        }
    }
    room_session_sync(session);
}

static void on_trickle(RoomSession *session, const Livekit__TrickleRequest *trickle)
{
    g_autoptr(JsonNode) root = json_from_string(trickle->candidate_init, NULL);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
        session->out.malformed(session->out.owner);
        return;
    }
    const char *const candidate =
        json_object_get_string_member_with_default(json_node_get_object(root), "candidate", "");
    if (candidate[0] != '\0') {
        negotiation_remote_candidate(session->negotiation, candidate);
    }
}

static void on_answer(RoomSession *session, const Livekit__SessionDescription *answer)
{
    if (!negotiation_answer(session->negotiation, answer->sdp, answer->id)) {
        session->out.malformed(session->out.owner);
    }
}

static void handle(RoomSession *session, const Livekit__SignalRequest *request)
{
    if (request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER) {
        on_answer(session, request->answer);
    } else if (request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRICKLE) {
        on_trickle(session, request->trickle);
    } else if (request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION) {
        on_subscription(session, request->subscription);
    } else if (request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING) {
        send_message(session, room_message_pong(clock_wall_ns() / NS_PER_MS));
    } else if (request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ) {
        send_message(session, room_message_pong_response(request->ping_req->timestamp));
    } else if (request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE) {
        end(session);
    }
}

static void on_message(SoupWebsocketConnection *socket, int type, GBytes *message, void *data)
{
    RoomSession *const session = data;
    (void)socket;
    if (session->has_ended || session->negotiation == NULL) {
        return;
    }
    gsize size = 0;
    const uint8_t *const bytes = g_bytes_get_data(message, &size);
    Livekit__SignalRequest *const request = type == SOUP_WEBSOCKET_DATA_BINARY
                                                ? livekit__signal_request__unpack(NULL, size, bytes)
                                                : NULL;
    if (request == NULL) {
        session->out.malformed(session->out.owner);
        return;
    }
    handle(session, request);
    livekit__signal_request__free_unpacked(request, NULL);
}

static gboolean on_detached_too_long(gpointer data)
{
    RoomSession *const session = data;
    session->timer = 0;
    end(session);
    return G_SOURCE_REMOVE;
}

static void forget_socket(RoomSession *session)
{
    if (session->socket != NULL) {
        g_signal_handlers_disconnect_by_data(session->socket, session);
        g_clear_object(&session->socket);
    }
}

/* As on the SFU, media goes on for a while when only the socket is gone. */
static void on_closed(SoupWebsocketConnection *socket, void *data)
{
    RoomSession *const session = data;
    (void)socket;
    forget_socket(session);
    if (session->has_ended) {
        return;
    }
    if (session->timer != 0) {
        g_source_remove(session->timer);
    }
    session->timer = g_timeout_add_seconds(DETACHED_SECONDS, on_detached_too_long, session);
}

static void send_refresh_token(RoomSession *session)
{
    const AccessTokenOptions options = {
        .api_key = session->context.api_key,
        .api_secret = session->context.api_secret,
        .identity = session->identity,
        .room = session->context.room_name,
        .valid_seconds = TOKEN_SECONDS,
        .recorder = session->config.hidden,
    };
    g_autofree char *token = access_token_new(&options);
    send_message(session, room_message_refresh_token(token));
}

static void begin(RoomSession *session)
{
    const RoomMessageSelf self = {
        .room_sid = session->context.room_sid,
        .room_name = session->context.room_name,
        .participant_sid = session->sid,
        .identity = session->identity,
        .hidden = session->config.hidden,
    };
    send_message(session, room_message_join(&self, session->context.roster));
    send_refresh_token(session);
    for (unsigned i = 0; i < room_roster_count(session->context.roster); i++) {
        const RosterPublisher *const publisher = room_roster_publisher(session->context.roster, i);
        session->known[i].serial = publisher->serial;
        if (publisher->present) {
            memcpy(session->known[i].sid, publisher->sid, ROSTER_SID_SIZE);
        }
    }
    const NegotiationFaults faults = {
        .wrong_fingerprint = active_fault(session, FAULT_WRONG_FINGERPRINT) != NULL,
        .dead_candidates = active_fault(session, FAULT_DEAD_CANDIDATES) != NULL,
        .bad_first_offer = active_fault(session, FAULT_BAD_OFFER) != NULL,
    };
    const NegotiationOut out = {
        .owner = session,
        .offer = on_offer,
        .track_started = on_track_started,
        .track_refused = on_track_refused,
        .timed_out = on_timed_out,
    };
    session->negotiation = negotiation_new(session->config.id, session->context.hub, faults, out);
    room_session_sync(session);
}

static gboolean on_slow_join(gpointer data)
{
    RoomSession *const session = data;
    session->timer = 0;
    begin(session);
    return G_SOURCE_REMOVE;
}

RoomSession *room_session_new(const RoomSessionConfig *config, const RoomSessionContext *context,
                              SoupWebsocketConnection *socket, RoomSessionOut out)
{
    RoomSession *const session = g_new0(RoomSession, 1);
    session->config = *config;
    session->context = *context;
    session->out = out;
    session->identity = g_strdup(config->identity);
    session->config.identity = session->identity;
    room_roster_make_sid("PA_", session->sid);
    session->socket = g_object_ref(socket);
    session->known = g_new0(KnownPublisher, room_roster_count(context->roster) + 1);
    session->wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    session->refused = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    session->joined_at_ns = now_at(session);
    soup_websocket_connection_set_max_incoming_payload_size(socket, MAX_FRAME_BYTES);
    g_signal_connect(socket, "message", G_CALLBACK(on_message), session);
    g_signal_connect(socket, "closed", G_CALLBACK(on_closed), session);
    const Fault *const slow = active_fault(session, FAULT_SLOW_JOIN);
    if (active_fault(session, FAULT_NO_JOIN) != NULL) {
        return session;
    }
    if (slow != NULL) {
        session->timer = g_timeout_add((guint)(slow->time_ns / NS_PER_MS), on_slow_join, session);
    } else {
        begin(session);
    }
    return session;
}

void room_session_free(RoomSession *session)
{
    if (session == NULL) {
        return;
    }
    session->has_ended = true;
    for (unsigned i = 0; i < room_roster_count(session->context.roster); i++) {
        set_listening(session, i, TRACK_AUDIO, false);
        set_listening(session, i, TRACK_VIDEO, false);
    }
    if (session->timer != 0) {
        g_source_remove(session->timer);
    }
    negotiation_free(session->negotiation);
    if (session->socket != NULL &&
        soup_websocket_connection_get_state(session->socket) == SOUP_WEBSOCKET_STATE_OPEN) {
        soup_websocket_connection_close(session->socket, SOUP_WEBSOCKET_CLOSE_GOING_AWAY, NULL);
    }
    forget_socket(session);
    g_hash_table_unref(session->wanted);
    g_hash_table_unref(session->refused);
    g_free(session->known);
    g_free(session->last_candidate);
    g_free(session->identity);
    g_free(session);
}

unsigned room_session_id(const RoomSession *session)
{
    return session->config.id;
}

const char *room_session_identity(const RoomSession *session)
{
    return session->identity;
}

void room_session_local(RoomSession *session, const MediaHubLocal *local)
{
    if (session->negotiation != NULL) {
        negotiation_set_local(session->negotiation, local);
    }
}

void room_session_candidate(RoomSession *session, const char *candidate)
{
    if (active_fault(session, FAULT_DEAD_CANDIDATES) != NULL) {
        return;
    }
    /* Each waits for the next, so that the last can be marked; clients take no empty one. */
    if (session->last_candidate != NULL) {
        send_message(session, room_message_trickle(session->last_candidate, candidate == NULL));
    }
    g_free(session->last_candidate);
    session->last_candidate = g_strdup(candidate);
}

/* Listening begins with the connection, so that the first picture encoded is one that arrives. */
static void listen_to_all(RoomSession *session)
{
    session->is_connected = true;
    for (unsigned i = 0; i < room_roster_count(session->context.roster); i++) {
        set_listening(session, i, TRACK_AUDIO, session->known[i].started[TRACK_AUDIO]);
        set_listening(session, i, TRACK_VIDEO, session->known[i].started[TRACK_VIDEO]);
    }
}

void room_session_state(RoomSession *session, PeerState state, const char *sentence)
{
    log_debug("room", session->identity, "connection: %s%s%s", peer_state_name(state),
              sentence != NULL ? ": " : "", sentence != NULL ? sentence : "");
    if (state == PEER_CONNECTED) {
        listen_to_all(session);
    }
    if (state == PEER_FAILED) {
        room_session_leave(session, LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT,
                           LIVEKIT__DISCONNECT_REASON__MEDIA_FAILURE);
    }
}
