/* Reads the fields of a start, stop, pause or resume call, strictly: every unknown field and every
 * wrong type is refused with a sentence that names it. Thread: main. */
#pragma once

#include <json-glib/json-glib.h>

#include "flow/outcome.h"
#include "recorder/recording_request.h"

/* False with bad_request or codec_unsupported in `ret_refusal`. What the call leaves out keeps the
 * value that `request` has. Encoder options are looked at against the `configured` settings, by
 * Encoding; NULL: the defaults. `ret_wait` is whether the caller wants to wait. */
bool start_request_read(JsonObject *body, const EncoderSettings *configured,
                        RecordingRequest *request, bool *ret_wait, Outcome *ret_refusal);

/* The mint_id of such a call; NULL with bad_request. Free with g_free(). */
char *stop_request_read(JsonObject *body, bool *ret_discards, Outcome *ret_refusal);
char *pause_request_read(JsonObject *body, bool *ret_holds, Outcome *ret_refusal);
char *resume_request_read(JsonObject *body, Outcome *ret_refusal);
