/* Says when the media sockets of one net thread are read: each as soon as something comes while
 * they are few, all of them at a pace when they are many, because a wake-up costs more than what
 * there is to do for a packet.
 * Thread: net. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hot_memory.h"

/* Embedded in its owner, which sets the first four, and fills `hot` later. */
typedef struct {
    int fd;
    void *owner;
    /* Reads what has come; true when that was not all. May add and remove sockets. */
    bool (*drain)(void *owner);
    /* Somebody else is going to read it, who takes each piece for one datagram: true when nothing
     * waits that is more than one. NULL: nothing ever is. */
    bool (*share)(void *owner, bool is_shared);
    HotMemory hot; /* of what reads it; empty at first */
    unsigned index;
    gpointer tag; /* of the poll, while that is how it is read */
} NetSocket;

typedef struct {
    void *owner;
    void (*before_drain)(void *owner); /* of each socket: the time has gone on */
} NetPaceOut;

typedef struct NetPace NetPace;

NetPace *net_pace_new(GMainContext *context, NetPaceOut out);
void net_pace_free(NetPace *pace); /* its sockets are removed by then */

void net_pace_add(NetPace *pace, NetSocket *socket);
void net_pace_remove(NetPace *pace, NetSocket *socket);

unsigned net_pace_count(const NetPace *pace); /* of sockets */

/* All of them are read now, and then others may read them, up to the end. */
void net_pace_begin_sharing(NetPace *pace);
void net_pace_end_sharing(NetPace *pace);

/* For so many sockets; 0 = each as soon as something comes. */
int64_t net_pace_interval_ns(unsigned sockets);

/* That time or later, by a step of 10 ms or by the turn where that is shorter; without a pace the
 * time itself. Monotonic, for timers that shall not wake the thread each by itself. */
int64_t net_pace_round_up(const NetPace *pace, int64_t at_ns);
