/* Closes what a crash left below the output folder, and gives those files an index that lack it,
 * one after the other on the sink pool's finaliser, while the service runs already. Thread: main.
 */
#pragma once

#include "sink/output.h"
#include "store/catalog.h"

typedef struct Recovery Recovery;

typedef struct {
    Catalog *catalog; /* all borrowed */
    SinkPool *sink_pool;
    Mailbox *mailbox;
    uint64_t max_bytes; /* a larger file stays as it is */
} RecoveryConfig;

Recovery *recovery_new(const RecoveryConfig *config);
void recovery_free(Recovery *recovery); /* after the pool, before the catalog */

unsigned recovery_found(const Recovery *recovery); /* recordings that were interrupted */
