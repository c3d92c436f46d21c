#include "signal/signal_client.h"

#include <string.h>

#include "base/clock.h"
#include "signal/access_token.h"
#include "signal/join_failure.h"
#include "signal/join_message.h"
#include "signal/messages.h"
#include "signal/requests.h"
#include "signal/signal_client_private.h"
#include "signal/signal_pings.h"
#include "signal/signal_socket.h"

#define TEXT_MAX_BYTES 256

/* Counted references: a callback may free the client while a message is being worked through. */
struct SignalClient {
    SignalClientOut out;  /* empty when nothing is to be told any more */
    SignalSocket *socket; /* NULL while there is none */
    RoomView *room;
    SyncState *sync;
    char *url, *token, *ca_file;
    char *own_sid;
    bool auto_subscribe;
    bool is_joined, is_resuming; /* the first message of a new socket is awaited */
    SyncChannel channels[SYNC_MAX_CHANNELS];
    unsigned channel_count;

    SignalPings *pings; /* NULL before a join */
    int64_t answer_timeout_ns;
    SignalStats stats;
};

static void send_bytes(SignalClient *client, GBytes *request)
{
    if (client->socket != NULL)
        signal_socket_send(client->socket, request);
    else
        g_bytes_unref(request);
}

static void hang_up(SignalClient *client)
{
    if (client->pings != NULL)
        signal_pings_stop(client->pings);
    g_clear_pointer(&client->socket, signal_socket_free);
}

static void fail(SignalClient *client, SignalFailure failure, OutcomeCode code,
                 const char *sentence)
{
    hang_up(client);
    if (client->out.failed != NULL)
        client->out.failed(client->out.owner, failure, code, sentence);
}

static void fail_here(SignalClient *client, SignalFailure failure, const char *why)
{
    const ServerUrl *url = signal_socket_url(client->socket);
    g_autofree char *sentence = g_strdup_printf("The signalling connection to %s:%d was lost: %s.",
                                                url->host, url->port, why);
    fail(client, failure, CODE_SERVER_UNREACHABLE, sentence);
}

static void fail_lost(void *owner, const char *why)
{
    SignalClient *client = owner;
    const bool has_session = client->is_joined && !client->is_resuming;
    fail_here(client, has_session ? SIGNAL_LOST : SIGNAL_UNREACHABLE, why);
}

static void on_send(void *owner, GBytes *request)
{
    send_bytes(owner, request);
}

static void on_unanswered(void *owner)
{
    fail_lost(owner, "the server no longer answers pings");
}

static void tell_joined(SignalClient *client, const Livekit__JoinResponse *join)
{
    const Livekit__ParticipantInfo *self = join->participant;
    g_autofree char *room_sid = message_text(join->room != NULL ? join->room->sid : "", 63);
    g_autofree char *room_name =
        message_text(join->room != NULL ? join->room->name : "", TEXT_MAX_BYTES);
    g_autofree char *identity = message_text(self != NULL ? self->identity : "", TEXT_MAX_BYTES);
    const char *version = join->server_version;
    if (version[0] == '\0' && join->server_info != NULL)
        version = join->server_info->version;
    g_autofree char *server_version = message_text(version, 31);
    SignalIceServer servers[JOIN_MAX_ICE_SERVERS];
    const SignalJoin told = {
        .room_sid = room_sid,
        .room_name = room_name,
        .participant_sid = client->own_sid,
        .identity = identity,
        .server_version = server_version,
        .ice_servers = servers,
        .ice_server_count =
            join_message_ice_servers(join->ice_servers, join->n_ice_servers, servers),
    };
    client->out.joined(client->out.owner, &told);
}

/* An update may hold ourselves, whom the room's table does not know. */
static void update_participants(SignalClient *client, Livekit__ParticipantInfo *const *infos,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (client->own_sid[0] != '\0' && g_str_equal(infos[i]->sid, client->own_sid))
            continue;
        room_view_update(client->room, &infos[i], 1);
    }
}

/* It answered a resume with a join: a new session, which we did not ask for. */
static void refuse_new_session(SignalClient *client)
{
    send_bytes(client, request_leave());
    fail_here(client, SIGNAL_REFUSED, "the server does not know our session any more");
}

