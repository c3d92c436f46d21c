#include <string.h>

#include "config/config.h"
#include "config/config_table.h"

#define PREFIX "ROOMTAPE_"
#define FILE_SUFFIX "_FILE"

/* LiveKit's own names, which the official tools use, too. */
static const struct {
    const char *environment, *key;
} livekit_names[] = {
    {"LIVEKIT_URL", "livekit.url"},
    {"LIVEKIT_API_KEY", "livekit.api_key"},
    {"LIVEKIT_API_SECRET", "livekit.api_secret"},
};

static const char *get_set(char **environment, const char *name)
{
    const char *value = g_environ_getenv(environment, name);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* `value` as it stands, or what the file holds that NAME_FILE names. */
static bool get_value(char **environment, const char *name, char **ret_value, GError **error)
{
    g_autofree char *file_name = g_strconcat(name, FILE_SUFFIX, NULL);
    const char *value = get_set(environment, name);
    const char *path = get_set(environment, file_name);
    if (value != NULL && path != NULL) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_KEY,
                    "%s and %s are both set; only one of them can be meant.", name, file_name);
        return false;
    }
    if (path == NULL) {
        *ret_value = g_strdup(value);
        return true;
    }
    char *secret = config_read_secret(path, error);
    if (secret == NULL) {
        g_prefix_error(error, "%s: ", file_name);
        return false;
    }
    *ret_value = secret;
    return true;
}

static bool load_variable(Config *config, char **environment, const char *name,
                          const ConfigKey *key, GError **error)
{
    g_autofree char *value = NULL;
    if (!key->secret)
        value = g_strdup(get_set(environment, name));
    else if (!get_value(environment, name, &value, error))
        return false;
    if (value != NULL && !config_set(config, key->key, value, error)) {
        g_prefix_error(error, "%s: ", name);
        return false;
    }
    return true;
}

static bool is_known(const char *name, size_t length)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    for (unsigned i = 0; i < count; i++) {
        const size_t known = strlen(keys[i].environment);
        if (length < known || strncmp(name, keys[i].environment, known) != 0)
            continue;
        if (length == known)
            return true;
        if (keys[i].secret && length == known + strlen(FILE_SUFFIX) &&
            strncmp(name + known, FILE_SUFFIX, strlen(FILE_SUFFIX)) == 0)
            return true;
    }
    return false;
}

static bool check_names(char **environment, GError **error)
{
    for (char **variable = environment; *variable != NULL; variable++) {
        const size_t length = strcspn(*variable, "=");
        if (!g_str_has_prefix(*variable, PREFIX) || is_known(*variable, length))
            continue;
        g_autofree char *name = g_strndup(*variable, length);
        g_autofree char *quoted = config_quote(name);
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_KEY,
                    "The environment variable %s is none of ours; names are " PREFIX
                    "SECTION_SETTING, such as ROOMTAPE_OUTPUT_DIR.",
                    quoted);
        return false;
    }
    return true;
}

bool config_load_environment(Config *config, char **environment, GError **error)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    if (!check_names(environment, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(livekit_names); i++) {
        if (!load_variable(config, environment, livekit_names[i].environment,
                           config_find(livekit_names[i].key), error))
            return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!load_variable(config, environment, keys[i].environment, &keys[i], error))
            return false;
    }
    return true;
}
