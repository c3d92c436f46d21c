#include "room/room_message.h"

#include <json-glib/json-glib.h>

#include "base/clock.h"
#include "livekit.pb-c.h"

#define SERVER_VERSION "1.13.5"
#define PROTOCOL 16
#define PING_INTERVAL 5
#define PING_TIMEOUT 15
#define MIME_MAX 32

/* One participant with everything that its message points to. */
typedef struct {
    Livekit__ParticipantInfo info;
    Livekit__TrackInfo tracks[2];
    Livekit__TrackInfo *track_list[2];
    char mime[2][MIME_MAX];
} ParticipantMessage;

static GBytes *pack(const Livekit__SignalResponse *response)
{
    const size_t size = livekit__signal_response__get_packed_size(response);
    uint8_t *const data = g_malloc(size > 0 ? size : 1);
    livekit__signal_response__pack(response, data);
    return g_bytes_new_take(data, size);
}

static int64_t now_ms(void)
{
    return clock_wall_ns() / NS_PER_MS;
}

static Livekit__TrackSource source_of(const RosterPublisher *publisher, TrackKind kind)
{
    const bool is_screen = publisher->config.screen_share;
    if (kind == TRACK_VIDEO) {
        return is_screen ? LIVEKIT__TRACK_SOURCE__SCREEN_SHARE : LIVEKIT__TRACK_SOURCE__CAMERA;
    }
    return is_screen ? LIVEKIT__TRACK_SOURCE__SCREEN_SHARE_AUDIO
                     : LIVEKIT__TRACK_SOURCE__MICROPHONE;
}

static void fill_track(ParticipantMessage *message, unsigned slot, const RosterPublisher *publisher,
                       const RosterTrack *track)
{
    Livekit__TrackInfo *const info = &message->tracks[slot];
    livekit__track_info__init(info);
    g_snprintf(message->mime[slot], MIME_MAX, "%s/%s", track_kind_name(track->kind),
               codec_name(track->codec));
    info->sid = (char *)track->sid;
    info->type =
        track->kind == TRACK_VIDEO ? LIVEKIT__TRACK_TYPE__VIDEO : LIVEKIT__TRACK_TYPE__AUDIO;
    info->name = (char *)track_kind_name(track->kind);
    info->muted = track->muted;
    info->source = source_of(publisher, track->kind);
    info->mime_type = message->mime[slot];
    info->encryption = track->encrypted ? LIVEKIT__TRACK_INFO__ENCRYPTION__GCM
                                        : LIVEKIT__TRACK_INFO__ENCRYPTION__NONE;
    info->disable_red = true;
    if (track->kind == TRACK_VIDEO && !track->hides_size) {
        info->width = track->width;
        info->height = track->height;
    }
    message->track_list[slot] = info;
}

static void fill_publisher(ParticipantMessage *message, const RosterPublisher *publisher,
                           const char *sid, bool left)
{
    livekit__participant_info__init(&message->info);
    Livekit__ParticipantInfo *const info = &message->info;
    unsigned count = 0;
    for (unsigned kind = 0; kind < 2 && !left; kind++) {
        if (publisher->tracks[kind].published) {
            fill_track(message, count++, publisher, &publisher->tracks[kind]);
        }
    }
    info->sid = (char *)sid;
    info->identity = publisher->identity;
    info->name = publisher->identity;
    info->state = left ? LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED
                       : LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE;
    info->n_tracks = count;
    info->tracks = message->track_list;
    info->joined_at = clock_wall_ns() / NS_PER_SECOND;
    info->version = publisher->version + (left ? 1 : 0);
    info->is_publisher = count > 0;
    info->disconnect_reason = left ? LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED
                                   : LIVEKIT__DISCONNECT_REASON__UNKNOWN_REASON;
}

/* Everybody there, with what the list points to. */
typedef struct {
    ParticipantMessage *messages;
    Livekit__ParticipantInfo **list;
    unsigned count;
} Everybody;

