#include "store/leftover.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/container.h"
#include "flow/outcome.h"
#include "store/json_member.h"
#include "store/leftover_tracks.h"
#include "store/sidecar.h"
#include "store/status_json.h"

#define MAX_PARTS 99
#define REASON "The recording was interrupted."

struct Leftover {
    Sidecar *sidecar;
    JsonNode *root;
    JsonArray *former; /* what the sidecar said of its files; or NULL */
    JsonArray *paths, *files;
    GPtrArray *unindexed; /* paths of files beside the sidecar */
    LeftoverTracks tracks;
    uint64_t bytes;
    double first, last; /* on the recording's timeline, in seconds */
    int64_t written_wall_ns;
};

static JsonObject *recording_of(const Leftover *leftover)
{
    return json_member_object(json_node_get_object(leftover->root), "recording");
}

/* ---- its files ---- */

static JsonObject *find_file(JsonArray *files, const char *path)
{
    for (unsigned i = 0; files && i < json_array_get_length(files); i++) {
        JsonNode *node = json_array_get_element(files, i);
        if (JSON_NODE_HOLDS_OBJECT(node) &&
            g_strcmp0(json_member_text(json_node_get_object(node), "path"), path) == 0)
            return json_node_get_object(node);
    }
    return NULL;
}

static JsonObject *file_entry(const Leftover *leftover, const char *path)
{
    JsonObject *former = find_file(leftover->former, path);
    JsonObject *owner = former ? former : json_node_get_object(leftover->root);
    const char *identity = json_member_text(owner, "identity");
    const char *dot = strrchr(path, '.');
    Container container = CONTAINER_AUTO;
    if (dot)
        container_from_extension(dot + 1, &container);
    JsonObject *file = json_object_new();
    json_object_set_string_member(file, "path", path);
    json_object_set_string_member(file, "identity", identity ? identity : "");
    json_object_set_boolean_member(file, "screen_share", json_member_bool(owner, "screen_share"));
    json_object_set_string_member(file, "format", container_name(container));
    json_object_set_double_member(file, "room_offset",
                                  former ? json_member_double(former, "room_offset") : 0);
    return file;
}

static void set_measured(JsonObject *file, uint64_t bytes, int64_t duration_ns)
{
    json_object_set_int_member(file, "bytes", (gint64)bytes);
    json_object_set_double_member(file, "duration", (double)duration_ns / NS_PER_SECOND);
}

static void set_layout(JsonObject *file, bool lacks_index, const char *reason)
{
    const char *format = json_member_text(file, "format");
    const bool is_mp4 = g_strcmp0(format, container_name(CONTAINER_MP4)) == 0 ||
                        g_strcmp0(format, container_name(CONTAINER_M4A)) == 0;
    json_object_set_string_member(file, "layout",
                                  !is_mp4       ? "streamed"
                                  : lacks_index ? "fragmented"
                                                : "plain");
    if (reason)
        json_object_set_string_member(file, "layout_reason", reason);
    else
        json_object_set_null_member(file, "layout_reason");
}

static bool is_usable(const Leftover *leftover, const char *path, struct stat *ret_status)
{
    return !find_file(leftover->files, path) && lstat(path, ret_status) == 0 &&
           S_ISREG(ret_status->st_mode);
}

/* A plain file whose writing the crash cut off; what it was made from is still there. */
static void remove_unfinished(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *hidden = g_strdup_printf("%s/.%s.finalizing", folder, name);
    unlink(hidden);
}

/* The parts of a file follow one another: `end` is where the one before it ended. */
static bool add_file(Leftover *leftover, const char *path, MediaMeasureFn measure, double *end)
{
    struct stat status;
    MediaMeasure found = {0};
    if (!is_usable(leftover, path, &status))
        return false;
    if (!measure(path, &found)) {
        log_warning("catalog", NULL, "%s does not play and is left as it is.", path);
        return false;
    }
    JsonObject *file = file_entry(leftover, path);
    set_measured(file, (uint64_t)status.st_size, found.duration_ns);
    set_layout(file, found.lacks_index, found.lacks_index ? REASON : NULL);
    leftover_tracks_add(&leftover->tracks, file, &found);
    const double start = MAX(json_member_double(file, "room_offset"), *end);
    *end = start + (double)found.duration_ns / NS_PER_SECOND;
    leftover->first =
        json_array_get_length(leftover->files) > 0 ? MIN(leftover->first, start) : start;
    leftover->last = MAX(leftover->last, *end);
    leftover->bytes += (uint64_t)status.st_size;
    leftover->written_wall_ns = MAX(leftover->written_wall_ns,
                                    status.st_mtim.tv_sec * NS_PER_SECOND + status.st_mtim.tv_nsec);
    json_array_add_object_element(leftover->files, file);
    json_array_add_string_element(leftover->paths, path);
    return found.lacks_index;
}

