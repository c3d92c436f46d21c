#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "config/config.h"
#include "config/config_table.h"

#define MAX_FILE_BYTES (1024 * 1024)

/* The file is a mapping of sections, each a mapping of names to plain values. */
typedef struct {
    yaml_document_t document;
    Config *config;
    const char *path;
    GHashTable *seen; /* sections and dotted keys */
    GError **error;
} Walk;

static bool fail(Walk *walk, const yaml_node_t *node, ConfigError code, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

static bool fail(Walk *walk, const yaml_node_t *node, ConfigError code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *sentence = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(walk->error, CONFIG_ERROR, code, "%s, line %zu: %s", walk->path,
                node->start_mark.line + 1, sentence);
    return false;
}

static const char *scalar(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static bool is_unset(const yaml_node_t *node)
{
    static const char *const words[] = {"", "~", "null", NULL};
    return node->type == YAML_SCALAR_NODE && g_strv_contains(words, scalar(node)) &&
           node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool check_plain(Walk *walk, const yaml_node_t *node, const char *name)
{
    if (node->type != YAML_SCALAR_NODE)
        return fail(walk, node, CONFIG_ERROR_VALUE,
                    "%s has to be one plain value, not a list or a group.", name);
    if (strlen(scalar(node)) != node->data.scalar.length)
        return fail(walk, node, CONFIG_ERROR_VALUE, "%s holds a NUL character.", name);
    return true;
}

static bool check_once(Walk *walk, const yaml_node_t *node, const char *name)
{
    if (g_hash_table_add(walk->seen, g_strdup(name)))
        return true;
    g_autofree char *quoted = config_quote(name);
    return fail(walk, node, CONFIG_ERROR_KEY, "%s stands there twice.", quoted);
}

/* `h264: {speed: fast}` is `h264: speed=fast`. */
static bool walk_options(Walk *walk, const ConfigKey *key, const yaml_node_t *node)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    if (key->type != CONFIG_ENCODING)
        return check_plain(walk, node, key->key);
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(&walk->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&walk->document, pair->value);
        g_autoptr(GError) cause = NULL;
        if (!check_plain(walk, name, "The name of an option") ||
            !check_plain(walk, value, key->key))
            return false;
        g_autofree char *option = g_strdup_printf("%s=%s", scalar(name), scalar(value));
        if (!config_set(walk->config, key->key, option, &cause))
            return fail(walk, name, (ConfigError)cause->code, "%s", cause->message);
    }
    return true;
}

/* `allowed_urls: [a, b]` is `allowed_urls: a, b`. */
static bool walk_list(Walk *walk, const ConfigKey *key, const yaml_node_t *node)
{
    const yaml_node_item_t *item = node->data.sequence.items.start;
    g_autoptr(GString) list = g_string_new(NULL);
    g_autoptr(GError) cause = NULL;
    for (; item < node->data.sequence.items.top; item++) {
        const yaml_node_t *value = yaml_document_get_node(&walk->document, *item);
        if (!check_plain(walk, value, key->key))
            return false;
        g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", scalar(value));
    }
    if (list->len == 0 || config_set(walk->config, key->key, list->str, &cause))
        return true;
    return fail(walk, node, (ConfigError)cause->code, "%s", cause->message);
}

static bool walk_setting(Walk *walk, const char *section, const yaml_node_t *key,
                         const yaml_node_t *value)
{
    if (!check_plain(walk, key, "The name of a setting"))
        return false;
    g_autofree char *dotted = g_strconcat(section, ".", scalar(key), NULL);
    const ConfigKey *secret = config_find_secret_of(dotted);
    const ConfigKey *found = secret != NULL ? secret : config_find(dotted);
    const bool is_known = found != NULL;
    g_autoptr(GError) cause = NULL;
    /* A secret and its file are one setting. */
    if (!check_once(walk, key, is_known ? found->key : dotted))
        return false;
    if (is_known && is_unset(value))
        return true;
    if (is_known && value->type == YAML_MAPPING_NODE)
        return walk_options(walk, found, value);
    if (is_known && value->type == YAML_SEQUENCE_NODE && found->type == CONFIG_LIST)
        return walk_list(walk, found, value);
    if (is_known && !check_plain(walk, value, dotted))
        return false;
    /* For an unknown setting this makes the sentence that lists the known ones. */
    if (config_set(walk->config, dotted, is_known ? scalar(value) : "", &cause))
        return true;
    return fail(walk, key, (ConfigError)cause->code, "%s", cause->message);
}

static bool walk_section(Walk *walk, const char *section, const yaml_node_t *node)
{
    if (is_unset(node))
        return true;
    if (node->type != YAML_MAPPING_NODE)
        return fail(walk, node, CONFIG_ERROR_VALUE,
                    "\"%s\" is a section: its settings follow it, indented.", section);
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&walk->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&walk->document, pair->value);
        if (!walk_setting(walk, section, key, value))
            return false;
    }
    return true;
}

static bool walk_top(Walk *walk, const yaml_node_t *key, const yaml_node_t *value)
{
    if (!check_plain(walk, key, "The name of a section") || !check_once(walk, key, scalar(key)))
        return false;
    if (config_has_section(scalar(key)))
        return walk_section(walk, scalar(key), value);
    g_autofree char *quoted = config_quote(scalar(key));
    g_autofree char *sections = config_list_sections();
    return fail(walk, key, CONFIG_ERROR_KEY, "There is no section %s; the sections are %s.", quoted,
                sections);
}

static bool walk_document(Walk *walk)
{
    const yaml_node_t *root = yaml_document_get_root_node(&walk->document);
    if (root == NULL || is_unset(root))
        return true;
    if (root->type != YAML_MAPPING_NODE)
        return fail(walk, root, CONFIG_ERROR_VALUE,
                    "The file has to consist of sections, such as \"timeouts:\".");
    const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
    for (; pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&walk->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&walk->document, pair->value);
        if (!walk_top(walk, key, value))
            return false;
    }
    return true;
}

static bool load_document(Walk *walk, const char *text, size_t size)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        g_error("Out of memory.");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    const bool loaded = yaml_parser_load(&parser, &walk->document);
    if (!loaded)
        g_set_error(walk->error, CONFIG_ERROR, CONFIG_ERROR_FILE,
                    "%s, line %zu: This is not YAML: %s.", walk->path, parser.problem_mark.line + 1,
                    parser.problem != NULL ? parser.problem : "unreadable");
    yaml_parser_delete(&parser);
    return loaded;
}

static char *read_file(const char *path, size_t *ret_size, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) cause = NULL;
    struct stat info;
    if (stat(path, &info) == 0 && info.st_size > MAX_FILE_BYTES) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE,
                    "%s is too large for a configuration: over %d KiB.", path,
                    MAX_FILE_BYTES / 1024);
        return NULL;
    }
    if (!g_file_get_contents(path, &text, ret_size, &cause)) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE, "The configuration cannot be read: %s.",
                    cause->message);
        return NULL;
    }
    return g_steal_pointer(&text);
}

bool config_load_file(Config *config, const char *path, GError **error)
{
    size_t size = 0;
    g_autofree char *text = read_file(path, &size, error);
    if (text == NULL)
        return false;

    Walk walk = {.config = config, .path = path, .error = error};
    if (!load_document(&walk, text, size))
        return false;
    walk.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const bool done = walk_document(&walk);
    g_hash_table_unref(walk.seen);
    yaml_document_delete(&walk.document);
    return done;
}
