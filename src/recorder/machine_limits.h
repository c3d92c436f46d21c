/* Whether the process may take what further recordings need. Asked before a start, because
 * libraries below us end the process when they get none in the middle of something. Thread: main.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "flow/outcome.h"

/* What recordings leave behind in the allocator's arenas goes back to the system, at most every ten
 * seconds. */
typedef struct {
    bool is_wanted; /* a recording has ended */
    int64_t last_ns;
} MemoryReturn;

void machine_return_memory(MemoryReturn *memory, int64_t now_ns);

/* Sockets, files and events of so many recordings. False with no_capacity. */
bool machine_has_descriptors(unsigned recordings, Outcome *ret_refusal);

/* Cores that this process may use: a service that is kept on one needs one thread. */
unsigned machine_cores(void);
