/* Who calls, by the Authorization header: the configured token opens everything, a JSON web token
 * signed with LiveKit's API secret what its grant roomRecord says.
 * Thread: main. */
#pragma once

#include "api/refusal.h"
#include "config/config.h"

/* What a call may reach. */
typedef struct {
    char *room; /* recordings of this room alone; NULL: everything */
} Caller;

/* Whether there is anything that a token could be checked against. */
bool caller_can_be_known(const Config *config);

/* Why the configured token is none; NULL when it is one, or absent. */
const char *caller_token_problem(const Config *config);

/* False with 401 (no token, a wrong or expired one) or 403 (one without the grant). */
bool caller_read(const Config *config, const char *authorization, Caller *ret_caller,
                 Refusal *refusal);
void caller_clear(Caller *caller);

/* False with 403 unless the caller may reach recordings of `room`; NULL: of every room. */
bool caller_may(const Caller *caller, const char *room, Refusal *refusal);
