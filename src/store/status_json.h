/* Formats a recording's status as the JSON of the HTTP interface and the sidecar.
 * Thread: main. */
#pragma once

#include <json-glib/json-glib.h>

#include "flow/recording_status.h"

/* The whole of GET /api/recording/status/{mint_id}: success, mint_id, state, reconnecting, stats,
 * file_size_mb, output_path, outputs (paths), files (objects), queues, tracks and ledger (by track
 * sid), checklist (by name), events, outcome, code, error, end_reason. */
JsonObject *status_json(const RecordingStatus *status);

/* RFC 3339 in UTC with milliseconds; NULL for 0. Free with g_free(). */
char *status_json_time(int64_t wall_ns);
