/* Parses a request's JSON strictly and within bounds: one object, UTF-8, no comments, little depth,
 * no NUL in any string.
 * Thread: main. */
#pragma once

#include <json-glib/json-glib.h>
#include <stdbool.h>

#define JSON_BODY_MAX_BYTES (1024 * 1024)
#define JSON_BODY_MAX_DEPTH 16

/* NULL with a sentence. */
JsonObject *json_body_parse(const char *text, size_t size, GError **error);
