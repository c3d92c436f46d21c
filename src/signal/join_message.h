/* Reads what a join, or the answer to a resume, says about us, within limits.
 * Thread: any. */
#pragma once

#include <stdbool.h>

#include "signal/livekit.pb-c.h"
#include "signal/signal_client.h"

#define JOIN_MAX_ICE_SERVERS 32

/* One entry a URL, borrowed from the message; returns how many. What is too long is left out. */
unsigned join_message_ice_servers(Livekit__ICEServer *const *servers, size_t count,
                                  SignalIceServer ret_servers[JOIN_MAX_ICE_SERVERS]);

/* False: the server would never offer us anything. */
bool join_message_may_subscribe(const Livekit__JoinResponse *join);
