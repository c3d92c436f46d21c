/* Which packet indices of one sender came: the index of 48 bits behind a sequence number, and the
 * check against replay (RFC 3711 3.3.1, 3.3.2).
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A retransmission may come a second late; 1024 packets are that long at 10 Mbit/s. */
#define REPLAY_WINDOW 2048

typedef struct {
    bool is_started;
    uint64_t highest;
    uint64_t seen[REPLAY_WINDOW / 64]; /* a ring: bit index % REPLAY_WINDOW */
} ReplayWindow;

uint64_t replay_window_estimate(const ReplayWindow *window, uint16_t sequence);

/* False for an index that came before, or that is too old to tell. */
bool replay_window_allows(const ReplayWindow *window, uint64_t index);

/* Only for a packet that is authentic. */
void replay_window_note(ReplayWindow *window, uint64_t index);
