#include "rtp/nack_list.h"

#include "base/check.h"
#include "base/clock.h"

typedef struct {
    bool missing;
    bool was_asked;
    int64_t since_ns;
    int64_t due_ns;      /* CLOCK_NEVER when an answer would come too late */
    int64_t gives_up_ns; /* 0 where nothing is missing */
} Missing;

struct NackList {
    unsigned window;
    unsigned count;
    NackTiming timing;
    int64_t held_until_ns; /* nothing is given up before */
    int64_t due_ns;        /* nothing is due before; spares the walk while packets pour in */
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
    list->timing = nack_pace_timing(&(NackPace){0});
    return list;
}

void nack_list_free(NackList *list)
{
    if (!list)
        return;
    free(list->entries);
    free(list);
}

void nack_list_set_timing(NackList *list, const NackTiming *timing)
{
    list->timing = *timing;
}

static Missing *entry_of(const NackList *list, int64_t sequence)
{
    return &list->entries[(uint64_t)sequence % list->window];
}

static void make_due(NackList *list, Missing *entry, int64_t due_ns)
{
    entry->due_ns = due_ns;
    if (due_ns < list->due_ns)
        list->due_ns = due_ns;
}

void nack_list_add(NackList *list, int64_t begin, int64_t end, int64_t expected_ns, int64_t now_ns)
{
    const int64_t seen_ns = now_ns + list->timing.reorder_ns;
    const int64_t heeded_ns = expected_ns + list->timing.first_ns;
    const int64_t due_ns = seen_ns > heeded_ns ? seen_ns : heeded_ns;
    for (int64_t sequence = begin; sequence < end; sequence++) {
        Missing *entry = entry_of(list, sequence);
        check(!entry->missing);
        *entry = (Missing){
            .missing = true, .since_ns = now_ns, .gives_up_ns = due_ns + list->timing.patience_ns};
        make_due(list, entry, due_ns);
        list->count++;
    }
}

bool nack_list_remove(NackList *list, int64_t sequence)
{
    Missing *entry = entry_of(list, sequence);
    if (!entry->missing)
        return false;
    entry->missing = false;
    list->count--;
    return entry->was_asked;
}

static const Missing *missing_entry(const NackList *list, int64_t sequence)
{
    const Missing *entry = entry_of(list, sequence);
    check(entry->missing);
    return entry;
}

int64_t nack_list_missing_since(const NackList *list, int64_t sequence)
{
    return missing_entry(list, sequence)->since_ns;
}

int64_t nack_list_gives_up_at(const NackList *list, int64_t sequence)
{
    const int64_t gives_up_ns = missing_entry(list, sequence)->gives_up_ns;
    return gives_up_ns > list->held_until_ns ? gives_up_ns : list->held_until_ns;
}

bool nack_list_was_asked(const NackList *list, int64_t sequence)
{
    return missing_entry(list, sequence)->was_asked;
}

unsigned nack_list_count(const NackList *list)
{
    return list->count;
}

void nack_list_hold(NackList *list, int64_t until_ns)
{
    list->held_until_ns = until_ns;
}

void nack_list_restart(NackList *list, int64_t begin, int64_t end, int64_t now_ns)
{
    list->held_until_ns = 0;
    for (int64_t sequence = begin; sequence < end && list->count > 0; sequence++) {
        Missing *entry = entry_of(list, sequence);
        if (!entry->missing)
            continue;
        const int64_t due_ns = entry->since_ns + list->timing.reorder_ns;
        make_due(list, entry, due_ns > now_ns ? due_ns : now_ns);
        entry->gives_up_ns = entry->due_ns + list->timing.patience_ns;
    }
}

unsigned nack_list_take(NackList *list, int64_t begin, int64_t end, int64_t now_ns,
                        uint16_t *sequences, unsigned max)
{
    unsigned taken = 0;
    if (list->due_ns > now_ns)
        return 0;
    for (int64_t sequence = begin; sequence < end && taken < max && list->count > 0; sequence++) {
        Missing *entry = entry_of(list, sequence);
        if (!entry->missing || entry->due_ns > now_ns)
            continue;
        entry->was_asked = true;
        entry->due_ns = now_ns + list->timing.spacing_ns;
        if (entry->due_ns + list->timing.answer_ns > entry->gives_up_ns)
            entry->due_ns = CLOCK_NEVER;
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
        if (entry->missing && entry->due_ns < list->due_ns)
            list->due_ns = entry->due_ns;
    }
    return list->due_ns;
}

void nack_list_hot_memory(const NackList *list, HotMemory *hot)
{
    hot_memory_add(hot, list, sizeof *list);
}
