/* Carries calls of the main thread to the subscribers' connections on the net thread, and what
 * happens there back; and hands each encoded frame to all subscribers.
 * Thread: main, unless said otherwise. Calls about an unknown id do nothing. */
#pragma once

#include "room/downlink.h"
#include "room/load_feed.h"

typedef struct {
    const char *ice_ufrag, *ice_pwd, *fingerprint;
    char **candidates; /* "candidate:...", NULL-terminated */
} MediaHubLocal;

typedef struct {
    void *owner;
    /* The connection's credentials and host candidates; borrowed. */
    void (*local)(void *owner, unsigned id, const MediaHubLocal *local);
    void (*candidate)(void *owner, unsigned id, const char *candidate); /* NULL: no more */
    void (*state)(void *owner, unsigned id, PeerState state, const char *sentence);
    void (*keyframe_wanted)(void *owner, unsigned publisher);
} MediaHubOut;

typedef struct MediaHub MediaHub;

/* The callbacks come from `context`. `script` and `clock` are borrowed. */
MediaHub *media_hub_new(GMainContext *context, const FaultScript *script, const RoomClock *clock,
                        uint32_t seed, MediaHubOut out);
/* Ends the net thread and all connections; no callback comes after it. */
void media_hub_free(MediaHub *hub);

void media_hub_connect(MediaHub *hub, unsigned id); /* `local` or `state` FAILED follows */
void media_hub_restart(MediaHub *hub, unsigned id); /* new ICE credentials: `local` follows */
void media_hub_disconnect(MediaHub *hub, unsigned id);
/* Copies. */
void media_hub_set_remote(MediaHub *hub, unsigned id, const PeerRemote *remote);
void media_hub_add_candidate(MediaHub *hub, unsigned id, const char *candidate);
/* Takes the track over. */
void media_hub_add_track(MediaHub *hub, unsigned id, DownlinkTrack *track);
void media_hub_remove_track(MediaHub *hub, unsigned id, uint32_t ssrc);

/* Any thread; takes the frame over. */
void media_hub_post_frame(MediaHub *hub, MediaFrame *frame);

/* Once: ready-made media instead of frames that are posted, for all tracks that are added from now
 * on. Takes over the array of LoadMedia*, by the publisher's index. */
void media_hub_load(MediaHub *hub, GPtrArray *media);

const DownlinkCounters *media_hub_counters(const MediaHub *hub);
LoadCounters *media_hub_load_counters(MediaHub *hub);
