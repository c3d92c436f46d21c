/* Reads members of JSON that somebody else may have written: what is of another type is not there.
 * Thread: any. */
#pragma once

#include <json-glib/json-glib.h>

const char *json_member_text(JsonObject *object, const char *name);   /* NULL if there is none */
JsonObject *json_member_object(JsonObject *object, const char *name); /* borrowed; NULL */
JsonArray *json_member_array(JsonObject *object, const char *name);   /* borrowed; NULL */
double json_member_double(JsonObject *object, const char *name);      /* 0 if there is none */
gboolean json_member_bool(JsonObject *object, const char *name);
