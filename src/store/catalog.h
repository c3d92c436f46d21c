/* Finds recordings by mint_id in the sidecars of the output folder, and closes what a crash left.
 * A sidecar is {"roomtape": version, "state": "recording" | "recovering" | "finished", "identity",
 * "screen_share", "recording": {...}}, where "recording" is the object of store/status_json.h:
 * mint_id, state, started_at, requested_at, outcome, code, error, output_path, outputs (paths),
 * files (objects). All sidecars of one recording hold the same "recording". Thread: main. */
#pragma once

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/leftover.h"

typedef struct Catalog Catalog;

Catalog *catalog_new(const char *directory);
void catalog_free(Catalog *catalog);

/* Reads every sidecar below the folder (depth and count are bounded). Those that say "recording"
 * and are not locked are rewritten with outcome partial or failed, code interrupted, and what their
 * files hold; returns how many. Nothing else is touched. */
unsigned catalog_recover(Catalog *catalog, MediaMeasureFn measure);

/* A file of an interrupted recording that lacks its index; NULL when there is none (any more). Its
 * sidecar stays locked, and is visited again at the next start, until what became of the file is
 * told. */
const char *catalog_next_unindexed(const Catalog *catalog);
void catalog_set_file(Catalog *catalog, const LeftoverFile *file);

/* The newest recording of that mint_id: the sidecar's "recording" object; NULL if there is none.
 * The node is the caller's. */
JsonNode *catalog_find(Catalog *catalog, const char *mint_id);

/* To be called when a sidecar was closed, so that find needs no new scan. It is the newest of its
 * mint_id, wherever the clock was set meanwhile. */
void catalog_add(Catalog *catalog, const char *sidecar_path);
