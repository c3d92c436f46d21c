/* Keeps the packets behind a hole until the hole is filled or given up: one place for each sequence
 * of a window, and slots that hold copies of the payloads.
 * Thread: net. Allocates only in reorder_new(): window x 1500 bytes and 4 x 64 KiB for larger
 * payloads, of which the system hands out only the pages that were ever used. Used slots are
 * taken first, so that a small hole touches little of it. */
#pragma once

#include "base/hot_memory.h"
#include "flow/codec.h"
#include "flow/packet.h"

#define REORDER_SLOT_BYTES 1500
#define REORDER_LARGE_BYTES 65536
#define REORDER_LARGE_SLOTS 4

typedef struct Reorder Reorder;

typedef enum {
    PLACE_MISSING,
    PLACE_HELD,
    PLACE_NOTHING, /* came, and there is nothing in it to hand out */
} ReorderPlace;

Reorder *reorder_new(unsigned window);
void reorder_free(Reorder *reorder);

unsigned reorder_window(const Reorder *reorder);

/* `sequence` is extended and within a window of what was not cleared yet. */
ReorderPlace reorder_place(const Reorder *reorder, int64_t sequence);

/* Copies the packet; false when no slot is left for one of this size. */
bool reorder_hold(Reorder *reorder, int64_t sequence, const RtpPacket *packet, Codec codec);
void reorder_mark_nothing(Reorder *reorder, int64_t sequence);

/* What reorder_hold() kept; valid until reorder_clear() of its place. */
const RtpPacket *reorder_packet(const Reorder *reorder, int64_t sequence, Codec *ret_codec);

/* Where the frame begins of which reorder_hold() kept that packet: at most `in_front` places
 * before, not before `lowest`, and behind a packet of another frame. */
int64_t reorder_frame_begin(const Reorder *reorder, int64_t sequence, int64_t lowest,
                            unsigned in_front);

/* Makes the place missing again, for the sequence one window later. */
void reorder_clear(Reorder *reorder, int64_t sequence);

void reorder_hot_memory(const Reorder *reorder, HotMemory *hot); /* while nothing is missing */
