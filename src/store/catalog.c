#include "store/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/container.h"
#include "flow/outcome.h"
#include "store/sidecar.h"
#include "store/status_json.h"

#define MAX_DEPTH 8
#define MAX_SIDECARS 1000000
#define MAX_PARTS 99

struct Catalog {
    char *directory;
    GHashTable *paths; /* mint_id -> path of the newest sidecar */
    GHashTable *times; /* mint_id -> its requested_at */
};

Catalog *catalog_new(const char *directory)
{
    Catalog *catalog = g_new0(Catalog, 1);
    catalog->directory = g_strdup(directory);
    catalog->paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    catalog->times = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return catalog;
}

void catalog_free(Catalog *catalog)
{
    if (!catalog)
        return;
    g_hash_table_unref(catalog->paths);
    g_hash_table_unref(catalog->times);
    g_free(catalog->directory);
    g_free(catalog);
}

/* ---- reading ---- */

static const char *text_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

static JsonObject *object_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* The recording inside one of our sidecars; NULL for any other JSON. */
static JsonObject *recording_of(JsonNode *root)
{
    JsonObject *object = json_node_get_object(root);
    return text_member(object, "roomtape") ? object_member(object, "recording") : NULL;
}

static void remember(Catalog *catalog, const char *path, JsonObject *recording)
{
    const char *mint_id = text_member(recording, "mint_id");
    const char *time = text_member(recording, "requested_at");
    if (!mint_id || !time || g_hash_table_size(catalog->paths) >= MAX_SIDECARS)
        return;
    const char *known = g_hash_table_lookup(catalog->times, mint_id);
    if (known && strcmp(known, time) > 0)
        return;
    g_hash_table_replace(catalog->times, g_strdup(mint_id), g_strdup(time));
    g_hash_table_replace(catalog->paths, g_strdup(mint_id), g_strdup(path));
}

void catalog_add(Catalog *catalog, const char *sidecar_path)
{
    g_autoptr(JsonNode) root = sidecar_read(sidecar_path, NULL);
    JsonObject *recording = root ? recording_of(root) : NULL;
    if (recording)
        remember(catalog, sidecar_path, recording);
}

JsonNode *catalog_find(Catalog *catalog, const char *mint_id)
{
    const char *path = g_hash_table_lookup(catalog->paths, mint_id);
    g_autoptr(JsonNode) root = path ? sidecar_read(path, NULL) : NULL;
    JsonObject *recording = root ? recording_of(root) : NULL;
    if (!recording || g_strcmp0(text_member(recording, "mint_id"), mint_id) != 0)
        return NULL;
    return json_node_init_object(json_node_alloc(), recording);
}

/* ---- what a crash left ---- */

typedef struct {
    JsonArray *paths, *files;
    CatalogMeasureFn measure;
    uint64_t bytes;
    int64_t longest_ns;
} Found;

static bool is_listed(const Found *found, const char *path)
{
    for (unsigned i = 0; i < json_array_get_length(found->paths); i++) {
        if (strcmp(json_array_get_string_element(found->paths, i), path) == 0)
            return true;
    }
    return false;
}

