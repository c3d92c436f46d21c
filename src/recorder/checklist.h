/* Fills in the specification's checklist from the facts of a status.
 * Thread: main; pure. */
#pragma once

#include "flow/recording_status.h"

typedef struct {
    bool joined, peer_connected;
    bool connection_failed;
    const char *connection_why; /* or NULL */
} ChecklistFacts;

/* `items` keeps its `since` where the state is the same as before. */
void checklist_update(CheckItem items[CHECK_COUNT], const RecordingStatus *status,
                      const ChecklistFacts *facts, int64_t now_wall_ns);