/* NAME.EXT and its parts. Only these are written anew: others have a sidecar of their own. */
static void add_own_files(Leftover *leftover, MediaMeasureFn measure)
{
    const char *stem = sidecar_stem(leftover->sidecar);
    double end = 0;
    for (unsigned part = 1; part <= MAX_PARTS; part++) {
        bool is_there = false;
        for (Container i = CONTAINER_MP4; i < CONTAINER_COUNT; i++) {
            const char *extension = container_extension(i);
            g_autofree char *path = part == 1
                                        ? g_strdup_printf("%s.%s", stem, extension)
                                        : g_strdup_printf("%s.part%u.%s", stem, part, extension);
            is_there = is_there || g_file_test(path, G_FILE_TEST_EXISTS);
            remove_unfinished(path);
            if (add_file(leftover, path, measure, &end))
                g_ptr_array_add(leftover->unindexed, g_steal_pointer(&path));
        }
        if (part > 1 && !is_there)
            break;
    }
}

/* The other outputs of the same recording, as its last status named them. */
static void add_named_files(Leftover *leftover, MediaMeasureFn measure)
{
    JsonArray *outputs = json_member_array(recording_of(leftover), "outputs");
    for (unsigned i = 0; outputs && i < json_array_get_length(outputs); i++) {
        JsonNode *node = json_array_get_element(outputs, i);
        double end = 0;
        if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING)
            add_file(leftover, json_node_get_string(node), measure, &end);
    }
}

/* ---- what is told ---- */

static void set_time(JsonObject *object, const char *name, int64_t wall_ns)
{
    g_autofree char *text = status_json_time(wall_ns);
    if (text)
        json_object_set_string_member(object, name, text);
}

static int64_t wall_member_ns(JsonObject *object, const char *name)
{
    const char *text = json_member_text(object, name);
    g_autoptr(GDateTime) time = text ? g_date_time_new_from_iso8601(text, NULL) : NULL;
    return time ? g_date_time_to_unix(time) * NS_PER_SECOND +
                      g_date_time_get_microsecond(time) * NS_PER_US
                : 0;
}

/* It ended when its files were last written to, unless somebody touched them or the clock was set.
 */
static void set_times(const Leftover *leftover, JsonObject *recording, int64_t duration_ns)
{
    const int64_t started_ns = wall_member_ns(recording, "started_at");
    const int64_t paused_ns =
        (int64_t)(json_member_double(recording, "paused_time") * NS_PER_SECOND);
    const int64_t least_ns = started_ns > 0 ? started_ns + duration_ns - NS_PER_SECOND : 0;
    const int64_t most_ns = started_ns + duration_ns + paused_ns + 2 * NS_PER_SECOND;
    int64_t ended_ns = leftover->written_wall_ns;
    if (started_ns > 0 && (ended_ns < least_ns || ended_ns > most_ns))
        ended_ns = started_ns + duration_ns + paused_ns;
    if (started_ns == 0)
        set_time(recording, "started_at", ended_ns - duration_ns);
    set_time(recording, "ended_at", ended_ns);
}

static void set_stats(const Leftover *leftover, JsonObject *recording, int64_t duration_ns)
{
    JsonObject *stats = json_member_object(recording, "stats");
    if (!stats)
        return;
    json_object_set_double_member(stats, "duration", (double)duration_ns / NS_PER_SECOND);
    json_object_set_int_member(stats, "video_frames",
                               (gint64)leftover_tracks_packets(&leftover->tracks, TRACK_VIDEO));
    json_object_set_int_member(stats, "audio_frames",
                               (gint64)leftover_tracks_packets(&leftover->tracks, TRACK_AUDIO));
}

static void set_outcome(JsonObject *recording, bool has_files)
{
    json_object_set_string_member(recording, "state", "stopped");
    json_object_set_boolean_member(recording, "reconnecting", FALSE);
    json_object_set_string_member(recording, "outcome",
                                  outcome_kind_name(has_files ? OUTCOME_PARTIAL : OUTCOME_FAILED));
    json_object_set_string_member(recording, "code", outcome_code_name(CODE_INTERRUPTED));
    json_object_set_string_member(
        recording, "error",
        has_files ? "The program ended while it was recording; what had been written plays."
                  : "The program ended while it was recording, before anything was written.");
}

