/* The path to one subscriber: passes packets on, or loses, delays, doubles and breaks them as the
 * script says.
 * Thread: net. Allocates for delayed packets only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "room/fault_script.h"

#define PACKET_LINK_MAX_PACKET 1500u

typedef struct {
    void *owner;
    /* `packet` has room for PEER_TRAILER more bytes. False when it could not be sent. */
    bool (*send)(void *owner, uint8_t *packet, size_t size);
} PacketLinkOut;

typedef struct PacketLink PacketLink;

PacketLink *packet_link_new(const FaultScript *script, uint32_t seed, PacketLinkOut out);
void packet_link_free(PacketLink *link);

/* One RTP or RTCP packet of a track; `at_ns` is on the room's clock. `packet` is changed only if
 * broken. */
void packet_link_push(PacketLink *link, const char *identity, TrackKind kind, uint8_t *packet,
                      size_t size, int64_t at_ns);

/* Sends what was held back long enough; returns when to call again, CLOCK_NEVER if nothing waits.
 */
int64_t packet_link_advance(PacketLink *link, int64_t at_ns);

/* A generator whose seed gives the same numbers, and true in `percent` of the calls. */
uint64_t packet_link_seed(uint32_t seed);
bool packet_link_draw(uint64_t *random, double percent);

/* True in `percent` of the calls. */
bool packet_link_chance(PacketLink *link, double percent);
uint32_t packet_link_random(PacketLink *link);

typedef struct {
    uint64_t sent, dropped;
} PacketLinkStats;

PacketLinkStats packet_link_stats(const PacketLink *link);
