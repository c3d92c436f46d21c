#include "cli/output_flag.h"

#include <string.h>

#include "store/output_path.h"

/* Where the name begins: after the last slash in front of the first brace. */
static size_t name_start(const char *text)
{
    const size_t fixed = strcspn(text, "{");
    size_t start = 0;
    for (size_t i = 0; i < fixed; i++) {
        if (text[i] == '/')
            start = i + 1;
    }
    return start;
}

static char *directory_of(const char *text, size_t length)
{
    if (length == 0)
        return g_strdup(".");
    while (length > 1 && text[length - 1] == '/')
        length--;
    return g_strndup(text, length);
}

/* The file name's extension, as the recorder will read it. */
static bool read_extension(const char *output_template, Container *ret_container, GError **error)
{
    static const OutputPathValues values = {
        .room_name = "room",
        .room_id = "id",
        .publisher_identity = "identity",
        .track_id = "track",
        .track_type = "video",
        .track_source = "camera",
        .mint_id = "id",
    };
    g_autofree char *stem = output_path_stem(".", output_template, &values, ret_container, error);
    return stem != NULL;
}

bool output_flag_parse(const char *text, OutputFlag *ret_output, GError **error)
{
    if (text[0] == '\0') {
        g_set_error(error, STORE_ERROR, STORE_ERROR_BAD_TEMPLATE, "the path is empty.");
        return false;
    }
    const bool has_braces = strchr(text, '{') != NULL;
    if (!has_braces && (g_str_has_suffix(text, "/") || g_file_test(text, G_FILE_TEST_IS_DIR))) {
        *ret_output = (OutputFlag){.directory = directory_of(text, strlen(text))};
        return true;
    }
    const size_t start = name_start(text);
    Container container = CONTAINER_AUTO;
    if (!read_extension(text + start, &container, error))
        return false;
    *ret_output = (OutputFlag){
        .directory = directory_of(text, start),
        .output_template = g_strdup(text + start),
        .container = container,
    };
    return true;
}

void output_flag_clear(OutputFlag *output)
{
    g_clear_pointer(&output->directory, g_free);
    g_clear_pointer(&output->output_template, g_free);
}
