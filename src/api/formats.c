#include "api/formats.h"

#define AS_PUBLISHED "as published"

/* The first four need an encoder: they are kept for their names and refused until there is one. */
static const Format formats[] = {
    {"h264", "H.264 and AAC in MP4, re-encoded", "libx264", "aac", CONTAINER_MP4, false},
    {"av1", "AV1 and AAC in MP4, re-encoded with libaom", "libaom-av1", "aac", CONTAINER_MP4,
     false},
    {"svtav1", "AV1 and AAC in MP4, re-encoded with SVT-AV1", "libsvtav1", "aac", CONTAINER_MP4,
     false},
    {"vp9", "VP9 and Opus in WebM, re-encoded", "libvpx-vp9", "opus", CONTAINER_WEBM, false},
    {"mp4", "H.264, H.265, VP9 or AV1 with Opus in MP4, as published", AS_PUBLISHED, AS_PUBLISHED,
     CONTAINER_MP4, true},
    {"webm", "VP8, VP9 or AV1 with Opus in WebM, as published", AS_PUBLISHED, AS_PUBLISHED,
     CONTAINER_WEBM, true},
    {"mkv", "every codec in Matroska, as published", AS_PUBLISHED, AS_PUBLISHED, CONTAINER_MKV,
     true},
    {"ogg", "Opus alone in Ogg, as published", NULL, AS_PUBLISHED, CONTAINER_OGG, true},
    {"auto", "the first of mp4, webm, mkv that takes the codecs; ogg for Opus alone", AS_PUBLISHED,
     AS_PUBLISHED, CONTAINER_AUTO, true},
};

/* Without an encoder a preset is a ceiling for the simulcast layer that is asked for. */
static const Preset presets[] = {
    {"low", "the best published layer up to 720p", 1280, 720, 1000000, 64000},
    {"medium", "the best published layer up to 1080p", 1920, 1080, 2000000, 128000},
    {"high", "the best published layer up to 1080p", 1920, 1080, 4000000, 192000},
    {"source", "the best published layer", 0, 0, 0, 0},
};

const Format *format_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (g_ascii_strcasecmp(name, formats[i].name) == 0)
            return &formats[i];
    }
    return NULL;
}

const Preset *preset_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(presets); i++) {
        if (g_ascii_strcasecmp(name, presets[i].name) == 0)
            return &presets[i];
    }
    return NULL;
}

static void add_name(GString *list, const char *name)
{
    g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", name);
}

char *format_list_available(void)
{
    GString *list = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].is_available)
            add_name(list, formats[i].name);
    }
    return g_string_free(list, FALSE);
}

char *preset_list(void)
{
    GString *list = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(presets); i++)
        add_name(list, presets[i].name);
    return g_string_free(list, FALSE);
}

static void set_text(JsonObject *object, const char *name, const char *text)
{
    if (text != NULL)
        json_object_set_string_member(object, name, text);
    else
        json_object_set_null_member(object, name);
}

static JsonObject *format_json(const Format *format)
{
    JsonObject *object = json_object_new();
    set_text(object, "description", format->description);
    set_text(object, "video_codec", format->video_codec);
    set_text(object, "audio_codec", format->audio_codec);
    set_text(object, "container", container_name(format->container));
    json_object_set_boolean_member(object, "available", format->is_available);
    return object;
}

/* The bit rates are text because they always were. */
static void set_number_text(JsonObject *object, const char *name, unsigned value)
{
    g_autofree char *text = value > 0 ? g_strdup_printf("%u", value) : NULL;
    set_text(object, name, text);
}

static JsonObject *preset_json(const Preset *preset)
{
    JsonObject *object = json_object_new();
    g_autofree char *resolution =
        preset->max_width > 0 ? g_strdup_printf("%ux%u", preset->max_width, preset->max_height)
                              : g_strdup(AS_PUBLISHED);
    set_text(object, "description", preset->description);
    set_text(object, "resolution", resolution);
    set_number_text(object, "video_bitrate", preset->video_bitrate);
    set_number_text(object, "audio_bitrate", preset->audio_bitrate);
    json_object_set_boolean_member(object, "available", TRUE);
    return object;
}

JsonObject *formats_json(void)
{
    JsonObject *root = json_object_new();
    JsonObject *format_objects = json_object_new();
    JsonObject *preset_objects = json_object_new();
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
        json_object_set_object_member(format_objects, formats[i].name, format_json(&formats[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(presets); i++)
        json_object_set_object_member(preset_objects, presets[i].name, preset_json(&presets[i]));
    json_object_set_boolean_member(root, "success", TRUE);
    json_object_set_object_member(root, "formats", format_objects);
    json_object_set_object_member(root, "quality_presets", preset_objects);
    return root;
}
