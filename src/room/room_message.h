/* Builds the messages that a LiveKit server sends, ready for a binary WebSocket frame.
 * Thread: any. */
#pragma once

#include "room/room_roster.h"

typedef struct {
    const char *room_sid, *room_name;
    const char *participant_sid, *identity;
    bool hidden;
} RoomMessageSelf;

GBytes *room_message_join(const RoomMessageSelf *self, const RoomRoster *roster);
GBytes *room_message_reconnect(void);
/* To the room of `self`, where everybody of the roster is too. */
GBytes *room_message_moved(const RoomMessageSelf *self, const char *token,
                           const RoomRoster *roster);
/* The publisher as it is now; DISCONNECTED under `sid` when `left`. */
GBytes *room_message_update(const RosterPublisher *publisher, const char *sid, bool left);

typedef struct {
    char mid[8];
    const char *track_sid;
} RoomMessageMid;

GBytes *room_message_offer(const char *sdp, uint32_t id, const RoomMessageMid *mids,
                           unsigned mid_count);
GBytes *room_message_trickle(const char *candidate, bool final);
GBytes *room_message_leave(int action, int reason);
GBytes *room_message_pong(int64_t timestamp_ms);
GBytes *room_message_pong_response(int64_t ping_timestamp_ms);
GBytes *room_message_refresh_token(const char *token);
GBytes *room_message_permission(const char *participant_sid, const char *track_sid, bool allowed);
GBytes *room_message_subscription_error(const char *track_sid, int error);
GBytes *room_message_stream_state(const char *participant_sid, const char *track_sid, bool paused);
