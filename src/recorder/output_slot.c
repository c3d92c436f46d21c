#include "recorder/output_slot.h"

#include <string.h>

OutputSlot *output_slot_new(unsigned index, const char *identity, bool screen_share, unsigned nth)
{
    OutputSlot *slot = g_new0(OutputSlot, 1);
    slot->index = index;
    slot->identity = g_strdup(identity);
    slot->screen_share = screen_share;
    slot->nth = nth;
    return slot;
}

void output_slot_free(OutputSlot *slot)
{
    if (!slot)
        return;
    output_free(slot->output);
    for (unsigned i = 0; i < slot->file_count; i++)
        g_free(slot->files[i].path);
    g_free(slot->files);
    g_free(slot->identity);
    g_free(slot->path);
    g_free(slot);
}

bool output_slot_matches(const OutputSlot *slot, const char *identity, bool screen_share,
                         unsigned nth)
{
    return slot->screen_share == screen_share && slot->nth == nth &&
           strcmp(slot->identity, identity) == 0;
}

void output_slot_finish(OutputSlot *slot, const OutputResult *result)
{
    slot->finished = true;
    if (slot->failure.code == CODE_NONE)
        slot->failure = result->outcome;
    slot->files = g_new0(OutputFile, result->file_count + 1);
    slot->file_count = result->file_count;
    for (unsigned i = 0; i < result->file_count; i++) {
        slot->files[i] = result->files[i];
        slot->files[i].path = g_strdup(result->files[i].path);
    }
    if (result->file_count == 0)
        return;
    g_free(slot->path);
    slot->path = g_strdup(result->files[0].path);
}
