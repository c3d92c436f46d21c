#include "api/formats.h"

#include "encode/encoder_available.h"

#define AS_PUBLISHED "as published"

static bool is_available(Encoding encoding)
{
    return encoding == ENCODING_NONE ||
           encoder_is_available(encoder_settings_default(encoding).encoder);
}

bool format_is_available(const Format *format)
{
    return is_available(format->video) && is_available(format->audio);
}

static void add_name(GString *list, const char *name)
{
    g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", name);
}

char *format_list_available(void)
{
    GString *list = g_string_new(NULL);
    const Format *format;
    for (unsigned i = 0; (format = format_at(i)) != NULL; i++) {
        if (format_is_available(format))
            add_name(list, format->name);
    }
    return g_string_free(list, FALSE);
}

char *quality_list(void)
{
    GString *list = g_string_new(NULL);
    const Quality *quality;
    for (unsigned i = 0; (quality = quality_at(i)) != NULL; i++)
        add_name(list, quality->name);
    return g_string_free(list, FALSE);
}

static void set_text(JsonObject *object, const char *name, const char *text)
{
    if (text != NULL)
        json_object_set_string_member(object, name, text);
    else
        json_object_set_null_member(object, name);
}

static const char *encoder_name(const Format *format, Encoding encoding)
{
    return format_encodes(format) ? encoder_settings_default(encoding).encoder : AS_PUBLISHED;
}

static JsonObject *format_json(const Format *format)
{
    JsonObject *object = json_object_new();
    set_text(object, "description", format->description);
    set_text(object, "video_codec", encoder_name(format, format->video));
    set_text(object, "audio_codec", encoder_name(format, format->audio));
    set_text(object, "container", container_name(format->container));
    json_object_set_boolean_member(object, "available", format_is_available(format));
    return object;
}

/* The bit rates are text because they always were. */
static void set_number_text(JsonObject *object, const char *name, unsigned value)
{
    g_autofree char *text = value > 0 ? g_strdup_printf("%u", value) : NULL;
    set_text(object, name, text);
}

static JsonObject *quality_json(const Quality *quality)
{
    JsonObject *object = json_object_new();
    g_autofree char *resolution =
        quality->max_width > 0 ? g_strdup_printf("%ux%u", quality->max_width, quality->max_height)
                               : g_strdup(AS_PUBLISHED);
    set_text(object, "description", quality->description);
    set_text(object, "resolution", resolution);
    set_number_text(object, "video_bitrate", quality->video_bitrate);
    set_number_text(object, "audio_bitrate", quality->audio_bitrate);
    json_object_set_boolean_member(object, "available", TRUE);
    return object;
}

JsonObject *formats_json(void)
{
    JsonObject *root = json_object_new();
    JsonObject *formats = json_object_new();
    JsonObject *qualities = json_object_new();
    const Format *format;
    const Quality *quality;
    for (unsigned i = 0; (format = format_at(i)) != NULL; i++)
        json_object_set_object_member(formats, format->name, format_json(format));
    for (unsigned i = 0; (quality = quality_at(i)) != NULL; i++)
        json_object_set_object_member(qualities, quality->name, quality_json(quality));
    json_object_set_boolean_member(root, "success", TRUE);
    json_object_set_object_member(root, "formats", formats);
    json_object_set_object_member(root, "quality_presets", qualities);
    return root;
}
