/* Gives the answer to an HTTP request as JSON or text.
 * Thread: main. */
#pragma once

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>

#include "flow/outcome.h"

#define JSON_CONTENT_TYPE "application/json; charset=utf-8"

void answer_text(SoupServerMessage *message, unsigned status, const char *content_type,
                 const char *text);

/* Takes over `body`. */
void answer_json(SoupServerMessage *message, unsigned status, JsonObject *body);

/* {"success": false, "error": sentence, "detail": sentence, "code": code}. */
char *error_text(OutcomeCode code, const char *sentence); /* free with g_free() */
void answer_error(SoupServerMessage *message, unsigned status, OutcomeCode code,
                  const char *sentence);

/* The status of the outcome's code. */
void answer_outcome(SoupServerMessage *message, const Outcome *outcome);
