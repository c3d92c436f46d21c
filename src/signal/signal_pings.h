/* Asks the server again and again whether it is still there (LiveKit's ping_req).
 * Thread: main. */
#pragma once

#include <glib.h>

#include "signal/livekit.pb-c.h"

typedef struct SignalPings SignalPings;

typedef struct {
    void *owner;
    void (*send)(void *owner, GBytes *request); /* takes it */
    /* So many pings were sent since anything came that the server's timeout is over. The last thing
     * that it does: it may be freed inside. */
    void (*unanswered)(void *owner);
} SignalPingsOut;

/* The server's wishes are in its join. */
SignalPings *signal_pings_new(const Livekit__JoinResponse *join, SignalPingsOut out);
void signal_pings_free(SignalPings *pings);

void signal_pings_start(SignalPings *pings);
void signal_pings_stop(SignalPings *pings);
void signal_pings_heard(SignalPings *pings); /* any message */
void signal_pings_pong(SignalPings *pings, const Livekit__Pong *pong);
int64_t signal_pings_rtt_ns(const SignalPings *pings); /* 0: not known */