static void set_files(const Leftover *leftover, JsonObject *recording)
{
    json_object_set_double_member(recording, "file_size_mb",
                                  (double)leftover->bytes / (1024.0 * 1024.0));
    if (json_array_get_length(leftover->paths) > 0)
        json_object_set_string_member(recording, "output_path",
                                      json_array_get_string_element(leftover->paths, 0));
    json_object_set_array_member(recording, "outputs", json_array_ref(leftover->paths));
    json_object_set_array_member(recording, "files", json_array_ref(leftover->files));
}

static void set_interrupted(const Leftover *leftover)
{
    JsonObject *recording = recording_of(leftover);
    const bool has_files = json_array_get_length(leftover->paths) > 0;
    const int64_t duration_ns = (int64_t)((leftover->last - leftover->first) * NS_PER_SECOND);
    set_outcome(recording, has_files);
    set_stats(leftover, recording, duration_ns);
    /* A recovery that was itself interrupted has told the times already, and touched what they are
     * read from. */
    const bool is_first = json_member_text(recording, "counted_at") == NULL;
    if (is_first && has_files)
        set_times(leftover, recording, duration_ns);
    if (is_first)
        set_time(recording, "counted_at", sidecar_written_wall_ns(leftover->sidecar));
    set_time(recording, "recovered_at", clock_wall_ns());
    set_files(leftover, recording);
    leftover_tracks_tell(&leftover->tracks, recording);
}

/* ---- life ---- */

static bool write_sidecar(Leftover *leftover)
{
    g_autoptr(GError) error = NULL;
    json_object_set_string_member(json_node_get_object(leftover->root), "state",
                                  leftover_is_done(leftover) ? "finished" : "recovering");
    g_autofree char *text = json_to_string(leftover->root, TRUE);
    if (sidecar_write(leftover->sidecar, text, &error))
        return true;
    log_warning("catalog", NULL, "%s", error->message);
    return false;
}

Leftover *leftover_new(const char *sidecar_path, JsonNode *root, MediaMeasureFn measure)
{
    Sidecar *sidecar = sidecar_adopt(sidecar_path);
    if (!sidecar) {
        json_node_unref(root);
        return NULL;
    }
    Leftover *leftover = g_new0(Leftover, 1);
    leftover->sidecar = sidecar;
    leftover->root = root;
    leftover->paths = json_array_new();
    leftover->files = json_array_new();
    leftover->unindexed = g_ptr_array_new_with_free_func(g_free);
    JsonArray *former = json_member_array(recording_of(leftover), "files");
    leftover->former = former ? json_array_ref(former) : NULL;
    add_own_files(leftover, measure);
    add_named_files(leftover, measure);
    set_interrupted(leftover);
    write_sidecar(leftover);
    return leftover;
}

void leftover_free(Leftover *leftover)
{
    if (!leftover)
        return;
    sidecar_close(leftover->sidecar, true);
    json_node_unref(leftover->root);
    g_clear_pointer(&leftover->former, json_array_unref);
    json_array_unref(leftover->paths);
    json_array_unref(leftover->files);
    g_ptr_array_unref(leftover->unindexed);
    g_free(leftover);
}

const char *leftover_sidecar_path(const Leftover *leftover)
{
    return sidecar_path(leftover->sidecar);
}

const char *leftover_next(const Leftover *leftover)
{
    return leftover->unindexed->len > 0 ? leftover->unindexed->pdata[0] : NULL;
}

bool leftover_is_done(const Leftover *leftover)
{
    return leftover->unindexed->len == 0;
}

void leftover_set_file(Leftover *leftover, const LeftoverFile *file)
{
    JsonObject *entry = find_file(leftover->files, file->path);
    if (!entry)
        return;
    set_measured(entry, file->bytes, file->duration_ns);
    set_layout(entry, file->hindrance != NULL, file->hindrance);
    for (unsigned i = 0; i < leftover->unindexed->len; i++) {
        if (strcmp(leftover->unindexed->pdata[i], file->path) == 0)
            g_ptr_array_remove_index(leftover->unindexed, i--);
    }
    write_sidecar(leftover);
}
