/* What the server has told about a room, as a table of publishers and their publications. Each
 * update is compared with the table and the differences are reported once.
 * Thread: main. */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "flow/track.h"

struct Livekit__ParticipantInfo;

#define PUBLICATION_MAX_LAYERS 4

typedef struct {
    char *sid; /* TR_... */
    char *name, *mime_type;
    TrackKind kind;
    Codec codec;
    TrackSource source;
    bool muted;
    bool encrypted;
    bool simulcast;
    uint32_t width, height;
    struct {
        uint32_t width, height;
    } layers[PUBLICATION_MAX_LAYERS];
    unsigned layer_count;
} Publication;

typedef struct {
    char *sid; /* PA_... */
    char *identity, *name;
    uint32_t version;
    bool active;             /* state JOINED or ACTIVE */
    GPtrArray *publications; /* of Publication* */
} Participant;

typedef struct RoomView RoomView;

typedef struct {
    void *owner;
    void (*participant_joined)(void *owner, const Participant *participant);
    void (*participant_left)(void *owner, const Participant *participant);
    void (*track_published)(void *owner, const Participant *participant, const Publication *track);
    void (*track_changed)(void *owner, const Participant *participant, const Publication *track);
    void (*track_unpublished)(void *owner, const Participant *participant,
                              const Publication *track);
} RoomViewOut;

RoomView *room_view_new(RoomViewOut out);
void room_view_free(RoomView *view);

/* Takes in full snapshots of some participants. A lower or equal version of a known sid is old
 * news; a new sid under a known identity is a new session of that person, who leaves first. */
void room_view_update(RoomView *view, struct Livekit__ParticipantInfo *const *infos, size_t count);

/* Everybody leaves: we were moved to another room. */
void room_view_clear(RoomView *view);

/* No callback comes after it. */
void room_view_silence(RoomView *view);

const Participant *room_view_find(const RoomView *view, const char *identity);
const Publication *room_view_find_track(const RoomView *view, const char *track_sid,
                                        const Participant **ret_participant);
void room_view_foreach(const RoomView *view, void (*visit)(void *owner, const Participant *),
                       void *owner);

unsigned room_view_count(const RoomView *view);
/* Participants and tracks that were over a limit or made no sense. */
uint64_t room_view_refused(const RoomView *view);

/* Limits: 10,000 participants, 1,000 tracks of one of them, 10,000 of all; what is over is counted
 * and not kept, and so is a track that somebody else has. */
