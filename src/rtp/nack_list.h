/* Remembers which packets of a window are missing and when to ask for each (RFC 4585 section
 * 6.2.1), until it is given up.
 * Thread: net. Allocates only in nack_list_new(). */
#pragma once

#include "base/hot_memory.h"
#include "rtp/nack_timing.h"

typedef struct NackList NackList;

NackList *nack_list_new(unsigned window);
void nack_list_free(NackList *list);

/* For what is missing from now on. */
void nack_list_set_timing(NackList *list, const NackTiming *timing);

/* Marks [begin, end) as missing: seen at `now_ns`, expected at `expected_ns`. Extended sequences
 * within one window. */
void nack_list_add(NackList *list, int64_t begin, int64_t end, int64_t expected_ns, int64_t now_ns);

/* Takes a sequence off, whether it came or was given up; true when it had been asked for. */
bool nack_list_remove(NackList *list, int64_t sequence);

/* Since when a packet is missing, and when its last repetition can have come; only for one that is.
 */
int64_t nack_list_missing_since(const NackList *list, int64_t sequence);
int64_t nack_list_gives_up_at(const NackList *list, int64_t sequence);
bool nack_list_was_asked(const NackList *list, int64_t sequence);
unsigned nack_list_count(const NackList *list);

/* Nothing is given up before, as the sender does not answer. */
void nack_list_hold(NackList *list, int64_t until_ns);

/* Asks for what is missing of [begin, end) from the beginning: the sender was deaf until now. */
void nack_list_restart(NackList *list, int64_t begin, int64_t end, int64_t now_ns);

/* Writes at most `max` sequences of [begin, end) that are due now and marks them as asked. */
unsigned nack_list_take(NackList *list, int64_t begin, int64_t end, int64_t now_ns,
                        uint16_t *sequences, unsigned max);

/* When the next packet of [begin, end) is due, or a little before: not in the future while one is
 * due now. CLOCK_NEVER if none is. */
int64_t nack_list_next_due(NackList *list, int64_t begin, int64_t end, int64_t now_ns);

void nack_list_hot_memory(const NackList *list, HotMemory *hot); /* while nothing is missing */
