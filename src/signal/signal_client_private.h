/* What tests do to a signal client and nobody else.
 * Thread: main. */
#pragma once

#include "signal/signal_client.h"

/* As if that binary message had come from the server. */
void signal_client_inject_for_test(SignalClient *client, const void *data, size_t size);
