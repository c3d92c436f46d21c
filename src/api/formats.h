/* What GET /api/recording/formats tells: formats and presets, with what of them this machine's
 * libraries can do.
 * Thread: main; values only. */
#pragma once

#include <json-glib/json-glib.h>

#include "flow/format.h"

/* Whether libavcodec has the encoders that it may need. */
bool format_is_available(const Format *format);

/* "h264, av1, ..."; free with g_free(). */
char *format_list_available(void);
char *quality_list(void);

/* The answer of GET /api/recording/formats. */
JsonObject *formats_json(void);
