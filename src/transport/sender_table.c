#include "transport/sender_table.h"

#include <stdlib.h>

#include "base/check.h"

#define FIRST_SLOTS 16
#define RECENT 2

typedef struct {
    uint32_t ssrc;
    SrtpSender *sender;
} Found;

/* Open addressing, at most half full. */
struct SenderTable {
    unsigned count, slots;
    SrtpSender **senders;
    Found recent[RECENT]; /* a ring: of a picture and its sound packets come in turns */
    unsigned recent_next;
};

static SrtpSender **new_slots(unsigned count)
{
    SrtpSender **slots = calloc(count, sizeof *slots);
    require(slots != NULL);
    return slots;
}

SenderTable *sender_table_new(void)
{
    SenderTable *table = calloc(1, sizeof *table);
    require(table != NULL);
    table->slots = FIRST_SLOTS;
    table->senders = new_slots(FIRST_SLOTS);
    return table;
}

void sender_table_free(SenderTable *table)
{
    if (!table)
        return;
    for (unsigned i = 0; i < table->slots; i++)
        free(table->senders[i]);
    free(table->senders);
    free(table);
}

/* Where that SSRC is, or where it belongs. */
static SrtpSender **find_slot(SrtpSender **slots, unsigned count, uint32_t ssrc)
{
    uint32_t i = ssrc * UINT32_C(2654435769) % count;
    while (slots[i] && slots[i]->ssrc != ssrc)
        i = (i + 1) % count;
    return &slots[i];
}

static void grow(SenderTable *table)
{
    const unsigned wanted = 2 * table->slots;
    SrtpSender **slots = new_slots(wanted);
    for (unsigned i = 0; i < table->slots; i++) {
        SrtpSender *sender = table->senders[i];
        if (sender)
            *find_slot(slots, wanted, sender->ssrc) = sender;
    }
    free(table->senders);
    table->senders = slots;
    table->slots = wanted;
}

SrtpSender *sender_table_find(SenderTable *table, uint32_t ssrc)
{
    for (unsigned i = 0; i < RECENT; i++) {
        if (table->recent[i].sender && table->recent[i].ssrc == ssrc)
            return table->recent[i].sender;
    }
    SrtpSender *sender = *find_slot(table->senders, table->slots, ssrc);
    if (sender)
        table->recent[table->recent_next++ % RECENT] = (Found){ssrc, sender};
    return sender;
}

void sender_table_hot_memory(const SenderTable *table, HotMemory *hot)
{
    hot_memory_add(hot, table, sizeof *table);
    for (unsigned i = 0; i < RECENT; i++)
        hot_memory_add(hot, table->recent[i].sender, offsetof(SrtpSender, rtcp));
}

bool sender_table_is_full(const SenderTable *table)
{
    return table->count == SENDER_TABLE_MAX;
}

SrtpSender *sender_table_add(SenderTable *table, uint32_t ssrc)
{
    SrtpSender *known = sender_table_find(table, ssrc);
    if (known || sender_table_is_full(table))
        return known;
    if (2 * table->count >= table->slots)
        grow(table);
    SrtpSender *sender = calloc(1, sizeof *sender);
    require(sender != NULL);
    sender->ssrc = ssrc;
    *find_slot(table->senders, table->slots, ssrc) = sender;
    table->count++;
    return sender;
}
