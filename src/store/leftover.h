/* A recording that a crash interrupted: its sidecar is locked, told what its files hold, and closed
 * when those of them that lack an index have got one.
 * Thread: main. */
#pragma once

#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "store/media_measure.h"

typedef struct Leftover Leftover;

/* Takes over the sidecar; NULL while somebody records or recovers it. `root` is its content and is
 * taken over too. Writes it as that of an interrupted recording. */
Leftover *leftover_new(const char *sidecar_path, JsonNode *root, MediaMeasureFn measure);

/* Releases the sidecar; one that is not done yet is found again at the next start. */
void leftover_free(Leftover *leftover);

const char *leftover_sidecar_path(const Leftover *leftover);

/* A file beside the sidecar that lacks its index; NULL when there is none (any more). */
const char *leftover_next(const Leftover *leftover);

typedef struct {
    const char *path;
    uint64_t bytes;
    int64_t duration_ns;
    const char *hindrance; /* why it is as it was; NULL: it has its index */
} LeftoverFile;

/* What became of a file, wherever it is listed; the last one finishes the sidecar. */
void leftover_set_file(Leftover *leftover, const LeftoverFile *file);
bool leftover_is_done(const Leftover *leftover);
