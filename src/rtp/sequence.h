/* Extends 16-bit sequence numbers to a count that does not wrap, and tells a gap from a wild number
 * (RFC 3550 appendix A.1).
 * Thread: any; values only. */
#pragma once

#include <stdint.h>

#define SEQUENCE_MAX_DROPOUT 3000 /* a jump ahead of this or more is no loss */

typedef enum {
    SEQUENCE_AHEAD,  /* after `highest`, by less than the dropout bound */
    SEQUENCE_BEHIND, /* `highest` itself or before it: reordered, late or twice */
    SEQUENCE_WILD,   /* neither: a corrupt packet or a source that began anew */
} SequencePlace;

/* The number nearest to `reference` that ends in these 16 bits. */
static inline int64_t sequence_extend(int64_t reference, uint16_t sequence)
{
    return reference + (int16_t)(uint16_t)(sequence - (uint16_t)reference);
}

/* `max_misorder` is how far behind a packet is still taken for a late one. */
static inline SequencePlace sequence_place(int64_t highest, uint16_t sequence, int max_misorder)
{
    const int64_t distance = sequence_extend(highest, sequence) - highest;
    if (distance > 0)
        return distance < SEQUENCE_MAX_DROPOUT ? SEQUENCE_AHEAD : SEQUENCE_WILD;
    return distance > -max_misorder ? SEQUENCE_BEHIND : SEQUENCE_WILD;
}
