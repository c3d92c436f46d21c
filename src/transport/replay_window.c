#include "transport/replay_window.h"

#include <string.h>

#define HALF 0x8000

uint64_t replay_window_estimate(const ReplayWindow *window, uint16_t sequence)
{
    if (!window->is_started)
        return sequence;
    const uint64_t rollovers = window->highest >> 16;
    const int distance = (int)sequence - (int)(window->highest & 0xffff);
    if (distance < -HALF)
        return (rollovers + 1) << 16 | sequence;
    if (distance > HALF && rollovers > 0)
        return (rollovers - 1) << 16 | sequence;
    return rollovers << 16 | sequence;
}

static uint64_t bit_of(uint64_t index)
{
    return UINT64_C(1) << (index % 64);
}

static uint64_t *word_of(ReplayWindow *window, uint64_t index)
{
    return &window->seen[index % REPLAY_WINDOW / 64];
}

bool replay_window_allows(const ReplayWindow *window, uint64_t index)
{
    if (!window->is_started || index > window->highest)
        return true;
    if (window->highest - index >= REPLAY_WINDOW)
        return false;
    return (window->seen[index % REPLAY_WINDOW / 64] & bit_of(index)) == 0;
}

static void advance(ReplayWindow *window, uint64_t index)
{
    if (!window->is_started || index - window->highest >= REPLAY_WINDOW) {
        memset(window->seen, 0, sizeof window->seen);
    } else {
        for (uint64_t i = window->highest + 1; i < index; i++)
            *word_of(window, i) &= ~bit_of(i);
    }
    window->is_started = true;
    window->highest = index;
}

void replay_window_note(ReplayWindow *window, uint64_t index)
{
    if (!window->is_started || index > window->highest)
        advance(window, index);
    *word_of(window, index) |= bit_of(index);
}
