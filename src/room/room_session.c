#include "room/room_session.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "livekit.pb-c.h"
#include "room/room_admission.h"
#include "signal/access_token.h"

#define MAX_FRAME_BYTES (1024u * 1024)
#define TOKEN_SECONDS 600
#define DETACHED_SECONDS 15

struct RoomSession {
    RoomSessionConfig config;
    RoomContext context;
    RoomSessionOut out;
    char *identity, *room_name; /* it may be moved */
    char sid[ROSTER_SID_SIZE];
    SoupWebsocketConnection *socket; /* NULL once it closed */
    Subscriptions *subscriptions;    /* NULL until joined */
    int64_t joined_at_ns;
    char *last_candidate;
    bool fired[FAULT_MAX];
    bool has_ended;
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

static void close_socket(RoomSession *session)
{
    if (session->socket != NULL &&
        soup_websocket_connection_get_state(session->socket) == SOUP_WEBSOCKET_STATE_OPEN) {
        soup_websocket_connection_close(session->socket, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
    }
}

static void end(RoomSession *session)
{
    if (!session->has_ended) {
        session->has_ended = true;
        session->out.ended(session->out.owner, session->config.id);
    }
}

static void on_send(void *owner, GBytes *message)
{
    send_message(owner, message);
}

static void on_timed_out(void *owner)
{
    room_session_leave(owner, LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT,
                       LIVEKIT__DISCONNECT_REASON__UNKNOWN_REASON);
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

static char *make_token(const RoomSession *session)
{
    const AccessTokenOptions options = {
        .api_key = session->context.api_key,
        .api_secret = session->context.api_secret,
        .identity = session->identity,
        .room = session->room_name,
        .valid_seconds = TOKEN_SECONDS,
        .recorder = session->config.hidden,
    };
    return access_token_new(&options);
}

static RoomMessageSelf self_of(const RoomSession *session)
{
    return (RoomMessageSelf){
        .room_sid = session->context.room_sid,
        .room_name = session->room_name,
        .participant_sid = session->sid,
        .identity = session->identity,
        .hidden = session->config.hidden,
    };
}

static void move(RoomSession *session)
{
    g_free(session->room_name);
    session->room_name = room_moved_name(session->context.room_name);
    room_roster_make_sid("PA_", session->sid);
    g_autofree char *token = make_token(session);
    const RoomMessageSelf self = self_of(session);
    subscriptions_move(session->subscriptions);
    send_message(session, room_message_moved(&self, token, session->context.roster));
}

static void fire(RoomSession *session, const Fault *fault)
{
    if (fault->kind == FAULT_CLOSE_SOCKET) {
        drop_socket(session);
    } else if (fault->kind == FAULT_LEAVE_MESSAGE &&
               fault->leave_action == LIVEKIT__LEAVE_REQUEST__ACTION__RESUME) {
        send_message(session, room_message_leave(fault->leave_action, fault->leave_reason));
        close_socket(session);
    } else if (fault->kind == FAULT_LEAVE_MESSAGE) {
        room_session_leave(session, fault->leave_action, fault->leave_reason);
    } else if (fault->kind == FAULT_MALFORMED_SIGNAL) {
        send_broken_frames(session, fault->count);
    } else if (fault->kind == FAULT_MOVE) {
        move(session);
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
    if (session->subscriptions == NULL || session->has_ended) {
        return;
    }
    subscriptions_sync(session->subscriptions);
    fire_due(session);
}

void room_session_leave(RoomSession *session, int action, int reason)
{
    send_message(session, room_message_leave(action, reason));
    close_socket(session);
    end(session);
}

/* What the client says. */

static void on_subscription(RoomSession *session, const Livekit__UpdateSubscription *update)
{
    for (size_t i = 0; i < update->n_track_sids; i++) {
        subscriptions_want(session->subscriptions, update->track_sids[i], update->subscribe);
    }
    for (size_t i = 0; i < update->n_participant_tracks; i++) {
        const Livekit__ParticipantTracks *const tracks = update->participant_tracks[i];
        for (size_t j = 0; j < tracks->n_track_sids; j++) {
            subscriptions_want(session->subscriptions, tracks->track_sids[j], update->subscribe);
        }
    }
    room_session_sync(session);
}

/* NULL for what is no text. */
static const char *candidate_of(JsonNode *root)
{
    JsonNode *const node = json_object_get_member(json_node_get_object(root), "candidate");
    return node != NULL && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

static void on_trickle(RoomSession *session, const Livekit__TrickleRequest *trickle)
{
    g_autoptr(JsonNode) root = json_from_string(trickle->candidate_init, NULL);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
        session->out.malformed(session->out.owner);
        return;
    }
    const char *const candidate = candidate_of(root);
    if (candidate != NULL && candidate[0] != '\0') {
        negotiation_remote_candidate(subscriptions_negotiation(session->subscriptions), candidate);
    }
}

static void on_answer(RoomSession *session, const Livekit__SessionDescription *answer)
{
    if (!negotiation_answer(subscriptions_negotiation(session->subscriptions), answer->sdp,
                            answer->id)) {
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
    } else if (request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE &&
               request->sync_state->subscription != NULL) {
        on_subscription(session, request->sync_state->subscription);
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
    if (session->has_ended || session->subscriptions == NULL) {
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
    g_autofree char *token = make_token(session);
    send_message(session, room_message_refresh_token(token));
}

static void begin(RoomSession *session)
{
    const RoomMessageSelf self = self_of(session);
    send_message(session, room_message_join(&self, session->context.roster));
    send_refresh_token(session);
    const NegotiationFaults faults = {
        .wrong_fingerprint = active_fault(session, FAULT_WRONG_FINGERPRINT) != NULL,
        .dead_candidates = active_fault(session, FAULT_DEAD_CANDIDATES) != NULL,
        .bad_first_offer = active_fault(session, FAULT_BAD_OFFER) != NULL,
    };
    const SubscriptionsConfig config = {
        .id = session->config.id,
        .automatic = session->config.auto_subscribe,
        .faults = faults,
    };
    const SubscriptionsOut out = {.owner = session, .send = on_send, .timed_out = on_timed_out};
    session->subscriptions = subscriptions_new(&config, &session->context, out);
    room_session_sync(session);
}

static gboolean on_slow_join(gpointer data)
{
    RoomSession *const session = data;
    session->timer = 0;
    begin(session);
    return G_SOURCE_REMOVE;
}

static void take_socket(RoomSession *session, SoupWebsocketConnection *socket)
{
    forget_socket(session);
    session->socket = g_object_ref(socket);
    soup_websocket_connection_set_max_incoming_payload_size(socket, MAX_FRAME_BYTES);
    g_signal_connect(socket, "message", G_CALLBACK(on_message), session);
    g_signal_connect(socket, "closed", G_CALLBACK(on_closed), session);
}

void room_session_refuse_resume(SoupWebsocketConnection *socket)
{
    g_autoptr(GBytes) leave = room_message_leave(LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT,
                                                 LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH);
    soup_websocket_connection_send_message(socket, SOUP_WEBSOCKET_DATA_BINARY, leave);
    soup_websocket_connection_close(socket, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
}

bool room_session_resume(RoomSession *session, SoupWebsocketConnection *socket)
{
    if (session->subscriptions == NULL || session->has_ended) {
        return false;
    }
    if (session->timer != 0) {
        g_source_remove(session->timer);
        session->timer = 0;
    }
    take_socket(session, socket);
    send_message(session, room_message_reconnect());
    send_refresh_token(session);
    subscriptions_retell(session->subscriptions);
    negotiation_restart(subscriptions_negotiation(session->subscriptions));
    return true;
}

RoomSession *room_session_new(const RoomSessionConfig *config, const RoomContext *context,
                              SoupWebsocketConnection *socket, RoomSessionOut out)
{
    RoomSession *const session = g_new0(RoomSession, 1);
    session->config = *config;
    session->context = *context;
    session->out = out;
    session->identity = g_strdup(config->identity);
    session->config.identity = session->identity;
    room_roster_make_sid("PA_", session->sid);
    session->room_name = g_strdup(context->room_name);
    session->joined_at_ns = now_at(session);
    take_socket(session, socket);
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
    if (session->timer != 0) {
        g_source_remove(session->timer);
    }
    subscriptions_free(session->subscriptions);
    if (session->socket != NULL &&
        soup_websocket_connection_get_state(session->socket) == SOUP_WEBSOCKET_STATE_OPEN) {
        soup_websocket_connection_close(session->socket, SOUP_WEBSOCKET_CLOSE_GOING_AWAY, NULL);
    }
    forget_socket(session);
    g_free(session->last_candidate);
    g_free(session->identity);
    g_free(session->room_name);
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

const char *room_session_sid(const RoomSession *session)
{
    return session->sid;
}

void room_session_local(RoomSession *session, const MediaHubLocal *local)
{
    if (session->subscriptions != NULL) {
        negotiation_set_local(subscriptions_negotiation(session->subscriptions), local);
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

void room_session_state(RoomSession *session, PeerState state, const char *sentence)
{
    log_debug("room", session->identity, "connection: %s%s%s", peer_state_name(state),
              sentence != NULL ? ": " : "", sentence != NULL ? sentence : "");
    if (state == PEER_CONNECTED) {
        subscriptions_connected(session->subscriptions);
    }
    if (state == PEER_FAILED) {
        room_session_leave(session, LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT,
                           LIVEKIT__DISCONNECT_REASON__MEDIA_FAILURE);
    }
}
