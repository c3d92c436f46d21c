#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "status_json_test.h"
#include "store/catalog.h"
#include "store/sidecar.h"

static void remove_tree(const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name = NULL;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
            remove_tree(path);
        else
            g_unlink(path);
    }
    if (dir != NULL)
        g_dir_close(dir);
    g_rmdir(folder);
}

static char *new_folder(void)
{
    char *folder = g_dir_make_tmp("roomtape-store-XXXXXX", NULL);
    g_assert_nonnull(folder);
    return folder;
}

static void free_folder(char *folder)
{
    remove_tree(folder);
    g_free(folder);
}

/* ---- names ---- */

static const struct {
    const char *value, *name;
} escape_rows[] = {
    {"alice", "alice"},
    {"Zoë 猫", "Zoë 猫"},
    {"", "_"},
    {NULL, "_"},
    {".", "_"},
    {"..", "__"},
    {"...hidden", "___hidden"},
    {"../../etc/passwd", "__"
                         "_.._etc_passwd"},
    {"/etc/passwd", "_etc_passwd"},
    {"a\\b", "a_b"},
    {"line\nbreak\x7f\x01", "line_break__"},
    {"a..b", "a..b"},
    {"CON", "CON"},
};

static void test_escape(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(escape_rows); i++) {
        g_autofree char *name = output_path_escape(escape_rows[i].value);
        g_assert_cmpstr(name, ==, escape_rows[i].name);
    }
}

/* Whatever comes in, one component of at most 100 bytes of UTF-8 goes out. */
static void test_escape_long(void)
{
    static const char *const units[] = {"a", "ë", "猫", "😀", ".", "/", "\xff", "a\xcc\x81", "../"};
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        for (unsigned lead = 0; lead < 4; lead++) {
            g_autoptr(GString) text = g_string_new(&"xyz"[3 - lead]);
            while (text->len < 10000)
                g_string_append(text, units[i]);
            g_autofree char *name = output_path_escape(text->str);
            g_assert_cmpuint(strlen(name), <=, 100);
            g_assert_cmpuint(strlen(name), >, 90);
            g_assert_true(g_utf8_validate(name, -1, NULL));
            g_assert_null(strchr(name, '/'));
            g_assert_cmpint(name[0], !=, '.');
        }
    }
}

typedef struct {
    const char *template, *stem; /* NULL: refused */
    Container container;
    bool screen_share, several;
    unsigned nth;
} StemRow;

static const StemRow stem_rows[] = {
    {"", "/out/demo-__bob-2023-11-14T221320", CONTAINER_AUTO, false, false, 0},
    {NULL, "/out/demo-__bob-2023-11-14T221320", CONTAINER_AUTO, false, false, 0},
    {"calls/", "/out/calls/demo-__bob-2023-11-14T221320", CONTAINER_AUTO, false, false, 0},
    {"take.mp4", "/out/take", CONTAINER_MP4, false, false, 0},
    {"take.webm", "/out/take", CONTAINER_WEBM, false, false, 0},
    {"take.avi", "/out/take.avi", CONTAINER_AUTO, false, false, 0},
    {"{room_name}/{utc}", "/out/demo/20231114221320123", CONTAINER_AUTO, false, false, 0},
    {"{mint_id}", "/out/___.._etc", CONTAINER_AUTO, false, false, 0},
    {"{unknown}{", "/out/{unknown}{", CONTAINER_AUTO, false, false, 0},
    {"take", "/out/take-__bob", CONTAINER_AUTO, false, true, 0},
    {"take", "/out/take-screen_share", CONTAINER_AUTO, true, false, 0},
    {"take-{track_source}", "/out/take-camera", CONTAINER_AUTO, true, false, 0},
    {"take", "/out/take-2", CONTAINER_AUTO, false, false, 1},
    {"a//b/./c", "/out/a/b/c", CONTAINER_AUTO, false, false, 0},
    {".hidden/x", "/out/_hidden/x", CONTAINER_AUTO, false, false, 0},
    {"../take", NULL, CONTAINER_AUTO, false, false, 0},
    {"a/../../take", NULL, CONTAINER_AUTO, false, false, 0},
    {"..", NULL, CONTAINER_AUTO, false, false, 0},
    {"/etc/passwd", NULL, CONTAINER_AUTO, false, false, 0},
    {".", NULL, CONTAINER_AUTO, false, false, 0},
    {".mp4", NULL, CONTAINER_AUTO, false, false, 0},
    {"..mp4", NULL, CONTAINER_AUTO, false, false, 0},
    {"calls/.webm", NULL, CONTAINER_AUTO, false, false, 0},
    {"bad\xff", NULL, CONTAINER_AUTO, false, false, 0},
};

