/* Writes one JSON object a line on standard output.
 * Thread: main. */
#pragma once

#include <json-glib/json-glib.h>

/* Takes over the object. */
void print_json(JsonObject *object);