static void on_join(SignalClient *client, const Livekit__JoinResponse *join)
{
    if (client->is_resuming) {
        refuse_new_session(client);
        return;
    }
    if (!join_message_may_subscribe(join)) {
        send_bytes(client, request_leave());
        fail(client, SIGNAL_REFUSED, CODE_SUBSCRIPTION_DENIED,
             "The access token does not let us subscribe to tracks: it needs the grant "
             "canSubscribe.");
        return;
    }
    client->is_joined = true;
    client->own_sid = message_text(join->participant != NULL ? join->participant->sid : "", 63);
    client->pings = signal_pings_new(
        join, (SignalPingsOut){.owner = client, .send = on_send, .unanswered = on_unanswered});
    signal_pings_start(client->pings);
    tell_joined(client, join);
    update_participants(client, join->other_participants, join->n_other_participants);
}

static bool is_published(void *owner, const char *track_sid)
{
    return room_view_find_track(owner, track_sid, NULL) != NULL;
}

static void on_reconnect(SignalClient *client, const Livekit__ReconnectResponse *reconnect)
{
    SignalIceServer servers[JOIN_MAX_ICE_SERVERS];
    const unsigned server_count =
        join_message_ice_servers(reconnect->ice_servers, reconnect->n_ice_servers, servers);
    client->is_resuming = false;
    signal_pings_start(client->pings);
    sync_state_prune(client->sync, is_published, client->room);
    send_bytes(client, sync_state_request(client->sync, client->auto_subscribe, client->channels,
                                          client->channel_count));
    if (client->out.resumed != NULL)
        client->out.resumed(client->out.owner, servers, server_count);
}

static void on_offer(SignalClient *client, const Livekit__SessionDescription *offer)
{
    if (!g_str_equal(offer->type, "offer") || offer->sdp[0] == '\0') {
        client->stats.malformed++;
        return;
    }
    g_autoptr(GHashTable) mids = message_mids(offer);
    sync_state_offer(client->sync, offer->sdp, offer->id);
    if (client->out.offer != NULL)
        client->out.offer(client->out.owner, offer->sdp, offer->id, mids);
}

static void on_trickle(SignalClient *client, const Livekit__TrickleRequest *trickle)
{
    if (trickle->target != LIVEKIT__SIGNAL_TARGET__SUBSCRIBER)
        return;
    if (trickle->candidate_init[0] != '\0') {
        g_autofree char *candidate = candidate_init_parse(trickle->candidate_init);
        if (candidate == NULL)
            client->stats.malformed++;
        else if (client->out.candidate != NULL)
            client->out.candidate(client->out.owner, candidate);
    }
    if (trickle->final && client->out.candidate != NULL)
        client->out.candidate(client->out.owner, NULL);
}

static LeaveAction leave_action(const Livekit__LeaveRequest *leave)
{
    if (leave->action == LIVEKIT__LEAVE_REQUEST__ACTION__RESUME)
        return LEAVE_RESUME;
    if (leave->action == LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT)
        return LEAVE_RECONNECT;
    return leave->can_reconnect ? LEAVE_RECONNECT : LEAVE_DISCONNECT;
}

static void on_leave(SignalClient *client, const Livekit__LeaveRequest *leave)
{
    const int reason = (int)leave->reason;
    if (!client->is_joined) {
        Outcome failure;
        join_failure_from_leave(signal_socket_url(client->socket), reason, &failure);
        fail(client, SIGNAL_REFUSED, failure.code, failure.sentence);
        return;
    }
    hang_up(client);
    if (client->out.leave != NULL)
        client->out.leave(client->out.owner, leave_action(leave), reason,
                          disconnect_reason_name(reason));
}

static void on_room(SignalClient *client, const Livekit__Room *room)
{
    if (room == NULL || client->out.room_updated == NULL)
        return;
    g_autofree char *sid = message_text(room->sid, 63);
    g_autofree char *name = message_text(room->name, TEXT_MAX_BYTES);
    client->out.room_updated(client->out.owner, sid, name);
}

