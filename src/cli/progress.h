/* Says in a line how a recording is doing.
 * Thread: any; pure. */
#pragma once

#include <json-glib/json-glib.h>
#include <stddef.h>

#include "flow/recording_status.h"

/* "12.3 MB", in units of 1000. */
void progress_bytes(uint64_t bytes, char *ret_text, size_t size);
/* "0:12", "1:02:03". */
void progress_time(int64_t time_ns, char *ret_text, size_t size);

/* State, time, size, frames, lost, dropped; ASCII, at most `columns` characters (0 = any). The time
 * is the recording's length, or how long it has been tried (`elapsed_ns`) before it began. */
void progress_line(const RecordingStatus *status, int64_t elapsed_ns, unsigned columns,
                   char *ret_text, size_t size);

/* The same as an object: state, reconnecting, time, file_bytes, video_frames, ... */
JsonObject *progress_json(const RecordingStatus *status, int64_t elapsed_ns);
