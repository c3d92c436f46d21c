/* Makes output paths out of templates, in which every value is a stranger's text.
 * Thread: main; touches the file system only in output_path_reserve(). */
#pragma once

#include <glib.h>

#include "flow/container.h"

#define STORE_ERROR (store_error_quark())
GQuark store_error_quark(void);
typedef enum {
    STORE_ERROR_BAD_TEMPLATE,
    STORE_ERROR_EXISTS,
    STORE_ERROR_DISK_FULL,
    STORE_ERROR_WRITE
} StoreError;

#define OUTPUT_PATH_DEFAULT_TEMPLATE "{room_name}-{publisher_identity}-{time}"

typedef struct {
    const char *room_name, *room_id, *publisher_identity, *track_id, *track_type, *track_source;
    const char *mint_id;
    int64_t time_wall_ns; /* {time}: 2026-01-02T150405, {utc}: 20260102150405123, both UTC */
    bool screen_share;    /* a second file of the same person gets "-screen_share" when the template
                             has neither {track_source} nor {track_id} */
    bool several_outputs; /* a fixed name gets "-{publisher_identity}" */
    unsigned nth; /* 0, or the number of a further track of the same kind and source: "-2" */
} OutputPathValues;

/* One path component of at most 100 bytes: no '/', NUL, control characters, leading dot or "..";
 * cut at a UTF-8 character. Never empty. */
char *output_path_escape(const char *value);

/* `directory` is trusted, `template` comes from the caller and may name folders below it; NULL with
 * BAD_TEMPLATE if it would leave it. A trailing '/' means the default name in that folder. A known
 * extension is taken off and told in `ret_container` (AUTO if there is none). The result is a stem:
 * directory/name without extension. */
char *output_path_stem(const char *directory, const char *template, const OutputPathValues *values,
                       Container *ret_container, GError **error);

/* Creates the folders and reserves a free stem by creating its sidecar STEM.json exclusively: "-2",
 * "-3" ... "-99" where any STEM.* of ours exists. Returns the stem; `ret_fd` is the open sidecar.
 */
char *output_path_reserve(const char *stem, int *ret_fd, GError **error);