static void on_refresh_token(SignalClient *client, const char *token)
{
    if (token[0] == '\0')
        return;
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
    if (claims == NULL) {
        client->stats.malformed++;
        return;
    }
    g_free(client->token);
    client->token = g_strdup(token);
    client->stats.token_refreshes++;
}

static void on_room_moved(SignalClient *client, const Livekit__RoomMovedResponse *moved)
{
    on_refresh_token(client, moved->token);
    room_view_clear(client->room);
    if (moved->participant != NULL) {
        g_free(client->own_sid);
        client->own_sid = message_text(moved->participant->sid, 63);
    }
    on_room(client, moved->room);
    update_participants(client, moved->other_participants, moved->n_other_participants);
}

static void on_stream_states(SignalClient *client, const Livekit__StreamStateUpdate *update)
{
    for (size_t i = 0; i < update->n_stream_states; i++) {
        const Livekit__StreamStateInfo *info = update->stream_states[i];
        if (message_sid_is_valid(info->track_sid) && client->out.stream_paused != NULL)
            client->out.stream_paused(client->out.owner, info->track_sid,
                                      info->state == LIVEKIT__STREAM_STATE__STREAM_PAUSED);
    }
}

static void on_permission(SignalClient *client, const Livekit__SubscriptionPermissionUpdate *update)
{
    if (message_sid_is_valid(update->track_sid) && client->out.subscription_permission != NULL)
        client->out.subscription_permission(client->out.owner, update->track_sid, update->allowed);
}

static void on_subscription(SignalClient *client, const Livekit__SubscriptionResponse *response)
{
    if (message_sid_is_valid(response->track_sid) && client->out.subscription_failed != NULL)
        client->out.subscription_failed(client->out.owner, response->track_sid, (int)response->err);
}

static void dispatch(SignalClient *client, const Livekit__SignalResponse *response)
{
    switch (response->message_case) {
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER:
        on_offer(client, response->offer);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE:
        on_trickle(client, response->trickle);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE:
        update_participants(client, response->update->participants,
                            response->update->n_participants);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE:
        on_leave(client, response->leave);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE:
        on_room(client, response->room_update->room);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_STREAM_STATE_UPDATE:
        on_stream_states(client, response->stream_state_update);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_PERMISSION_UPDATE:
        on_permission(client, response->subscription_permission_update);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REFRESH_TOKEN:
        on_refresh_token(client, response->refresh_token);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP:
        signal_pings_pong(client->pings, response->pong_resp);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE:
        on_subscription(client, response->subscription_response);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_MOVED:
        on_room_moved(client, response->room_moved);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN: /* a second one means nothing */
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER:
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SPEAKERS_CHANGED:
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG:
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT:
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE:
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE__NOT_SET:
    case _LIVEKIT__SIGNAL_RESPONSE__MESSAGE__CASE_IS_INT_SIZE:
        break;
    }
}

static void dispatch_first(SignalClient *client, const Livekit__SignalResponse *response)
{
    const int kind = (int)response->message_case;
    if (kind == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN)
        on_join(client, response->join);
    else if (kind == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT && client->is_resuming)
        on_reconnect(client, response->reconnect);
    else if (kind == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE)
        on_leave(client, response->leave);
}

static void client_clear(gpointer data)
{
    SignalClient *client = data;
    room_view_free(client->room);
    sync_state_free(client->sync);
    signal_pings_free(client->pings);
    g_free(client->url);
    g_free(client->token);
    g_free(client->ca_file);
    g_free(client->own_sid);
}

/* NULL: no binary message. */
static void take_message(SignalClient *client, const void *data, size_t size)
{
    if (client->socket == NULL)
        return;
    g_rc_box_acquire(client);
    client->stats.messages++;
    if (client->pings != NULL)
        signal_pings_heard(client->pings);
    g_autoptr(Livekit__SignalResponse) response =
        data != NULL ? signal_response_parse(data, size) : NULL;
    if (response == NULL)
        client->stats.malformed++;
    else if (client->is_joined && !client->is_resuming)
        dispatch(client, response);
    else
        dispatch_first(client, response);
    g_rc_box_release_full(client, client_clear);
}

