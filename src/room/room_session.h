/* One subscriber's signalling session: the socket, what it is subscribed to and what it was told.
 * Thread: main. */
#pragma once

#include <libsoup/soup.h>

#include "room/subscriptions.h"

typedef struct {
    unsigned id;
    const char *identity; /* copied */
    bool auto_subscribe, hidden;
} RoomSessionConfig;

typedef struct {
    void *owner;
    /* Something came that was not understood. */
    void (*malformed)(void *owner);
    /* It is over; free it, but not inside the call. */
    void (*ended)(void *owner, unsigned id);
} RoomSessionOut;

typedef struct RoomSession RoomSession;

RoomSession *room_session_new(const RoomSessionConfig *config, const RoomContext *context,
                              SoupWebsocketConnection *socket, RoomSessionOut out);
void room_session_free(RoomSession *session);

unsigned room_session_id(const RoomSession *session);
const char *room_session_identity(const RoomSession *session);
const char *room_session_sid(const RoomSession *session);

/* Says on a new socket that there is no such session, and closes it. */
void room_session_refuse_resume(SoupWebsocketConnection *socket);
/* False when there is nothing to go on with. Otherwise a new socket takes the old one's place. */
bool room_session_resume(RoomSession *session, SoupWebsocketConnection *socket);

/* Tells the subscriber what changed in the roster and runs the script's faults that are due. */
void room_session_sync(RoomSession *session);
/* Says goodbye and closes. */
void room_session_leave(RoomSession *session, int action, int reason);

void room_session_local(RoomSession *session, const MediaHubLocal *local);
void room_session_candidate(RoomSession *session, const char *candidate);
void room_session_state(RoomSession *session, PeerState state, const char *sentence);
