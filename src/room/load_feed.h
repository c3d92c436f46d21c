/* Sends ready-made media to many subscribers at their times, and does nothing else: no faults, no
 * retransmissions, but key frames that are asked for. Each subscriber's begins with its connection.
 * Thread: net, unless said otherwise. */
#pragma once

#include <stdatomic.h>

#include "room/downlink.h"
#include "room/load_media.h"

#define LOAD_LATE_MS_MAX 1000

typedef struct {
    _Atomic uint64_t packets;
    _Atomic uint64_t unsent;                        /* packets that the kernel did not take */
    _Atomic uint64_t late_ms[LOAD_LATE_MS_MAX + 1]; /* frames by how late they were sent */
} LoadCounters;

typedef struct LoadFeed LoadFeed;

/* `media` is of LoadMedia* by the publisher's index; borrowed, and so are the counters. */
LoadFeed *load_feed_new(NetThread *thread, const GPtrArray *media, LoadCounters *counters);
void load_feed_free(LoadFeed *feed);

void load_feed_add(LoadFeed *feed, Downlink *downlink, const DownlinkTrack *track);
void load_feed_remove(LoadFeed *feed, const Downlink *downlink, uint32_t ssrc); /* 0 = all */
void load_feed_connected(LoadFeed *feed, unsigned downlink_id);
void load_feed_want_key(LoadFeed *feed, unsigned downlink_id, uint32_t ssrc);

/* Milliseconds that this share (0.99) of all frames was not late by more than, and counts anew. Any
 * thread. */
unsigned load_counters_take_late_ms(LoadCounters *counters, double share);
