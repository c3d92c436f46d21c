#include "rtp/nack_list.h"

#include "base/check.h"
#include "base/clock.h"

#define DEFAULT_RTT_NS                                                                             \
    (70 * NS_PER_MS) /* what a LiveKit server assumes before the first report                      \
                      */

typedef struct {
    bool missing;
    uint8_t asks;
    int64_t since_ns;
    int64_t due_ns;
} Missing;

struct NackList {
    unsigned window;
    unsigned count;
    int64_t spacing_ns;
    int64_t due_ns; /* nothing is due before; spares the walk while packets pour in */
    Missing *entries;
};

NackList *nack_list_new(unsigned window)
{
    NackList *list = calloc(1, sizeof *list);
    require(list);
    list->window = window;
    list->entries = calloc(window, sizeof *list->entries);
    require(list->entries);
    list->due_ns = CLOCK_NEVER;
    nack_list_set_rtt(list, DEFAULT_RTT_NS);
    return list;
}

void nack_list_free(NackList *list)
{
    if (!list)
        return;
    free(list->entries);
    free(list);
}

void nack_list_set_rtt(NackList *list, int64_t rtt_ns)
{
    /* asking again before an answer can be here would only use up the sender's patience */
    const int64_t spacing_ns = rtt_ns + rtt_ns / 2;
    list->spacing_ns = spacing_ns > NACK_MIN_SPACING_NS ? spacing_ns : NACK_MIN_SPACING_NS;
}

static Missing *entry_of(const NackList *list, int64_t sequence)
{
    return &list->entries[(uint64_t)sequence % list->window];
}

void nack_list_add(NackList *list, int64_t begin, int64_t end, int64_t now_ns)
{
    for (int64_t sequence = begin; sequence < end; sequence++) {
        Missing *entry = entry_of(list, sequence);
        check(!entry->missing);
        *entry = (Missing){
            .missing = true,
            .since_ns = now_ns,
            .due_ns = now_ns + NACK_FIRST_DELAY_NS,
        };
        list->count++;
    }
    if (begin < end && now_ns + NACK_FIRST_DELAY_NS < list->due_ns)
        list->due_ns = now_ns + NACK_FIRST_DELAY_NS;
}

bool nack_list_remove(NackList *list, int64_t sequence)
{
    Missing *entry = entry_of(list, sequence);
    if (!entry->missing)
        return false;
    entry->missing = false;
    list->count--;
    return entry->asks > 0;
}

int64_t nack_list_missing_since(const NackList *list, int64_t sequence)
{
    const Missing *entry = entry_of(list, sequence);
    check(entry->missing);
    return entry->since_ns;
}

unsigned nack_list_count(const NackList *list)
{
    return list->count;
}

unsigned nack_list_take(NackList *list, int64_t begin, int64_t end, int64_t now_ns,
                        uint16_t *sequences, unsigned max)
{
    unsigned taken = 0;
    if (list->due_ns > now_ns)
        return 0;
    for (int64_t sequence = begin; sequence < end && taken < max && list->count > 0; sequence++) {
        Missing *entry = entry_of(list, sequence);
        if (!entry->missing || entry->asks == NACK_MAX_ASKS || entry->due_ns > now_ns)
            continue;
        entry->asks++;
        entry->due_ns = now_ns + list->spacing_ns;
        sequences[taken++] = (uint16_t)sequence;
    }
    return taken;
}

int64_t nack_list_next_due(NackList *list, int64_t begin, int64_t end, int64_t now_ns)
{
    if (list->due_ns > now_ns)
        return list->due_ns;
    list->due_ns = CLOCK_NEVER;
    for (int64_t sequence = begin; sequence < end && list->count > 0; sequence++) {
        const Missing *entry = entry_of(list, sequence);
        if (entry->missing && entry->asks < NACK_MAX_ASKS && entry->due_ns < list->due_ns)
            list->due_ns = entry->due_ns;
    }
    return list->due_ns;
}
