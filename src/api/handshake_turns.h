/* Lets a few TLS handshakes run at a time. GIO runs each on a thread of GLib's pool of ten, which
 * looking up names and connecting to servers need too, and a client that stalls keeps its thread.
 * Those that wait are let in newest first, and the oldest that has had its share of time ends for
 * them: whoever comes while others stall is served within that share.
 * Thread: main. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define HANDSHAKES_MAX 6          /* of GLib's ten threads */
#define HANDSHAKE_SHARE_SECONDS 1 /* while others wait */
#define HANDSHAKE_SECONDS 5       /* while nobody does */

typedef struct HandshakeTurns HandshakeTurns;

/* A handshake's place, inside its owner. */
typedef struct {
    void *owner;
    void (*begin)(void *owner); /* it may run; the owner may be gone afterwards */
    void (*yield)(void *owner); /* it has to end, for others */
    bool is_waiting, is_running, has_yielded;
    int64_t began_ns;
    GList link;
} HandshakeTurn;

HandshakeTurns *handshake_turns_new(unsigned max, int64_t share_ns);

/* Nobody is let in or told to yield any more; those that run, or wait, are still to end. */
void handshake_turns_stop(HandshakeTurns *turns);

/* All have to be over. */
void handshake_turns_free(HandshakeTurns *turns);

/* Once for each handshake: `begin` is called from here or later. How long it may wait or run is the
 * owner's matter. */
void handshake_turn_ask(HandshakeTurns *turns, HandshakeTurn *turn);

/* Its thread is free again, or it waits no more. Also for one that neither waits nor runs. */
void handshake_turn_end(HandshakeTurns *turns, HandshakeTurn *turn);