static Everybody gather_everybody(const RoomRoster *roster)
{
    const unsigned count = room_roster_count(roster);
    Everybody everybody = {
        .messages = g_new0(ParticipantMessage, count + 1),
        .list = g_new0(Livekit__ParticipantInfo *, count + 1),
    };
    for (unsigned i = 0; i < count; i++) {
        const RosterPublisher *const publisher = room_roster_publisher(roster, i);
        if (publisher->present) {
            ParticipantMessage *const message = &everybody.messages[everybody.count];
            fill_publisher(message, publisher, publisher->sid, false);
            everybody.list[everybody.count++] = &message->info;
        }
    }
    return everybody;
}

static void clear_everybody(Everybody *everybody)
{
    g_free(everybody->messages);
    g_free(everybody->list);
}

static void fill_self(const RoomMessageSelf *self, Livekit__ParticipantInfo *info,
                      Livekit__ParticipantPermission *permission)
{
    livekit__participant_info__init(info);
    livekit__participant_permission__init(permission);
    permission->can_subscribe = true;
    permission->hidden = self->hidden;
    info->sid = (char *)self->participant_sid;
    info->identity = (char *)self->identity;
    info->state = LIVEKIT__PARTICIPANT_INFO__STATE__JOINED;
    info->permission = permission;
}

static void fill_room(const RoomMessageSelf *self, unsigned present, Livekit__Room *room)
{
    livekit__room__init(room);
    room->sid = (char *)self->room_sid;
    room->name = (char *)self->room_name;
    room->num_participants = room->num_publishers = present;
}

GBytes *room_message_join(const RoomMessageSelf *self, const RoomRoster *roster)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__JoinResponse join = LIVEKIT__JOIN_RESPONSE__INIT;
    Livekit__Room room;
    Livekit__ParticipantInfo participant;
    Livekit__ParticipantPermission permission;
    Livekit__ServerInfo server = LIVEKIT__SERVER_INFO__INIT;
    Everybody others = gather_everybody(roster);
    fill_room(self, others.count, &room);
    fill_self(self, &participant, &permission);
    server.version = (char *)SERVER_VERSION;
    server.protocol = PROTOCOL;
    join.room = &room;
    join.participant = &participant;
    join.n_other_participants = others.count;
    join.other_participants = others.list;
    join.server_version = (char *)SERVER_VERSION;
    join.subscriber_primary = true;
    join.ping_interval = PING_INTERVAL;
    join.ping_timeout = PING_TIMEOUT;
    join.server_info = &server;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN;
    response.join = &join;
    GBytes *const bytes = pack(&response);
    clear_everybody(&others);
    return bytes;
}

GBytes *room_message_reconnect(void)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__ReconnectResponse reconnect = LIVEKIT__RECONNECT_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT;
    response.reconnect = &reconnect;
    return pack(&response);
}

GBytes *room_message_moved(const RoomMessageSelf *self, const char *token, const RoomRoster *roster)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__RoomMovedResponse moved = LIVEKIT__ROOM_MOVED_RESPONSE__INIT;
    Livekit__Room room;
    Livekit__ParticipantInfo participant;
    Livekit__ParticipantPermission permission;
    Everybody others = gather_everybody(roster);
    fill_room(self, others.count, &room);
    fill_self(self, &participant, &permission);
    moved.room = &room;
    moved.token = (char *)token;
    moved.participant = &participant;
    moved.n_other_participants = others.count;
    moved.other_participants = others.list;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_MOVED;
    response.room_moved = &moved;
    GBytes *const bytes = pack(&response);
    clear_everybody(&others);
    return bytes;
}

GBytes *room_message_update(const RosterPublisher *publisher, const char *sid, bool left)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__ParticipantUpdate update = LIVEKIT__PARTICIPANT_UPDATE__INIT;
    ParticipantMessage message = {0};
    Livekit__ParticipantInfo *list[] = {&message.info};
    fill_publisher(&message, publisher, sid, left);
    update.n_participants = 1;
    update.participants = list;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE;
    response.update = &update;
    return pack(&response);
}