static void test_stem(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(stem_rows); i++) {
        const StemRow *row = &stem_rows[i];
        const OutputPathValues values = {.room_name = "demo",
                                         .publisher_identity = "..bob",
                                         .mint_id = "../../etc",
                                         .track_source = "camera",
                                         .time_wall_ns =
                                             1700000000 * NS_PER_SECOND + 123 * NS_PER_MS,
                                         .screen_share = row->screen_share,
                                         .several_outputs = row->several,
                                         .nth = row->nth};
        Container container = CONTAINER_COUNT;
        g_autoptr(GError) error = NULL;
        g_autofree char *stem =
            output_path_stem("/out", row->template, &values, &container, &error);
        if (row->stem == NULL) {
            g_assert_error(error, STORE_ERROR, STORE_ERROR_BAD_TEMPLATE);
            g_assert_null(stem);
            continue;
        }
        g_assert_no_error(error);
        g_assert_cmpstr(stem, ==, row->stem);
        g_assert_cmpint(container, ==, row->container);
    }
}

static void test_template_long(void)
{
    g_autofree char *template = g_strnfill(10000, 'a');
    const OutputPathValues values = {.room_name = "demo"};
    Container container = CONTAINER_AUTO;
    g_autoptr(GError) error = NULL;
    g_assert_null(output_path_stem("/out", template, &values, &container, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_BAD_TEMPLATE);
}

static void test_reserve(void)
{
    char *folder = new_folder();
    g_autofree char *stem = g_build_filename(folder, "deep", "take", NULL);
    static const char *const suffixes[] = {"", "-2", "-4"};
    g_autofree char *blocked = g_strconcat(stem, "-3.webm", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        int fd = -1;
        g_autoptr(GError) error = NULL;
        g_autofree char *got = output_path_reserve(stem, &fd, &error);
        g_autofree char *expected = g_strconcat(stem, suffixes[i], NULL);
        g_assert_no_error(error);
        g_assert_cmpstr(got, ==, expected);
        close(fd);
        g_assert_true(g_file_set_contents(blocked, "media", -1, NULL));
    }
    free_folder(folder);
}

/* ---- sidecars ---- */

static char *recording(const char *mint_id, const char *state, const char *time)
{
    return g_strdup_printf(
        "{\"roomtape\": \"0.1.0\", \"state\": \"%s\", \"recording\": {\"mint_id\": \"%s\", "
        "\"requested_at\": \"%s\", \"state\": \"recording\"}}",
        state, mint_id, time);
}

static bool is_locked(const char *path)
{
    const int fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);
    g_assert_cmpint(fd, >=, 0);
    const bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return locked;
}

static void test_sidecar(void)
{
    char *folder = new_folder();
    g_autofree char *stem = g_build_filename(folder, "take", NULL);
    g_autoptr(GError) error = NULL;
    Sidecar *sidecar = sidecar_new(stem, &error);
    g_assert_no_error(error);
    g_autofree char *path = g_strdup(sidecar_path(sidecar));
    g_assert_true(is_locked(path));
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *text = recording("a", "recording", "t");
        g_assert_true(sidecar_write(sidecar, text, &error));
        g_assert_true(is_locked(path));
        g_autoptr(JsonNode) read = sidecar_read(path, &error);
        g_assert_no_error(error);
        g_assert_true(JSON_NODE_HOLDS_OBJECT(read));
    }
    Sidecar *second = sidecar_new(stem, &error);
    g_assert_cmpstr(sidecar_stem(second), !=, stem);
    sidecar_close(second, false);
    sidecar_close(sidecar, true);
    g_assert_false(is_locked(path));
    g_autofree char *second_path = g_strconcat(stem, "-2.json", NULL);
    g_assert_false(g_file_test(second_path, G_FILE_TEST_EXISTS));
    sidecar_close(NULL, false);
    free_folder(folder);
}

