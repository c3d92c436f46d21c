/* Settings as a file, as single values and as environment variables. */
#include <string.h>

#include "base/check.h"
#include "config/config.h"
#include "fuzz.h"

static void load(Config *config, const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    if (!config_load_file(config, fuzz_file(data, size), &error))
        require(error != NULL && g_utf8_validate(error->message, -1, NULL));
}

/* "key=value" a line */
static void set_lines(Config *config, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 64);
    for (char **line = lines; *line; line++) {
        char *value = strchr(*line, '=');
        g_autoptr(GError) error = NULL;
        if (!value)
            continue;
        *value++ = '\0';
        if (!config_set(config, *line, value, &error))
            require(error != NULL && g_utf8_validate(error->message, -1, NULL));
    }
}

/* Variables that name files are left out: the operator's own. */
static void set_environment(Config *config, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 64);
    g_autoptr(GError) error = NULL;
    if (!strstr(text, "_FILE") && !config_load_environment(config, lines, &error))
        require(error != NULL && g_utf8_validate(error->message, -1, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    g_autoptr(Config) config = config_new();
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    if (data[0] == 'e')
        set_environment(config, text);
    else if (data[0] == 's')
        set_lines(config, text);
    else
        load(config, data + 1, size - 1);
    require(config->format && config->quality && config->max_recordings > 0);
    return 0;
}
