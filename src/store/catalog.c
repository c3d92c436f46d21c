#include "store/catalog.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/json_member.h"
#include "store/sidecar.h"

#define MAX_DEPTH 8
#define MAX_SIDECARS 1000000

struct Catalog {
    char *directory;
    GHashTable *paths;    /* mint_id -> path of the newest sidecar */
    GHashTable *times;    /* mint_id -> its requested_at */
    GPtrArray *leftovers; /* of Leftover*, that are not done yet */
};

Catalog *catalog_new(const char *directory)
{
    Catalog *catalog = g_new0(Catalog, 1);
    /* as recordings name their files */
    catalog->directory = g_canonicalize_filename(directory, NULL);
    catalog->paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    catalog->times = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    catalog->leftovers = g_ptr_array_new_with_free_func((GDestroyNotify)leftover_free);
    return catalog;
}

void catalog_free(Catalog *catalog)
{
    if (!catalog)
        return;
    g_hash_table_unref(catalog->paths);
    g_hash_table_unref(catalog->times);
    g_ptr_array_unref(catalog->leftovers);
    g_free(catalog->directory);
    g_free(catalog);
}

/* ---- reading ---- */

/* The recording inside one of our sidecars; NULL for any other JSON. */
static JsonObject *recording_of(JsonNode *root)
{
    JsonObject *object = json_node_get_object(root);
    return json_member_text(object, "roomtape") ? json_member_object(object, "recording") : NULL;
}

static void remember(Catalog *catalog, const char *path, JsonObject *recording, bool is_newest)
{
    const char *mint_id = json_member_text(recording, "mint_id");
    const char *time = json_member_text(recording, "requested_at");
    if (!mint_id || !time || g_hash_table_size(catalog->paths) >= MAX_SIDECARS)
        return;
    const char *known = g_hash_table_lookup(catalog->times, mint_id);
    if (known && strcmp(known, time) > 0 && !is_newest)
        return;
    g_hash_table_replace(catalog->times, g_strdup(mint_id), g_strdup(time));
    g_hash_table_replace(catalog->paths, g_strdup(mint_id), g_strdup(path));
}

void catalog_add(Catalog *catalog, const char *sidecar_path)
{
    g_autoptr(JsonNode) root = sidecar_read(sidecar_path, NULL);
    JsonObject *recording = root ? recording_of(root) : NULL;
    if (recording)
        remember(catalog, sidecar_path, recording, true);
}

JsonNode *catalog_find(Catalog *catalog, const char *mint_id)
{
    const char *path = g_hash_table_lookup(catalog->paths, mint_id);
    g_autoptr(JsonNode) root = path ? sidecar_read(path, NULL) : NULL;
    JsonObject *recording = root ? recording_of(root) : NULL;
    if (!recording || g_strcmp0(json_member_text(recording, "mint_id"), mint_id) != 0)
        return NULL;
    return json_node_init_object(json_node_alloc(), recording);
}

/* ---- what a crash left ---- */

static bool is_empty_file(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
}

/* The reservation of a name whose recording died before it wrote a word; whoever records holds its
 * lock. */
static void remove_reservation(const char *path)
{
    Sidecar *sidecar = is_empty_file(path) ? sidecar_adopt(path) : NULL;
    if (sidecar)
        sidecar_close(sidecar, !is_empty_file(path));
}

static unsigned visit_sidecar(Catalog *catalog, const char *path, MediaMeasureFn measure)
{
    g_autoptr(JsonNode) root = sidecar_read(path, NULL);
    JsonObject *recording = root ? recording_of(root) : NULL;
    if (!recording) {
        remove_reservation(path);
        return 0;
    }
    remember(catalog, path, recording, false);
    const char *state = json_member_text(json_node_get_object(root), "state");
    const bool is_running = g_strcmp0(state, "recording") == 0;
    if (!is_running && g_strcmp0(state, "recovering") != 0)
        return 0;
    Leftover *leftover = leftover_new(path, json_node_ref(root), measure);
    if (!leftover)
        return 0;
    g_ptr_array_add(catalog->leftovers, leftover);
    return is_running;
}

static unsigned visit_folder(Catalog *catalog, const char *folder, MediaMeasureFn measure,
                             unsigned depth)
{
    g_autoptr(GDir) directory = depth > 0 ? g_dir_open(folder, 0, NULL) : NULL;
    unsigned closed = 0;
    const char *name;
    while (directory && (name = g_dir_read_name(directory))) {
        if (*name == '.')
            continue;
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat status;
        if (lstat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode))
            closed += visit_folder(catalog, path, measure, depth - 1);
        else if (g_str_has_suffix(name, ".json"))
            closed += visit_sidecar(catalog, path, measure);
    }
    return closed;
}

/* All at once: the sidecars of one recording tell of one another's files. */
static void forget_done(Catalog *catalog)
{
    for (unsigned i = 0; i < catalog->leftovers->len; i++) {
        if (!leftover_is_done(catalog->leftovers->pdata[i]))
            return;
    }
    g_ptr_array_set_size(catalog->leftovers, 0);
}

unsigned catalog_recover(Catalog *catalog, MediaMeasureFn measure)
{
    const unsigned closed = visit_folder(catalog, catalog->directory, measure, MAX_DEPTH);
    forget_done(catalog);
    return closed;
}

const char *catalog_next_unindexed(const Catalog *catalog)
{
    const char *path = NULL;
    for (unsigned i = 0; !path && i < catalog->leftovers->len; i++)
        path = leftover_next(catalog->leftovers->pdata[i]);
    return path;
}

void catalog_set_file(Catalog *catalog, const LeftoverFile *file)
{
    for (unsigned i = 0; i < catalog->leftovers->len; i++)
        leftover_set_file(catalog->leftovers->pdata[i], file);
    forget_done(catalog);
}
