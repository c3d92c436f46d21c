#include <string.h>

#include "api/formats.h"
#include "api_test.h"

static JsonObject *member(JsonObject *object, const char *name)
{
    g_assert_true(json_object_has_member(object, name));
    return json_object_get_object_member(object, name);
}

static void test_formats(void)
{
    static const struct {
        const char *name, *container;
        bool available;
    } rows[] = {
        {"h264", "mp4", true},      {"av1", "mp4", true}, {"svtav1", "mp4", true},
        {"vp9", "webm", true},      {"mp4", "mp4", true}, {"webm", "webm", true},
        {"mkv", "mkv", true},       {"ogg", "ogg", true}, {"auto", "auto", true},
        {"mpegts", "mpegts", true}, {"m4a", "m4a", true}, {"mp3", "mp3", true},
        {"wav", "wav", true},
    };
    g_autoptr(JsonObject) answer = formats_json();
    JsonObject *formats = member(answer, "formats");
    g_assert_true(json_object_get_boolean_member(answer, "success"));
    g_assert_cmpuint(json_object_get_size(formats), ==, G_N_ELEMENTS(rows));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        JsonObject *format = member(formats, rows[i].name);
        g_assert_cmpstr(json_object_get_string_member(format, "container"), ==, rows[i].container);
        g_assert_cmpint(json_object_get_boolean_member(format, "available"), ==, rows[i].available);
        g_assert_cmpuint(strlen(json_object_get_string_member(format, "description")), >, 0);
        g_assert_cmpint(format_is_available(format_find(rows[i].name)), ==, rows[i].available);
    }
    g_assert_null(format_find("avi"));
    g_autofree char *list = format_list_available();
    g_assert_cmpstr(list, ==,
                    "h264, av1, svtav1, vp9, mp4, webm, mkv, mpegts, ogg, m4a, mp3, wav, auto");
}

static void test_presets(void)
{
    static const struct {
        const char *name, *resolution, *video, *audio;
        unsigned max_width, max_height;
    } rows[] = {
        {"low", "1280x720", "1000000", "64000", 1280, 720},
        {"medium", "1920x1080", "2000000", "128000", 1920, 1080},
        {"high", "1920x1080", "4000000", "192000", 1920, 1080},
        {"source", "as published", "", "", 0, 0},
    };
    g_autoptr(JsonObject) answer = formats_json();
    JsonObject *presets = member(answer, "quality_presets");
    g_assert_cmpuint(json_object_get_size(presets), ==, G_N_ELEMENTS(rows));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        JsonObject *preset = member(presets, rows[i].name);
        const char *video = json_object_get_string_member_with_default(preset, "video_bitrate", "");
        const char *audio = json_object_get_string_member_with_default(preset, "audio_bitrate", "");
        g_assert_cmpstr(json_object_get_string_member(preset, "resolution"), ==,
                        rows[i].resolution);
        g_assert_cmpstr(video, ==, rows[i].video);
        g_assert_cmpstr(audio, ==, rows[i].audio);
        g_assert_true(json_object_get_boolean_member(preset, "available"));
        g_assert_cmpuint(quality_find(rows[i].name)->max_width, ==, rows[i].max_width);
        g_assert_cmpuint(quality_find(rows[i].name)->max_height, ==, rows[i].max_height);
    }
    g_assert_null(quality_find("ultra"));
}

void formats_test_add(void)
{
    g_test_add_func("/formats/formats", test_formats);
    g_test_add_func("/formats/presets", test_presets);
}