static void test_sidecar_read_bad(void)
{
    static const char *const contents[] = {"", "[]", "{", "nonsense", "\"text\"", "null", "\xff"};
    char *folder = new_folder();
    g_autofree char *path = g_build_filename(folder, "x.json", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(contents); i++) {
        g_assert_true(g_file_set_contents(path, contents[i], -1, NULL));
        g_autoptr(GError) error = NULL;
        g_assert_null(sidecar_read(path, &error));
        g_assert_nonnull(error);
    }
    g_assert_cmpint(truncate(path, 17 << 20), ==, 0);
    g_autoptr(GError) error = NULL;
    g_assert_null(sidecar_read(path, &error));
    g_assert_nonnull(error);
    g_autoptr(GError) folder_error = NULL;
    g_assert_null(sidecar_read(folder, &folder_error));
    g_assert_nonnull(folder_error);
    free_folder(folder);
}

/* ---- the catalog ---- */

static bool measure(const char *path, MediaMeasure *ret_measure)
{
    if (strstr(path, "broken") != NULL)
        return false;
    *ret_measure = (MediaMeasure){
        .duration_ns = 3 * NS_PER_SECOND,
        .lacks_index = strstr(path, "unindexed") != NULL,
        .tracks = {{TRACK_VIDEO, 90, 9000, 320, 180}, {TRACK_AUDIO, 150, 1500, 0, 0}},
        .track_count = 2};
    return true;
}

static char *write_file(const char *folder, const char *name, const char *text)
{
    char *path = g_build_filename(folder, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

/* Takes over the text. */
static char *write_sidecar(const char *folder, const char *name, char *text)
{
    g_autofree char *owned = text;
    return write_file(folder, name, owned);
}

static void check_found(Catalog *catalog, const char *mint_id, const char *outcome,
                        unsigned outputs)
{
    g_autoptr(JsonNode) node = catalog_find(catalog, mint_id);
    g_assert_nonnull(node);
    JsonObject *object = json_node_get_object(node);
    g_assert_cmpstr(json_object_get_string_member(object, "outcome"), ==, outcome);
    g_assert_cmpstr(json_object_get_string_member(object, "code"), ==, "interrupted");
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(object, "outputs")), ==,
                     outputs);
}