GBytes *room_message_offer(const char *sdp, uint32_t id, const RoomMessageMid *mids,
                           unsigned mid_count)
{
    typedef Livekit__SessionDescription__MidToTrackIdEntry Entry;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    g_autofree Entry *entries = g_new0(Entry, mid_count + 1);
    g_autofree Entry **list = g_new0(Entry *, mid_count + 1);
    for (unsigned i = 0; i < mid_count; i++) {
        livekit__session_description__mid_to_track_id_entry__init(&entries[i]);
        entries[i].key = (char *)mids[i].mid;
        entries[i].value = (char *)mids[i].track_sid;
        list[i] = &entries[i];
    }
    offer.type = (char *)"offer";
    offer.sdp = (char *)sdp;
    offer.id = id;
    offer.n_mid_to_track_id = mid_count;
    offer.mid_to_track_id = list;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER;
    response.offer = &offer;
    return pack(&response);
}

static char *candidate_json(const char *candidate)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "candidate");
    json_builder_add_string_value(builder, candidate);
    json_builder_set_member_name(builder, "sdpMid");
    json_builder_add_string_value(builder, "0");
    json_builder_set_member_name(builder, "sdpMLineIndex");
    json_builder_add_int_value(builder, 0);
    json_builder_set_member_name(builder, "usernameFragment");
    json_builder_add_null_value(builder);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    return json_to_string(root, FALSE);
}

GBytes *room_message_trickle(const char *candidate, bool final)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__TrickleRequest trickle = LIVEKIT__TRICKLE_REQUEST__INIT;
    g_autofree char *json = candidate_json(candidate);
    trickle.candidate_init = json;
    trickle.target = LIVEKIT__SIGNAL_TARGET__SUBSCRIBER;
    trickle.final = final;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE;
    response.trickle = &trickle;
    return pack(&response);
}

GBytes *room_message_leave(int action, int reason)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.action = (Livekit__LeaveRequest__Action)action;
    leave.reason = (Livekit__DisconnectReason)reason;
    leave.can_reconnect = action != LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    return pack(&response);
}

GBytes *room_message_pong(int64_t timestamp_ms)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG;
    response.pong = timestamp_ms;
    return pack(&response);
}

GBytes *room_message_pong_response(int64_t ping_timestamp_ms)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__Pong pong = LIVEKIT__PONG__INIT;
    pong.last_ping_timestamp = ping_timestamp_ms;
    pong.timestamp = now_ms();
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP;
    response.pong_resp = &pong;
    return pack(&response);
}

GBytes *room_message_refresh_token(const char *token)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REFRESH_TOKEN;
    response.refresh_token = (char *)token;
    return pack(&response);
}

GBytes *room_message_permission(const char *participant_sid, const char *track_sid, bool allowed)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__SubscriptionPermissionUpdate update = LIVEKIT__SUBSCRIPTION_PERMISSION_UPDATE__INIT;
    update.participant_sid = (char *)participant_sid;
    update.track_sid = (char *)track_sid;
    update.allowed = allowed;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_PERMISSION_UPDATE;
    response.subscription_permission_update = &update;
    return pack(&response);
}

GBytes *room_message_subscription_error(const char *track_sid, int error)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__SubscriptionResponse refusal = LIVEKIT__SUBSCRIPTION_RESPONSE__INIT;
    refusal.track_sid = (char *)track_sid;
    refusal.err = (Livekit__SubscriptionError)error;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE;
    response.subscription_response = &refusal;
    return pack(&response);
}

GBytes *room_message_stream_state(const char *participant_sid, const char *track_sid, bool paused)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    Livekit__StreamStateUpdate update = LIVEKIT__STREAM_STATE_UPDATE__INIT;
    Livekit__StreamStateInfo info = LIVEKIT__STREAM_STATE_INFO__INIT;
    Livekit__StreamStateInfo *list[] = {&info};
    info.participant_sid = (char *)participant_sid;
    info.track_sid = (char *)track_sid;
    info.state =
        paused ? LIVEKIT__STREAM_STATE__STREAM_PAUSED : LIVEKIT__STREAM_STATE__STREAM_ACTIVE;
    update.n_stream_states = 1;
    update.stream_states = list;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_STREAM_STATE_UPDATE;
    response.stream_state_update = &update;
    return pack(&response);
}
