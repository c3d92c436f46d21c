/* A caller's template with strangers' values in it: what comes out is below the folder. The input
 * is lines: the template, room, room id, identity, track id, mint id. */
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "store/output_path.h"

#define FOLDER "/srv/out"
#define COMPONENT_MAX 255

static void check_component(const char *name)
{
    require(*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
    require(strlen(name) <= COMPONENT_MAX && g_utf8_validate(name, -1, NULL));
    for (const char *at = name; *at; at++)
        require(!g_ascii_iscntrl(*at));
}

static void check_below(const char *stem)
{
    require(g_str_has_prefix(stem, FOLDER "/"));
    g_auto(GStrv) names = g_strsplit(stem + strlen(FOLDER "/"), "/", 0);
    for (char **name = names; *name; name++)
        check_component(*name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 6);
    const char *given[6] = {"", "", "", "", "", ""};
    for (unsigned i = 0; i < 6 && lines[i]; i++)
        given[i] = lines[i];
    const OutputPathValues values = {
        .room_name = given[1],
        .room_id = given[2],
        .publisher_identity = given[3],
        .track_id = given[4],
        .track_type = "video",
        .track_source = "camera",
        .mint_id = given[5],
        .time_wall_ns = 1700000000 * INT64_C(1000000000),
        .screen_share = size & 1,
        .several_outputs = size & 2,
        .nth = size & 3,
    };
    Container container;
    g_autoptr(GError) error = NULL;
    g_autofree char *stem = output_path_stem(FOLDER, given[0], &values, &container, &error);
    if (stem)
        check_below(stem);
    else
        require(error != NULL && g_utf8_validate(error->message, -1, NULL));
    g_autofree char *escaped = output_path_escape(text);
    check_component(escaped);
    require(strlen(escaped) <= 100 && !strchr(escaped, '/'));
    return 0;
}
