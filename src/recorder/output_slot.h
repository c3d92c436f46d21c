/* One output of a recording: the file of a person's camera and microphone, or of their screen, with
 * its sidecar.
 * Thread: main. */
#pragma once

#include "sink/output.h"
#include "store/sidecar.h"

typedef struct {
    unsigned index;
    char *identity;
    bool screen_share;
    unsigned nth; /* further tracks of the same kind and source get their own file */
    Output *output;
    Sidecar *sidecar;
    char *path; /* of the first file; after the end: of the final one */
    Container container;
    bool stopping, finished;
    unsigned opened; /* as which of the recording's files, from 1; 0 = not yet */
    Outcome failure;
    OutputFile *files; /* owned, after the end */
    unsigned file_count;
} OutputSlot;

OutputSlot *output_slot_new(unsigned index, const char *identity, bool screen_share, unsigned nth);
void output_slot_free(OutputSlot *slot);

bool output_slot_matches(const OutputSlot *slot, const char *identity, bool screen_share,
                         unsigned nth);
/* Takes over what a finished output left; `result` is emptied of its files. */
void output_slot_finish(OutputSlot *slot, const OutputResult *result);