static void add_file(Found *found, const char *path)
{
    struct stat status;
    int64_t duration_ns = 0;
    if (is_listed(found, path) || lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    if (!found->measure(path, &duration_ns)) {
        log_warning("catalog", NULL, "%s does not play and is left as it is.", path);
        return;
    }
    JsonObject *file = json_object_new();
    json_object_set_string_member(file, "path", path);
    json_object_set_int_member(file, "bytes", status.st_size);
    json_object_set_double_member(file, "duration", (double)duration_ns / 1e9);
    json_object_set_string_member(file, "layout_reason", "the recording was interrupted");
    json_array_add_object_element(found->files, file);
    json_array_add_string_element(found->paths, path);
    found->bytes += (uint64_t)status.st_size;
    found->longest_ns = MAX(found->longest_ns, duration_ns);
}

static void add_files(Found *found, const char *sidecar_path)
{
    g_autofree char *stem = g_strndup(sidecar_path, strlen(sidecar_path) - strlen(".json"));
    for (unsigned part = 1; part <= MAX_PARTS; part++) {
        const unsigned before = json_array_get_length(found->paths);
        for (Container i = CONTAINER_MP4; i < CONTAINER_COUNT; i++) {
            const char *extension = container_extension(i);
            g_autofree char *path = part == 1
                                        ? g_strdup_printf("%s.%s", stem, extension)
                                        : g_strdup_printf("%s.part%u.%s", stem, part, extension);
            add_file(found, path);
        }
        if (part > 1 && json_array_get_length(found->paths) == before)
            break;
    }
}

/* The other outputs of the same recording, as its last status named them. */
static void add_named_files(Found *found, JsonObject *recording)
{
    JsonNode *node = json_object_get_member(recording, "outputs");
    JsonArray *outputs = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    for (unsigned i = 0; outputs && i < json_array_get_length(outputs); i++) {
        JsonNode *element = json_array_get_element(outputs, i);
        if (JSON_NODE_HOLDS_VALUE(element) && json_node_get_value_type(element) == G_TYPE_STRING)
            add_file(found, json_node_get_string(element));
    }
}

static void set_interrupted(JsonObject *recording, const Found *found)
{
    const unsigned count = json_array_get_length(found->paths);
    JsonObject *stats = object_member(recording, "stats");
    if (stats)
        json_object_set_double_member(stats, "duration", (double)found->longest_ns / 1e9);
    json_object_set_string_member(recording, "state", "stopped");
    json_object_set_string_member(recording, "outcome",
                                  outcome_kind_name(count > 0 ? OUTCOME_PARTIAL : OUTCOME_FAILED));
    json_object_set_string_member(recording, "code", outcome_code_name(CODE_INTERRUPTED));
    json_object_set_string_member(
        recording, "error",
        count > 0 ? "The program ended while it was recording; what had been written plays."
                  : "The program ended while it was recording, before anything was written.");
    g_autofree char *now = status_json_time(clock_wall_ns());
    json_object_set_string_member(recording, "recovered_at", now);
    json_object_set_double_member(recording, "file_size_mb",
                                  (double)found->bytes / (1024.0 * 1024.0));
    if (count > 0)
        json_object_set_string_member(recording, "output_path",
                                      json_array_get_string_element(found->paths, 0));
    json_object_set_array_member(recording, "outputs", json_array_ref(found->paths));
    json_object_set_array_member(recording, "files", json_array_ref(found->files));
}

static bool replace(const char *path, JsonNode *root)
{
    g_autofree char *text = json_to_string(root, TRUE);
    g_autoptr(GError) error = NULL;
    if (g_file_set_contents(path, text, -1, &error))
        return true;
    log_warning("catalog", NULL, "%s", error->message);
    return false;
}

/* A plain file whose writing the crash cut off; what it was made from is still there. */
static void remove_unfinished(const Found *found)
{
    for (unsigned i = 0; i < json_array_get_length(found->paths); i++) {
        const char *path = json_array_get_string_element(found->paths, i);
        g_autofree char *folder = g_path_get_dirname(path);
        g_autofree char *name = g_path_get_basename(path);
        g_autofree char *hidden = g_strdup_printf("%s/.%s.finalizing", folder, name);
        unlink(hidden);
    }
}

static bool close_leftover(const char *path, JsonNode *root, CatalogMeasureFn measure)
{
    Found found = {.paths = json_array_new(), .files = json_array_new(), .measure = measure};
    JsonObject *object = json_node_get_object(root);
    JsonObject *recording = recording_of(root);
    add_named_files(&found, recording);
    add_files(&found, path);
    remove_unfinished(&found);
    set_interrupted(recording, &found);
    json_object_set_string_member(object, "state", "finished");
    const bool is_done = replace(path, root);
    json_array_unref(found.paths);
    json_array_unref(found.files);
    return is_done;
}

/* Whoever records holds the lock. */
static bool is_locked(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return true;
    const bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return locked;
}

/* The reservation of a name whose recording died before it wrote a word. */
static bool is_empty_leftover(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0 &&
           !is_locked(path);
}

static unsigned visit_sidecar(Catalog *catalog, const char *path, CatalogMeasureFn measure)
{
    g_autoptr(JsonNode) root = sidecar_read(path, NULL);
    JsonObject *recording = root ? recording_of(root) : NULL;
    if (!recording) {
        if (is_empty_leftover(path))
            unlink(path);
        return 0;
    }
    unsigned closed = 0;
    const char *state = text_member(json_node_get_object(root), "state");
    if (g_strcmp0(state, "recording") == 0 && !is_locked(path))
        closed = close_leftover(path, root, measure);
    remember(catalog, path, recording);
    return closed;
}

static unsigned visit_folder(Catalog *catalog, const char *folder, CatalogMeasureFn measure,
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

unsigned catalog_recover(Catalog *catalog, CatalogMeasureFn measure)
{
    return visit_folder(catalog, catalog->directory, measure, MAX_DEPTH);
}
