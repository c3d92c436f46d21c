/* Whether the process may take what further recordings need. Asked before a start, because
 * libraries below us end the process when they get none in the middle of something. Thread: main.
 */
#pragma once

#include "flow/outcome.h"

/* Sockets, files and events of so many recordings. False with no_capacity. */
bool machine_has_descriptors(unsigned recordings, Outcome *ret_refusal);
