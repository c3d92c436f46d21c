/* The net side of one subscriber: its connection, the senders of its tracks and the path between
 * them with the script's faults.
 * Thread: net. */
#pragma once

#include "room/media_frame.h"
#include "room/media_source.h"
#include "room/packet_link.h"
#include "room/room_clock.h"
#include "room/rtp_sender.h"
#include "transport/peer.h"

typedef struct {
    _Atomic uint64_t packets_sent, packets_dropped, retransmissions;
    _Atomic uint64_t nacks, plis, receiver_reports;
} DownlinkCounters;

typedef struct {
    NetThread *thread;
    const FaultScript *script;
    const RoomClock *clock;
    uint32_t seed;
    DownlinkCounters *counters;
} DownlinkConfig;

typedef struct {
    unsigned publisher;
    char *identity; /* of the publisher */
    char *cname;
    TrackKind kind;
    uint32_t ssrc, rtx_ssrc;
    RtpSenderPayload payloads[CODEC_COUNT];
    MediaTimeline timeline;
} DownlinkTrack;

typedef struct {
    void *owner;
    void (*state)(void *owner, unsigned id, PeerState state, const GError *error);
    void (*candidate)(void *owner, unsigned id, const char *candidate);
    void (*keyframe_wanted)(void *owner, unsigned id, const DownlinkTrack *track);
} DownlinkOut;

void downlink_track_free(DownlinkTrack *track);

typedef struct Downlink Downlink;

/* Gathers at once. */
Downlink *downlink_new(unsigned id, const DownlinkConfig *config, DownlinkOut out, GError **error);
void downlink_free(Downlink *downlink);
unsigned downlink_id(const Downlink *downlink);
Peer *downlink_peer(Downlink *downlink);
/* Adds what peer_send_rtp_many() to it touches. */
void downlink_sending_memory(const Downlink *downlink, HotMemory *hot);
bool downlink_is_connected(const Downlink *downlink);

/* Takes the track over. */
void downlink_add_track(Downlink *downlink, DownlinkTrack *track);
void downlink_remove_track(Downlink *downlink, uint32_t ssrc);

/* The frame stays the caller's. */
void downlink_frame(Downlink *downlink, MediaFrame *frame, int64_t now_ns);
int64_t downlink_advance(Downlink *downlink, int64_t now_ns);
