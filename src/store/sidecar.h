/* Keeps STEM.json beside a recording: written whole and renamed into place, locked while the
 * recording runs, so that a sidecar without a lock that says "recording" is a crash's leftover.
 * Thread: main. */
#pragma once

#include <json-glib/json-glib.h>

#include "store/output_path.h"

typedef struct Sidecar Sidecar;

/* Reserves the stem (output_path_reserve) and takes the lock. */
Sidecar *sidecar_new(const char *stem, GError **error);
const char *sidecar_stem(const Sidecar *sidecar);
const char *sidecar_path(const Sidecar *sidecar);

/* Replaces the contents by that JSON. */
bool sidecar_write(Sidecar *sidecar, const char *text, GError **error);

/* Takes over one that somebody has left; NULL while its recording runs, or when it is gone. */
Sidecar *sidecar_adopt(const char *path);

/* When it was written last, in wall clock time. */
int64_t sidecar_written_wall_ns(const Sidecar *sidecar);

/* Releases the lock; `keep` false removes the file (a recording that left nothing). */
void sidecar_close(Sidecar *sidecar, bool keep);

/* Reads one from disk; NULL with a sentence if it is no JSON object or over 16 MiB. */
JsonNode *sidecar_read(const char *path, GError **error);
