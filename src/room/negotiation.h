/* Negotiates one subscriber connection as livekit-server does: the room offers, one offer at a
 * time, sections are never removed and re-used only once they were answered inactive, and the first
 * answered section of a kind fixes its codecs for good (RFC 8829).
 * Thread: main. */
#pragma once

#include "room/media_hub.h"
#include "room/offer_writer.h"
#include "room/room_message.h"

typedef struct {
    void *owner;
    void (*offer)(void *owner, const char *sdp, uint32_t id, const RoomMessageMid *mids,
                  unsigned mid_count);
    /* The answer took it and packets may flow; or no common codec was left. */
    void (*track_started)(void *owner, const char *track_sid);
    void (*track_refused)(void *owner, const char *track_sid);
    void (*timed_out)(void *owner); /* no answer for 15 s */
} NegotiationOut;

typedef struct {
    bool wrong_fingerprint;
    bool dead_candidates;
    bool bad_first_offer;
} NegotiationFaults;

typedef struct Negotiation Negotiation;

/* Begins to connect `id` in the hub; the first offer follows its local description. */
Negotiation *negotiation_new(unsigned id, MediaHub *hub, NegotiationFaults faults,
                             NegotiationOut out);
void negotiation_free(Negotiation *negotiation);

void negotiation_set_local(Negotiation *negotiation, const MediaHubLocal *local);
/* The subscriber has a new socket: ICE is restarted, and an offer of everything follows. What was
 * out on the old one is no longer waited for. */
void negotiation_restart(Negotiation *negotiation);
/* False when the text is no usable answer. */
bool negotiation_answer(Negotiation *negotiation, const char *sdp, uint32_t id);
void negotiation_remote_candidate(Negotiation *negotiation, const char *candidate);

typedef struct {
    unsigned publisher;
    const char *identity, *participant_sid, *track_sid;
    TrackKind kind;
    Codec codec;
    MediaTimeline timeline;
} NegotiationTrack;

void negotiation_add_track(Negotiation *negotiation, const NegotiationTrack *track);
void negotiation_remove_track(Negotiation *negotiation, const char *track_sid);
/* The track goes on under another SSRC, once the next offer was answered. */
void negotiation_renew_track(Negotiation *negotiation, const char *track_sid);
bool negotiation_has_track(const Negotiation *negotiation, const char *track_sid);
