/* What the server is told about a session that goes on over a new socket: the last offer and
 * answer, the subscriptions and the data channels (LiveKit's SyncState). Thread: main. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct SyncState SyncState;

#define SYNC_MAX_CHANNELS 8

typedef struct {
    char label[64];
    uint16_t stream_id;
} SyncChannel;

SyncState *sync_state_new(void);
void sync_state_free(SyncState *state);

void sync_state_offer(SyncState *state, const char *sdp, uint32_t id);
void sync_state_answer(SyncState *state, const char *sdp, uint32_t id);
void sync_state_subscribe(SyncState *state, const char *track_sid, bool subscribe);
void sync_state_disable(SyncState *state, const char *track_sid, bool disabled);

/* So many tracks were subscribed to that those which are gone should be forgotten. */
bool sync_state_is_large(const SyncState *state);

/* Forgets the tracks that are no longer there. */
void sync_state_prune(SyncState *state, bool (*is_there)(void *owner, const char *track_sid),
                      void *owner);

/* The request's bytes. With `auto_subscribe` the tracks are told that are not wanted, otherwise
 * those that are. */
GBytes *sync_state_request(const SyncState *state, bool auto_subscribe, const SyncChannel *channels,
                           unsigned channel_count);
