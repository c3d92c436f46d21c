/* Which of the last packets came, by their extended sequence numbers.
 * Thread: net. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_HISTORY 4096

typedef struct {
    uint64_t came[SEQUENCE_HISTORY / 64];
} SequenceHistory;

static inline unsigned sequence_history_word(int64_t sequence)
{
    return (unsigned)((uint64_t)sequence % SEQUENCE_HISTORY / 64);
}

static inline void sequence_history_note(SequenceHistory *history, int64_t sequence, bool came)
{
    const uint64_t mask = UINT64_C(1) << (uint64_t)sequence % 64;
    uint64_t *word = &history->came[sequence_history_word(sequence)];
    *word = came ? *word | mask : *word & ~mask;
}

/* Of one before `next`, up to which all is noted; what is older is forgotten. */
static inline bool sequence_history_came(const SequenceHistory *history, int64_t sequence,
                                         int64_t next)
{
    const uint64_t word = history->came[sequence_history_word(sequence)];
    return sequence >= next - SEQUENCE_HISTORY && (word >> (uint64_t)sequence % 64 & 1) != 0;
}
