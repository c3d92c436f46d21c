#include "rtp/reorder.h"

#include <string.h>

#include "base/check.h"

#define NO_SLOT UINT16_MAX

typedef struct {
    ReorderPlace state;
    uint16_t slot; /* those from `window` on are the large ones */
    Codec codec;
    RtpPacket packet;
} Place;

struct Reorder {
    unsigned window;
    unsigned taken; /* places that are not MISSING; with none of them no place is looked at */
    Place *places;
    uint16_t *free_slots; /* a stack: the one used last goes first */
    unsigned free_count;
    uint16_t free_large[REORDER_LARGE_SLOTS];
    unsigned free_large_count;
    uint8_t *memory;
};

Reorder *reorder_new(unsigned window)
{
    require(window > 0 && window <= 16384);
    Reorder *reorder = calloc(1, sizeof *reorder);
    require(reorder);
    reorder->window = window;
    reorder->places = calloc(window, sizeof *reorder->places);
    reorder->free_slots = calloc(window, sizeof *reorder->free_slots);
    reorder->memory = malloc((size_t)window * REORDER_SLOT_BYTES +
                             (size_t)REORDER_LARGE_SLOTS * REORDER_LARGE_BYTES);
    require(reorder->places && reorder->free_slots && reorder->memory);
    while (reorder->free_count < window) {
        reorder->free_slots[reorder->free_count] = (uint16_t)(window - 1 - reorder->free_count);
        reorder->free_count++;
    }
    while (reorder->free_large_count < REORDER_LARGE_SLOTS) {
        reorder->free_large[reorder->free_large_count] =
            (uint16_t)(window + reorder->free_large_count);
        reorder->free_large_count++;
    }
    return reorder;
}

void reorder_free(Reorder *reorder)
{
    if (!reorder)
        return;
    free(reorder->places);
    free(reorder->free_slots);
    free(reorder->memory);
    free(reorder);
}

unsigned reorder_window(const Reorder *reorder)
{
    return reorder->window;
}

static Place *place_of(const Reorder *reorder, int64_t sequence)
{
    return &reorder->places[(uint64_t)sequence % reorder->window];
}

static uint8_t *slot_memory(const Reorder *reorder, uint16_t slot)
{
    if (slot < reorder->window)
        return reorder->memory + (size_t)slot * REORDER_SLOT_BYTES;
    return reorder->memory + (size_t)reorder->window * REORDER_SLOT_BYTES +
           (size_t)(slot - reorder->window) * REORDER_LARGE_BYTES;
}

static uint16_t slot_take(Reorder *reorder, size_t size)
{
    if (size <= REORDER_SLOT_BYTES)
        return reorder->free_count > 0 ? reorder->free_slots[--reorder->free_count] : NO_SLOT;
    if (size > REORDER_LARGE_BYTES || reorder->free_large_count == 0)
        return NO_SLOT;
    return reorder->free_large[--reorder->free_large_count];
}

static void slot_give(Reorder *reorder, uint16_t slot)
{
    if (slot < reorder->window)
        reorder->free_slots[reorder->free_count++] = slot;
    else
        reorder->free_large[reorder->free_large_count++] = slot;
}

ReorderPlace reorder_place(const Reorder *reorder, int64_t sequence)
{
    return reorder->taken == 0 ? PLACE_MISSING : place_of(reorder, sequence)->state;
}

bool reorder_hold(Reorder *reorder, int64_t sequence, const RtpPacket *packet, Codec codec)
{
    Place *place = place_of(reorder, sequence);
    check(place->state == PLACE_MISSING);
    const uint16_t slot = slot_take(reorder, packet->payload_size);
    if (slot == NO_SLOT)
        return false;
    uint8_t *memory = slot_memory(reorder, slot);
    memcpy(memory, packet->payload, packet->payload_size);
    *place = (Place){.state = PLACE_HELD, .slot = slot, .codec = codec, .packet = *packet};
    place->packet.payload = memory;
    reorder->taken++;
    return true;
}

void reorder_mark_nothing(Reorder *reorder, int64_t sequence)
{
    Place *place = place_of(reorder, sequence);
    check(place->state == PLACE_MISSING);
    place->state = PLACE_NOTHING;
    reorder->taken++;
}

const RtpPacket *reorder_packet(const Reorder *reorder, int64_t sequence, Codec *ret_codec)
{
    const Place *place = place_of(reorder, sequence);
    check(place->state == PLACE_HELD);
    *ret_codec = place->codec;
    return &place->packet;
}

int64_t reorder_frame_begin(const Reorder *reorder, int64_t sequence, int64_t lowest,
                            unsigned in_front)
{
    const uint32_t timestamp = place_of(reorder, sequence)->packet.timestamp;
    for (; in_front > 0 && sequence > lowest; in_front--, sequence--) {
        const Place *before = place_of(reorder, sequence - 1);
        if (before->state == PLACE_HELD && before->packet.timestamp != timestamp)
            break;
    }
    return sequence;
}

void reorder_clear(Reorder *reorder, int64_t sequence)
{
    if (reorder->taken == 0)
        return;
    Place *place = place_of(reorder, sequence);
    if (place->state == PLACE_HELD)
        slot_give(reorder, place->slot);
    reorder->taken -= place->state != PLACE_MISSING;
    place->state = PLACE_MISSING;
}

void reorder_hot_memory(const Reorder *reorder, HotMemory *hot)
{
    hot_memory_add(hot, reorder, offsetof(Reorder, places));
}
