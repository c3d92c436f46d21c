/* What all sessions of a room share; borrowed from it.
 * Thread: main. */
#pragma once

#include "room/media_hub.h"
#include "room/room_roster.h"

typedef struct {
    RoomRoster *roster;
    MediaHub *hub;
    const FaultScript *script;
    const RoomClock *clock;
    const char *room_sid, *room_name;
    const char *api_key, *api_secret;
} RoomContext;
