/* A subscriber of the embedded room for the tests: the recorder's own signalling client and peer in
 * one object, subscribed to everything, with the packets it received.
 * Thread: main, but for what is marked. */
#pragma once

#include "room/embedded_room.h"
#include "rtp/rtcp.h"
#include "signal/signal_client.h"
#include "transport/peer.h"

typedef struct {
    uint32_t ssrc, rtx_ssrc;
    TrackKind kind;
    _Atomic uint64_t packets, repeated, bytes, reports;
    _Atomic uint32_t last_timestamp;
    _Atomic uint32_t payload_type;
} SubscriberTrack;

#define SUBSCRIBER_MAX_TRACKS 8

typedef struct {
    SignalClient *signal;
    NetThread *thread;
    Peer *peer; /* net */
    /* main */
    bool joined, failed, left;
    OutcomeCode code;
    char *sentence;
    int leave_reason;
    unsigned offers, published, unpublished, muted, unmuted, participants, participants_left;
    unsigned denied, refused, paused;
    _Atomic int state; /* PeerState; net writes */
    _Atomic uint64_t malformed_rtcp, unknown_packets, malformed_packets;
    _Atomic unsigned track_count; /* net writes */
    SubscriberTrack tracks[SUBSCRIBER_MAX_TRACKS];
} RoomSubscriber;

RoomSubscriber *room_subscriber_new(const EmbeddedRoom *room, const char *identity);
RoomSubscriber *room_subscriber_new_with(const EmbeddedRoom *room, const char *identity,
                                         const char *api_secret, const char *room_name);
void room_subscriber_free(RoomSubscriber *subscriber);

SubscriberTrack *room_subscriber_track(RoomSubscriber *subscriber, TrackKind kind);
/* Feedback about any source. */
void room_subscriber_request_keyframe(RoomSubscriber *subscriber, uint32_t ssrc);
void room_subscriber_send_nack(RoomSubscriber *subscriber, uint32_t ssrc, uint16_t sequence);

typedef bool (*SubscriberTest)(RoomSubscriber *subscriber);
/* Runs the main loop until the test holds; false after ten seconds. */
bool room_subscriber_wait(RoomSubscriber *subscriber, SubscriberTest test);
