/* Remembers which packets of a window are missing, since when, and how often each was asked for
 * (RFC 4585 section 6.2.1).
 * Thread: net. Allocates only in nack_list_new(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct NackList NackList;

#define NACK_FIRST_DELAY_NS INT64_C(20000000) /* packets also overtake one another */
#define NACK_MIN_SPACING_NS INT64_C(100000000)
#define NACK_MAX_ASKS 3 /* a LiveKit server sends a packet again at most three times */

NackList *nack_list_new(unsigned window);
void nack_list_free(NackList *list);
void nack_list_set_rtt(NackList *list, int64_t rtt_ns);

/* Marks [begin, end) as missing since `now_ns`. Extended sequences within one window. */
void nack_list_add(NackList *list, int64_t begin, int64_t end, int64_t now_ns);

/* Takes a sequence off, whether it came or was given up; true when it had been asked for. */
bool nack_list_remove(NackList *list, int64_t sequence);

/* Since when the packet is missing; only for one that is. */
int64_t nack_list_missing_since(const NackList *list, int64_t sequence);
unsigned nack_list_count(const NackList *list);

/* Writes at most `max` sequences of [begin, end) that are due now and marks them as asked. */
unsigned nack_list_take(NackList *list, int64_t begin, int64_t end, int64_t now_ns,
                        uint16_t *sequences, unsigned max);

/* When the next packet of [begin, end) is due, or a little before: not in the future while one is
 * due now. CLOCK_NEVER if none is. */
int64_t nack_list_next_due(NackList *list, int64_t begin, int64_t end, int64_t now_ns);
