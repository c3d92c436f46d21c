#include "config/config.h"

#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "config/config_table.h"
#include "config/config_value.h"

#define FILE_SUFFIX "_file"

G_DEFINE_QUARK(roomtape - config - error, config_error)

Config *config_new(void)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    Config *config = g_new0(Config, 1);
    for (Encoding i = ENCODING_NONE; i < ENCODING_COUNT; i++)
        config->encodings[i] = encoder_settings_default(i);
    for (unsigned i = 0; i < count; i++) {
        if (keys[i].default_text != NULL)
            require(config_value_parse(&keys[i], keys[i].default_text, config));
    }
    return config;
}

static bool is_text(ConfigType type)
{
    return type == CONFIG_TEXT || type == CONFIG_URL || type == CONFIG_LISTEN ||
           type == CONFIG_LIST;
}

void config_free(Config *config)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    if (config == NULL)
        return;
    for (unsigned i = 0; i < count; i++) {
        if (is_text(keys[i].type))
            g_free(*(char **)(void *)((char *)config + keys[i].offset));
    }
    g_free(config);
}

const ConfigKey *config_find(const char *key)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(keys[i].key, key) == 0)
            return &keys[i];
    }
    return NULL;
}

const ConfigKey *config_find_secret_of(const char *file_key)
{
    if (!g_str_has_suffix(file_key, FILE_SUFFIX))
        return NULL;
    g_autofree char *key = g_strndup(file_key, strlen(file_key) - strlen(FILE_SUFFIX));
    const ConfigKey *found = config_find(key);
    return found != NULL && found->secret ? found : NULL;
}

/* The name within the section, or NULL when the key belongs to another one. */
static const char *name_in_section(const char *key, const char *section)
{
    const size_t length = strlen(section);
    return strncmp(key, section, length) == 0 && key[length] == '.' ? key + length + 1 : NULL;
}

bool config_has_section(const char *section)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    for (unsigned i = 0; i < count; i++) {
        if (name_in_section(keys[i].key, section) != NULL)
            return true;
    }
    return false;
}

char *config_list_section(const char *section)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    GString *list = g_string_new(NULL);
    for (unsigned i = 0; i < count; i++) {
        const char *name = name_in_section(keys[i].key, section);
        if (name != NULL)
            g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", name);
    }
    return g_string_free(list, FALSE);
}

char *config_list_sections(void)
{
    unsigned count;
    const ConfigKey *keys = config_keys(&count);
    GString *list = g_string_new(NULL);
    const char *last = "";
    for (unsigned i = 0; i < count; i++) {
        const size_t length = strcspn(keys[i].key, ".");
        if (strncmp(last, keys[i].key, length + 1) != 0) {
            g_string_append(list, list->len > 0 ? ", " : "");
            g_string_append_len(list, keys[i].key, (gssize)length);
        }
        last = keys[i].key;
    }
    return g_string_free(list, FALSE);
}

char *config_quote(const char *text)
{
    char printable[104];
    text_printable(text, strlen(text), printable, sizeof printable);
    return g_strdup_printf("\"%s\"", printable);
}

static void set_unknown_key(GError **error, const char *key)
{
    g_autofree char *quoted = config_quote(key);
    g_autofree char *section = g_strndup(key, strcspn(key, "."));
    if (config_has_section(section)) {
        g_autofree char *names = config_list_section(section);
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_KEY,
                    "There is no setting %s; the section \"%s\" has %s.", quoted, section, names);
        return;
    }
    g_autofree char *sections = config_list_sections();
    g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_KEY,
                "There is no setting %s; the sections are %s.", quoted, sections);
}

static bool set_from_file(Config *config, const ConfigKey *secret, const char *path, GError **error)
{
    g_autofree char *value = config_read_secret(path, error);
    return value != NULL && config_set(config, secret->key, value, error);
}

bool config_set(Config *config, const char *key, const char *value, GError **error)
{
    const ConfigKey *found = config_find(key);
    const ConfigKey *secret = config_find_secret_of(key);
    if (secret != NULL)
        return set_from_file(config, secret, value, error);
    if (found == NULL) {
        set_unknown_key(error, key);
        return false;
    }
    if (!config_value_parse(found, value, config)) {
        g_autofree char *problem = config_value_problem(found, value);
        g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_VALUE, problem);
        return false;
    }
    return true;
}
