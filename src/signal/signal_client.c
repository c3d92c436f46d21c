#include "signal/signal_client.h"

#include <libsoup/soup.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "signal/handshake.h"
#include "signal/join_failure.h"
#include "signal/join_message.h"
#include "signal/messages.h"
#include "signal/requests.h"
#include "signal/signal_client_private.h"
#include "signal/signal_guard.h"

#define PING_INTERVAL_SECONDS 5
#define PING_TIMEOUT_SECONDS 15
#define TEXT_MAX_BYTES 256
#define TOKEN_MAX_BYTES (16 * 1024)
#define MAX_MIDS 4096

/* Counted references: a callback may free the client while a message is being worked through. */
struct SignalClient {
    SignalClientOut out; /* empty when nothing is to be told any more */
    Handshake *handshake;
    SoupWebsocketConnection *connection;
    RoomView *room;
    char *token;
    char *own_sid;
    bool is_joined;

    GSource *ping_source, *join_source;
    int64_t join_timeout_ns, ping_timeout_ns;
    int64_t last_heard_ns, ping_sent_ns, ping_timestamp_ms;
    SignalStats stats;
};

static void clear_source(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

static GSource *timer(int64_t interval_ns, GSourceFunc fn, SignalClient *client)
{
    const int64_t interval_ms = CLAMP(interval_ns / NS_PER_MS, 1, 3600 * 1000);
    GSource *source = g_timeout_source_new((guint)interval_ms);
    g_source_set_callback(source, fn, client, NULL);
    g_source_attach(source, g_main_context_get_thread_default());
    return source;
}

static void send_bytes(SignalClient *client, GBytes *request)
{
    if (client->connection != NULL &&
        soup_websocket_connection_get_state(client->connection) == SOUP_WEBSOCKET_STATE_OPEN &&
        signal_guard_may_send(client->connection, g_bytes_get_size(request)))
        soup_websocket_connection_send_message(client->connection, SOUP_WEBSOCKET_DATA_BINARY,
                                               request);
    g_bytes_unref(request);
}

/* The closing handshake goes on by itself; the reference ends with it. */
static void let_go(SoupWebsocketConnection *connection)
{
    const SoupWebsocketState state = soup_websocket_connection_get_state(connection);
    if (state == SOUP_WEBSOCKET_STATE_CLOSED) {
        g_object_unref(connection);
        return;
    }
    g_signal_connect(connection, "closed", G_CALLBACK(g_object_unref), NULL);
    if (state == SOUP_WEBSOCKET_STATE_OPEN)
        soup_websocket_connection_close(connection, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
}

/* Nothing is told after it. */
static void fall_silent(SignalClient *client)
{
    client->out = (SignalClientOut){0};
    room_view_silence(client->room);
    clear_source(&client->ping_source);
    clear_source(&client->join_source);
    if (client->connection == NULL)
        return;
    g_signal_handlers_disconnect_by_data(client->connection, client);
    let_go(g_steal_pointer(&client->connection));
}

static void fail(SignalClient *client, OutcomeCode code, const char *sentence)
{
    const SignalClientOut out = client->out;
    fall_silent(client);
    if (out.failed != NULL)
        out.failed(out.owner, code, sentence, client->is_joined);
}

static void fail_lost(SignalClient *client, const char *why)
{
    const ServerUrl *url = handshake_url(client->handshake);
    g_autofree char *sentence = g_strdup_printf("The signalling connection to %s:%d was lost: %s.",
                                                url->host, url->port, why);
    fail(client, CODE_SERVER_UNREACHABLE, sentence);
}

static gboolean on_ping_timer(gpointer data)
{
    SignalClient *client = data;
    const int64_t now_ns = clock_monotonic_ns();
    if (now_ns - client->last_heard_ns >= client->ping_timeout_ns) {
        fail_lost(client, "the server no longer answers pings");
        return G_SOURCE_REMOVE;
    }
    client->ping_sent_ns = now_ns;
    client->ping_timestamp_ms = clock_wall_ns() / NS_PER_MS;
    send_bytes(client, request_ping(client->ping_timestamp_ms, client->stats.rtt_ns / NS_PER_MS));
    return G_SOURCE_CONTINUE;
}

static void start_pings(SignalClient *client, const Livekit__JoinResponse *join)
{
    const int interval = join->ping_interval > 0 ? join->ping_interval : PING_INTERVAL_SECONDS;
    const int timeout = join->ping_timeout > 0 ? join->ping_timeout : PING_TIMEOUT_SECONDS;
    client->ping_timeout_ns = CLAMP(timeout, 1, 300) * NS_PER_SECOND;
    client->ping_source = timer(CLAMP(interval, 1, 60) * NS_PER_SECOND, on_ping_timer, client);
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
        .ice_server_count = join_message_ice_servers(join, servers),
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

static void on_join(SignalClient *client, const Livekit__JoinResponse *join)
{
    if (!join_message_may_subscribe(join)) {
        send_bytes(client, request_leave());
        fail(client, CODE_SUBSCRIPTION_DENIED,
             "The access token does not let us subscribe to tracks: it needs the grant "
             "canSubscribe.");
        return;
    }
    clear_source(&client->join_source);
    client->is_joined = true;
    client->own_sid = message_text(join->participant != NULL ? join->participant->sid : "", 63);
    start_pings(client, join);
    tell_joined(client, join);
    update_participants(client, join->other_participants, join->n_other_participants);
}

static void on_offer(SignalClient *client, const Livekit__SessionDescription *offer)
{
    if (!g_str_equal(offer->type, "offer") || offer->sdp[0] == '\0') {
        client->stats.malformed++;
        return;
    }
    g_autoptr(GHashTable) mids = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < MIN(offer->n_mid_to_track_id, MAX_MIDS); i++) {
        const Livekit__SessionDescription__MidToTrackIdEntry *entry = offer->mid_to_track_id[i];
        if (message_sid_is_valid(entry->value) && message_sid_is_valid(entry->key))
            g_hash_table_insert(mids, entry->key, entry->value);
    }
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
    switch (leave->action) {
    case LIVEKIT__LEAVE_REQUEST__ACTION__RESUME:
        return LEAVE_RESUME;
    case LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT:
        return LEAVE_RECONNECT;
    case LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT:
    case _LIVEKIT__LEAVE_REQUEST__ACTION_IS_INT_SIZE:
        break;
    }
    return leave->can_reconnect ? LEAVE_RECONNECT : LEAVE_DISCONNECT;
}

static void on_leave(SignalClient *client, const Livekit__LeaveRequest *leave)
{
    const int reason = (int)leave->reason;
    if (!client->is_joined) {
        Outcome failure;
        join_failure_from_leave(handshake_url(client->handshake), reason, &failure);
        fail(client, failure.code, failure.sentence);
        return;
    }
    const SignalClientOut out = client->out;
    fall_silent(client);
    if (out.leave != NULL)
        out.leave(out.owner, leave_action(leave), reason, disconnect_reason_name(reason));
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
    const size_t length = strnlen(token, TOKEN_MAX_BYTES + 1);
    if (length == 0)
        return;
    if (length > TOKEN_MAX_BYTES || !g_str_is_ascii(token)) {
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

static void on_pong(SignalClient *client, const Livekit__Pong *pong)
{
    if (client->ping_sent_ns != 0 && pong->last_ping_timestamp == client->ping_timestamp_ms)
        client->stats.rtt_ns = clock_monotonic_ns() - client->ping_sent_ns;
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
        on_pong(client, response->pong_resp);
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
    if (response->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN)
        on_join(client, response->join);
    else if (response->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE)
        on_leave(client, response->leave);
}

static void client_clear(gpointer data)
{
    SignalClient *client = data;
    room_view_free(client->room);
    g_free(client->token);
    g_free(client->own_sid);
}

/* NULL: no binary message. */
static void take_message(SignalClient *client, const void *data, size_t size)
{
    g_rc_box_acquire(client);
    client->stats.messages++;
    client->last_heard_ns = clock_monotonic_ns();
    g_autoptr(Livekit__SignalResponse) response =
        data != NULL ? signal_response_parse(data, size) : NULL;
    if (response == NULL)
        client->stats.malformed++;
    else if (client->is_joined)
        dispatch(client, response);
    else
        dispatch_first(client, response);
    g_rc_box_release_full(client, client_clear);
}

void signal_client_inject_for_test(SignalClient *client, const void *data, size_t size)
{
    take_message(client, data, size);
}

static void on_message(SoupWebsocketConnection *connection, int type, GBytes *bytes, gpointer data)
{
    (void)connection;
    gsize size;
    const void *content = g_bytes_get_data(bytes, &size);
    take_message(data, type == SOUP_WEBSOCKET_DATA_BINARY ? content : NULL, size);
}

static void on_closed(SoupWebsocketConnection *connection, gpointer data)
{
    SignalClient *client = data;
    const unsigned code = soup_websocket_connection_get_close_code(connection);
    g_autofree char *why = NULL;
    if (signal_guard_reason(connection) != NULL)
        why = g_strdup(signal_guard_reason(connection));
    else if (code != 0)
        why = g_strdup_printf("the server closed it (WebSocket code %u)", code);
    else
        why = g_strdup("the connection broke");
    fail_lost(client, why);
}

static gboolean on_join_deadline(gpointer data)
{
    fail_lost(data, "the server opened it but did not answer the join in time");
    return G_SOURCE_REMOVE;
}

static void on_opened(void *owner, SoupWebsocketConnection *connection)
{
    SignalClient *client = owner;
    client->connection = connection;
    client->last_heard_ns = clock_monotonic_ns();
    g_signal_connect(connection, "message", G_CALLBACK(on_message), client);
    g_signal_connect(connection, "closed", G_CALLBACK(on_closed), client);
    if (client->join_timeout_ns > 0)
        client->join_source = timer(client->join_timeout_ns, on_join_deadline, client);
}

static void on_handshake_failed(void *owner, const Outcome *failure)
{
    fail(owner, failure->code, failure->sentence);
}

SignalClient *signal_client_new(const SignalClientConfig *config, SignalClientOut out,
                                RoomViewOut room_out)
{
    SignalClient *client = g_rc_box_new0(SignalClient);
    client->out = out;
    client->room = room_view_new(room_out);
    client->token = g_strdup(config->token != NULL ? config->token : "");
    client->join_timeout_ns = config->connect_timeout_ns;
    const HandshakeOut handshake_out = {
        .owner = client,
        .opened = on_opened,
        .failed = on_handshake_failed,
    };
    client->handshake = handshake_new(config, handshake_out);
    return client;
}

void signal_client_free(SignalClient *client)
{
    if (client == NULL)
        return;
    send_bytes(client, request_leave());
    fall_silent(client);
    g_clear_pointer(&client->handshake, handshake_free);
    g_rc_box_release_full(client, client_clear);
}

const RoomView *signal_client_room(const SignalClient *client)
{
    return client->room;
}

void signal_client_subscribe(SignalClient *client, const char *participant_sid,
                             const char *track_sid, bool subscribe)
{
    send_bytes(client, request_subscribe(participant_sid, track_sid, subscribe));
}

void signal_client_track_settings(SignalClient *client, const char *track_sid, bool disabled,
                                  uint32_t width, uint32_t height)
{
    send_bytes(client, request_track_settings(track_sid, disabled, width, height));
}

void signal_client_answer(SignalClient *client, const char *sdp, uint32_t id)
{
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
    return client->stats;
}
