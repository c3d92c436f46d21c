/* What one subscriber asked for, has and was told: the roster's changes become updates, and
 * publications become sections of its connection.
 * Thread: main. */
#pragma once

#include "room/negotiation.h"
#include "room/room_context.h"

typedef struct {
    unsigned id;
    bool automatic; /* everything is wanted */
    NegotiationFaults faults;
} SubscriptionsConfig;

typedef struct {
    void *owner;
    void (*send)(void *owner, GBytes *message); /* takes it over */
    void (*timed_out)(void *owner);             /* an offer was not answered */
} SubscriptionsOut;

typedef struct Subscriptions Subscriptions;

/* The join answer was sent: what the roster holds now is known to the subscriber. */
Subscriptions *subscriptions_new(const SubscriptionsConfig *config, const RoomContext *context,
                                 SubscriptionsOut out);
void subscriptions_free(Subscriptions *subscriptions);

void subscriptions_want(Subscriptions *subscriptions, const char *track_sid, bool wants);
void subscriptions_sync(Subscriptions *subscriptions);
/* After a new socket: everybody is told again, whoever left meanwhile included. */
void subscriptions_retell(Subscriptions *subscriptions);
/* The subscriber was moved, and everybody with it: nothing is subscribed to any more. */
void subscriptions_move(Subscriptions *subscriptions);
/* The connection is up: publishers begin to encode for it. */
void subscriptions_connected(Subscriptions *subscriptions);
Negotiation *subscriptions_negotiation(Subscriptions *subscriptions);
