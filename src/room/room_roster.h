/* The publishers of the room and what they publish, as the configuration and the script want it at
 * each moment of the room's clock.
 * Thread: main. */
#pragma once

#include "room/embedded_room.h"
#include "room/fault_script.h"
#include "room/media_hub.h"

#define ROSTER_SID_SIZE 20

typedef struct {
    TrackKind kind;
    bool configured;
    bool published;
    char sid[ROSTER_SID_SIZE]; /* TR_... of this publication */
    bool muted, paused, encrypted, hides_size;
    Codec codec;
    unsigned width, height;
    unsigned publications, sources;
    unsigned listeners;
} RosterTrack;

typedef struct {
    unsigned index;
    char *identity;
    EmbeddedPublisher config;
    bool present;
    char sid[ROSTER_SID_SIZE]; /* PA_... of this session */
    unsigned version;
    uint64_t serial;       /* one more with each change */
    RosterTrack tracks[2]; /* by TrackKind */
    MediaTimeline timeline;
    bool has_timeline;
    MediaSource *source;
} RosterPublisher;

typedef struct RoomRoster RoomRoster;

RoomRoster *room_roster_new(const EmbeddedRoomConfig *config, const FaultScript *script,
                            MediaHub *hub);
void room_roster_free(RoomRoster *roster);
/* Before anybody is in: the publishers' media are made now and sent by the hub over and over. */
bool room_roster_load(RoomRoster *roster, GError **error);

/* Brings everything to what it shall be at `at_ns`. */
bool room_roster_update(RoomRoster *roster, int64_t at_ns, GError **error);
/* The next moment of a publisher's plan after `at_ns`, CLOCK_NEVER if there is none. */
int64_t room_roster_next(const RoomRoster *roster, int64_t at_ns);

unsigned room_roster_count(const RoomRoster *roster);
const RosterPublisher *room_roster_publisher(const RoomRoster *roster, unsigned index);
/* NULL for a sid that is not published now. */
const RosterTrack *room_roster_find_track(const RoomRoster *roster, const char *sid,
                                          const RosterPublisher **ret_publisher);

/* Of all publishers in the room together; the number is the first one's. */
MediaSourceStats room_roster_stats(const RoomRoster *roster);

/* A subscriber begins (true) or ends to take the track. */
void room_roster_listen(RoomRoster *roster, unsigned publisher, TrackKind kind, bool listens);
void room_roster_request_keyframe(RoomRoster *roster, unsigned publisher);

/* "PA_" and twelve random characters. */
void room_roster_make_sid(const char *prefix, char ret_sid[ROSTER_SID_SIZE]);
