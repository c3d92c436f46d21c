/* Why a request is not served: the status, a sentence, and what the headers have to say. Also as a
 * whole HTTP answer, for a request that is refused before it is read.
 * Thread: main; values only. */
#pragma once

#include <libsoup/soup.h>

#include "flow/outcome.h"

/* What libsoup has no names for. */
#define STATUS_TOO_MANY_REQUESTS 429
#define STATUS_HEADERS_TOO_LARGE 431

typedef struct {
    unsigned status;
    unsigned retry_after;       /* s; 0: none */
    const char *allowed_origin; /* of a page that may read the answer; NULL: none */
    Outcome outcome;
} Refusal;

/* False, for the caller to return. `allowed_origin` is kept. */
bool refuse_request(Refusal *refusal, unsigned status, OutcomeCode code, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* The answer to a request that libsoup has. */
void answer_refusal(SoupServerMessage *message, const Refusal *refusal);

/* The whole answer, with a Connection: close. */
GBytes *refusal_bytes(const Refusal *refusal);