static void test_recover(void)
{
    char *folder = new_folder();
    g_free(write_sidecar(folder, "crashed.json", recording("one", "recording", "2026-01-01")));
    g_free(write_file(folder, "crashed.mp4", "media"));
    g_free(write_file(folder, "crashed.part2.mp4", "media"));
    g_autofree char *half = write_file(folder, ".crashed.mp4.finalizing", "half");
    g_free(write_sidecar(folder, "broken.json", recording("two", "recording", "2026-01-01")));
    g_autofree char *broken = write_file(folder, "broken.webm", "rubbish");
    g_free(write_sidecar(folder, "finished.json", recording("three", "finished", "2026-01-01")));
    g_autofree char *foreign = write_file(folder, "foreign.json", "{\"state\": \"recording\"}");
    g_free(write_file(folder, "empty.json", ""));
    g_autofree char *stem = g_build_filename(folder, "live", NULL);
    Sidecar *live = sidecar_new(stem, NULL);
    g_autofree char *text = recording("four", "recording", "2026-01-01");
    g_assert_true(sidecar_write(live, text, NULL));

    Catalog *catalog = catalog_new(folder);
    g_assert_cmpuint(catalog_recover(catalog, measure), ==, 2);
    check_found(catalog, "one", "partial", 2);
    check_found(catalog, "two", "failed", 0);
    g_assert_true(g_file_test(broken, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(half, G_FILE_TEST_EXISTS));
    g_assert_null(catalog_find(catalog, "five"));
    g_autofree char *kept = NULL;
    g_assert_true(g_file_get_contents(foreign, &kept, NULL, NULL));
    g_assert_cmpstr(kept, ==, "{\"state\": \"recording\"}");
    g_autoptr(JsonNode) still = catalog_find(catalog, "four");
    g_assert_false(json_object_has_member(json_node_get_object(still), "code"));
    g_assert_cmpuint(catalog_recover(catalog, measure), ==, 0);
    catalog_free(catalog);
    sidecar_close(live, true);
    free_folder(folder);
}

static const char killed_text[] =
    "{\"roomtape\": \"0.1.0\", \"state\": \"recording\", \"identity\": \"alice\", "
    "\"screen_share\": false, \"recording\": {\"mint_id\": \"killed\", "
    "\"requested_at\": \"2026-01-01T00:00:00.000Z\", \"started_at\": \"2026-01-01T00:00:01.000Z\", "
    "\"ended_at\": null, \"state\": \"recording\", \"stats\": {\"duration\": 1.0, "
    "\"video_frames\": 7}, \"tracks\": {"
    "\"TR_a\": {\"identity\": \"alice\", \"kind\": \"video\", \"source\": \"camera\"}, "
    "\"TR_b\": {\"identity\": \"alice\", \"kind\": \"video\", \"source\": \"screen_share\"}, "
    "\"TR_c\": {\"identity\": \"alice\", \"kind\": \"audio\", \"source\": \"microphone\"}, "
    "\"TR_d\": {\"identity\": \"alice\", \"kind\": \"audio\", \"source\": \"microphone\"}}}}";

static char *state_of(const char *path)
{
    g_autoptr(JsonNode) root = sidecar_read(path, NULL);
    g_assert_nonnull(root);
    return g_strdup(json_object_get_string_member(json_node_get_object(root), "state"));
}

static void check_told(Catalog *catalog)
{
    g_autoptr(JsonNode) node = catalog_find(catalog, "killed");
    JsonObject *object = json_node_get_object(node);
    JsonObject *stats = json_object_get_object_member(object, "stats");
    JsonObject *tracks = json_object_get_object_member(object, "tracks");
    JsonObject *camera = json_object_get_object_member(tracks, "TR_a");
    g_assert_cmpfloat_with_epsilon(json_object_get_double_member(stats, "duration"), 6, 0.001);
    g_assert_cmpint(json_object_get_int_member(stats, "video_frames"), ==, 180);
    g_assert_cmpint(json_object_get_int_member(stats, "audio_frames"), ==, 300);
    g_assert_cmpint(json_object_get_int_member(camera, "frames_written"), ==, 180);
    g_assert_cmpint(json_object_get_int_member(camera, "bytes_written"), ==, 18000);
    g_assert_cmpstr(json_object_get_string_member(camera, "code"), ==, "interrupted");
    /* Somebody else's, and two of which one may be meant. */
    static const char *const others[] = {"TR_b", "TR_c", "TR_d"};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_false(json_object_has_member(json_object_get_object_member(tracks, others[i]),
                                              "frames_written"));
    /* The files were written long after it began: what they hold tells when it ended. */
    g_assert_cmpstr(json_object_get_string_member(object, "ended_at"), ==,
                    "2026-01-01T00:00:07.000Z");
}

/* A sidecar stays open until its files have their index, also over another crash. */
static void test_unindexed(void)
{
    char *folder = new_folder();
    g_autofree char *sidecar = write_file(folder, "unindexed.json", killed_text);
    g_autofree char *first = write_file(folder, "unindexed.mp4", "media");
    g_autofree char *second = write_file(folder, "unindexed.part2.mkv", "media");
    for (unsigned start = 0; start < 2; start++) {
        Catalog *crashing = catalog_new(folder);
        g_assert_cmpuint(catalog_recover(crashing, measure), ==, start == 0);
        check_told(crashing);
        g_assert_cmpstr(catalog_next_unindexed(crashing), ==, first);
        g_assert_true(is_locked(sidecar));
        Catalog *other = catalog_new(folder);
        g_assert_cmpuint(catalog_recover(other, measure), ==, 0);
        g_assert_null(catalog_next_unindexed(other));
        catalog_free(other);
        catalog_free(crashing);
        g_autofree char *state = state_of(sidecar);
        g_assert_cmpstr(state, ==, "recovering");
    }
    Catalog *catalog = catalog_new(folder);
    catalog_recover(catalog, measure);
    catalog_set_file(catalog, &(LeftoverFile){.path = "/elsewhere", .bytes = 1});
    catalog_set_file(catalog, &(LeftoverFile){.path = first, .bytes = 77, .duration_ns = 1});
    g_assert_cmpstr(catalog_next_unindexed(catalog), ==, second);
    catalog_set_file(catalog, &(LeftoverFile){.path = second, .hindrance = "Because."});
    g_assert_null(catalog_next_unindexed(catalog));
    g_assert_false(is_locked(sidecar));
    g_autofree char *state = state_of(sidecar);
    g_assert_cmpstr(state, ==, "finished");
    g_autoptr(JsonNode) node = catalog_find(catalog, "killed");
    JsonArray *files = json_object_get_array_member(json_node_get_object(node), "files");
    JsonObject *plain = json_array_get_object_element(files, 0);
    JsonObject *hindered = json_array_get_object_element(files, 1);
    g_assert_cmpstr(json_object_get_string_member(plain, "layout"), ==, "plain");
    g_assert_cmpint(json_object_get_int_member(plain, "bytes"), ==, 77);
    g_assert_true(json_object_get_null_member(plain, "layout_reason"));
    g_assert_cmpstr(json_object_get_string_member(hindered, "layout_reason"), ==, "Because.");
    catalog_free(catalog);
    free_folder(folder);
}

static void test_newest(void)
{
    char *folder = new_folder();
    g_free(write_sidecar(folder, "a.json", recording("x", "finished", "2026-01-01")));
    g_free(write_sidecar(folder, "b.json", recording("x", "finished", "2026-01-03")));
    g_free(write_sidecar(folder, "c.json", recording("x", "finished", "2026-01-02")));
    Catalog *catalog = catalog_new(folder);
    catalog_recover(catalog, measure);
    g_autoptr(JsonNode) node = catalog_find(catalog, "x");
    g_assert_cmpstr(json_object_get_string_member(json_node_get_object(node), "requested_at"), ==,
                    "2026-01-03");
    g_autofree char *later =
        write_sidecar(folder, "d.json", recording("x", "finished", "2026-01-04"));
    catalog_add(catalog, later);
    g_autoptr(JsonNode) newer = catalog_find(catalog, "x");
    g_assert_cmpstr(json_object_get_string_member(json_node_get_object(newer), "requested_at"), ==,
                    "2026-01-04");
    g_autofree char *set_back =
        write_sidecar(folder, "e.json", recording("x", "finished", "2025-01-01"));
    catalog_add(catalog, set_back);
    g_autoptr(JsonNode) newest = catalog_find(catalog, "x");
    g_assert_cmpstr(json_object_get_string_member(json_node_get_object(newest), "requested_at"), ==,
                    "2025-01-01");
    catalog_free(catalog);
    free_folder(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/output_path/escape", test_escape);
    g_test_add_func("/output_path/escape-long", test_escape_long);
    g_test_add_func("/output_path/stem", test_stem);
    g_test_add_func("/output_path/template-long", test_template_long);
    g_test_add_func("/output_path/reserve", test_reserve);
    g_test_add_func("/sidecar/lock", test_sidecar);
    g_test_add_func("/sidecar/bad", test_sidecar_read_bad);
    g_test_add_func("/catalog/recover", test_recover);
    g_test_add_func("/catalog/unindexed", test_unindexed);
    g_test_add_func("/catalog/newest", test_newest);
    status_json_test_add();
    return g_test_run();
}