void signal_client_inject_for_test(SignalClient *client, const void *data, size_t size)
{
    take_message(client, data, size);
}

static void on_message(void *owner, GBytes *bytes)
{
    gsize size = 0;
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
    take_message(owner, data, size);
}

static void on_socket_failed(void *owner, const Outcome *failure, bool was_refused)
{
    fail(owner, was_refused ? SIGNAL_REFUSED : SIGNAL_UNREACHABLE, failure->code,
         failure->sentence);
}

static void open_socket(SignalClient *client, const char *resume_sid, int resume_reason)
{
    const HandshakeConfig config = {
        .url = client->url,
        .token = client->token,
        .ca_file = client->ca_file,
        .timeout_ns = client->answer_timeout_ns,
        .query = {client->auto_subscribe, resume_sid, resume_reason},
    };
    const SignalSocketOut out = {
        .owner = client,
        .message = on_message,
        .failed = on_socket_failed,
        .closed = fail_lost,
    };
    client->socket = signal_socket_new(&config, out);
}

SignalClient *signal_client_new(const SignalClientConfig *config, SignalClientOut out,
                                RoomViewOut room_out)
{
    SignalClient *client = g_rc_box_new0(SignalClient);
    client->out = out;
    client->room = room_view_new(room_out);
    client->sync = sync_state_new();
    client->url = g_strdup(config->url);
    client->token = g_strdup(config->token != NULL ? config->token : "");
    client->ca_file = g_strdup(config->ca_file);
    client->auto_subscribe = config->auto_subscribe;
    client->answer_timeout_ns = config->connect_timeout_ns;
    open_socket(client, NULL, 0);
    return client;
}

bool signal_client_can_resume(const SignalClient *client)
{
    return client->is_joined && client->own_sid[0] != '\0';
}

void signal_client_resume(SignalClient *client, const SignalResume *resume)
{
    hang_up(client);
    client->is_resuming = true;
    client->answer_timeout_ns = resume->timeout_ns;
    client->channel_count = MIN(resume->channel_count, SYNC_MAX_CHANNELS);
    for (unsigned i = 0; i < client->channel_count; i++)
        client->channels[i] = resume->channels[i];
    open_socket(client, client->own_sid, resume->reason);
}

void signal_client_free(SignalClient *client)
{
    if (client == NULL)
        return;
    client->out = (SignalClientOut){0};
    room_view_silence(client->room);
    send_bytes(client, request_leave());
    hang_up(client);
    g_rc_box_release_full(client, client_clear);
}

const RoomView *signal_client_room(const SignalClient *client)
{
    return client->room;
}

void signal_client_subscribe(SignalClient *client, const char *participant_sid,
                             const char *track_sid, bool subscribe)
{
    sync_state_subscribe(client->sync, track_sid, subscribe);
    if (sync_state_is_large(client->sync))
        sync_state_prune(client->sync, is_published, client->room);
    send_bytes(client, request_subscribe(participant_sid, track_sid, subscribe));
}

void signal_client_track_settings(SignalClient *client, const char *track_sid, bool disabled,
                                  uint32_t width, uint32_t height)
{
    sync_state_disable(client->sync, track_sid, disabled);
    send_bytes(client, request_track_settings(track_sid, disabled, width, height));
}

void signal_client_answer(SignalClient *client, const char *sdp, uint32_t id)
{
    sync_state_answer(client->sync, sdp, id);
    send_bytes(client, request_answer(sdp, id));
}

void signal_client_candidate(SignalClient *client, const char *candidate)
{
    /* the server waits for no end of our candidates */
    if (candidate != NULL && candidate[0] != '\0')
        send_bytes(client, request_candidate(candidate));
}

const char *signal_client_token(const SignalClient *client)
{
    return client->token;
}

SignalStats signal_client_stats(const SignalClient *client)
{
    SignalStats stats = client->stats;
    stats.rtt_ns = client->pings != NULL ? signal_pings_rtt_ns(client->pings) : 0;
    return stats;
}
