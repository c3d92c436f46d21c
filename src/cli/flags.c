#include "cli/flags.h"

#include <string.h>

#define NAME_MAX_BYTES 32
#define HELP_COLUMN 30

G_DEFINE_QUARK(flags_error_quark, flags_error)

struct Flags {
    const FlagTable *table;
    GHashTable *values; /* name -> GPtrArray of text, NULL-terminated */
    GPtrArray *arguments;
};

static unsigned distance(const char *a, const char *b)
{
    const size_t a_length = MIN(strlen(a), NAME_MAX_BYTES);
    const size_t b_length = MIN(strlen(b), NAME_MAX_BYTES);
    unsigned row[NAME_MAX_BYTES + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            const unsigned above = row[j];
            const unsigned changed = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = MIN(MIN(above, row[j - 1]) + 1, changed);
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *flags_nearest(const char *name, const char *const *names, unsigned count)
{
    const char *nearest = NULL;
    unsigned least = 3;
    for (unsigned i = 0; i < count; i++) {
        const bool is_beginning = strlen(name) >= 3 && g_str_has_prefix(names[i], name);
        const unsigned far = is_beginning ? 0 : distance(name, names[i]);
        if (far < least && far < strlen(name)) {
            least = far;
            nearest = names[i];
        }
    }
    return nearest;
}

static const Flag *find(const FlagTable *table, const char *name)
{
    for (const FlagGroup *const *group = table->groups; *group != NULL; group++) {
        for (unsigned i = 0; i < (*group)->count; i++) {
            if (g_str_equal((*group)->flags[i].name, name))
                return &(*group)->flags[i];
        }
    }
    return NULL;
}

static bool fail_unknown(const FlagTable *table, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const FlagGroup *const *group = table->groups; *group != NULL; group++) {
        for (unsigned i = 0; i < (*group)->count; i++)
            g_ptr_array_add(names, (gpointer)(*group)->flags[i].name);
    }
    const char *nearest = flags_nearest(name, (const char *const *)names->pdata, names->len);
    g_autofree char *shown = g_strescape(name, NULL);
    g_autofree char *hint =
        nearest != NULL ? g_strdup_printf(" Did you mean --%s?", nearest) : g_strdup("");
    g_set_error(error, FLAGS_ERROR, 0, "roomtape %s has no flag --%.40s.%s", table->name, shown,
                hint);
    return false;
}

static void add_value(Flags *flags, const char *name, const char *value)
{
    GPtrArray *values = g_hash_table_lookup(flags->values, name);
    if (values == NULL) {
        values = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(values, NULL);
        g_hash_table_insert(flags->values, (gpointer)name, values);
    }
    g_ptr_array_insert(values, (int)values->len - 1, g_strdup(value));
}

static bool fail(GError **error, const char *sentence, const Flag *flag)
{
    g_set_error(error, FLAGS_ERROR, 0, "--%s %s: --%s %s.", flag->name, sentence, flag->name,
                flag->value_name != NULL ? flag->value_name : "");
    return false;
}

/* Reads the flag at *position and moves on to its last word. */
static bool take_flag(Flags *flags, char **arguments, unsigned *position, GError **error)
{
    const char *text = arguments[*position] + 2;
    const char *equals = strchr(text, '=');
    g_autofree char *name =
        equals != NULL ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
    const Flag *flag = find(flags->table, name);
    if (flag == NULL)
        return fail_unknown(flags->table, name, error);
    if (flag->value_name == NULL && equals != NULL) {
        g_set_error(error, FLAGS_ERROR, 0, "--%s takes no value.", flag->name);
        return false;
    }
    if (flag->value_name == NULL) {
        add_value(flags, flag->name, "true");
        return true;
    }
    const char *value = equals != NULL ? equals + 1 : arguments[*position + 1];
    if (equals == NULL && value != NULL && g_str_has_prefix(value, "--"))
        value = NULL;
    if (value == NULL)
        return fail(error, "needs a value", flag);
    if (!g_utf8_validate(value, -1, NULL))
        return fail(error, "needs a value that is UTF-8 text", flag);
    if (equals == NULL)
        (*position)++;
    add_value(flags, flag->name, value);
    return true;
}

static bool take_argument(Flags *flags, const char *text, GError **error)
{
    if (flags->arguments->len < flags->table->max_arguments) {
        g_ptr_array_add(flags->arguments, g_strdup(text));
        return true;
    }
    g_autofree char *shown = g_strescape(text, NULL);
    g_set_error(error, FLAGS_ERROR, 0, "roomtape %s does not know what to do with \"%.60s\".",
                flags->table->name, shown);
    return false;
}

static Flags *flags_new(const FlagTable *table)
{
    Flags *flags = g_new0(Flags, 1);
    flags->table = table;
    flags->values =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    flags->arguments = g_ptr_array_new_with_free_func(g_free);
    return flags;
}

Flags *flags_parse(const FlagTable *table, char **arguments, GError **error)
{
    g_autoptr(Flags) flags = flags_new(table);
    bool only_arguments = false;
    for (unsigned i = 0; arguments[i] != NULL; i++) {
        const char *text = arguments[i];
        if (!only_arguments && g_str_equal(text, "--")) {
            only_arguments = true;
            continue;
        }
        if (!only_arguments && g_str_equal(text, "-h")) {
            add_value(flags, "help", "true");
            continue;
        }
        const bool is_flag = !only_arguments && g_str_has_prefix(text, "--");
        const bool is_short = !only_arguments && text[0] == '-' && text[1] != '\0' && !is_flag;
        if (is_short && !fail_unknown(table, text + 1, error))
            return NULL;
        if (is_flag ? !take_flag(flags, arguments, &i, error) : !take_argument(flags, text, error))
            return NULL;
    }
    return g_steal_pointer(&flags);
}

void flags_free(Flags *flags)
{
    if (flags == NULL)
        return;
    g_hash_table_unref(flags->values);
    g_ptr_array_unref(flags->arguments);
    g_free(flags);
}

bool flags_has(const Flags *flags, const char *name)
{
    return g_hash_table_contains(flags->values, name);
}

const char *flags_text(const Flags *flags, const char *name)
{
    const GPtrArray *values = g_hash_table_lookup(flags->values, name);
    return values != NULL ? values->pdata[values->len - 2] : NULL;
}

const char *const *flags_list(const Flags *flags, const char *name)
{
    static const char *const none[] = {NULL};
    const GPtrArray *values = g_hash_table_lookup(flags->values, name);
    return values != NULL ? (const char *const *)values->pdata : none;
}

const char *flags_argument(const Flags *flags, unsigned index)
{
    return index < flags->arguments->len ? flags->arguments->pdata[index] : NULL;
}

static bool apply_set(const char *text, Config *config, GError **error)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL) {
        g_set_error(error, FLAGS_ERROR, 0,
                    "--set needs KEY=VALUE, such as --set timeouts.connection=20s.");
        return false;
    }
    g_autofree char *key = g_strndup(text, (gsize)(equals - text));
    return config_set(config, key, equals + 1, error);
}

static bool apply_group(const Flags *flags, const FlagGroup *group, Config *config, GError **error)
{
    for (unsigned i = 0; i < group->count; i++) {
        const Flag *flag = &group->flags[i];
        const char *value = flag->key != NULL ? flags_text(flags, flag->name) : NULL;
        if (value == NULL || config_set(config, flag->key, value, error))
            continue;
        g_prefix_error(error, "--%s: ", flag->name);
        return false;
    }
    return true;
}

bool flags_apply(const Flags *flags, Config *config, GError **error)
{
    for (const char *const *text = flags_list(flags, "set"); *text != NULL; text++) {
        if (!apply_set(*text, config, error))
            return false;
    }
    for (const FlagGroup *const *group = flags->table->groups; *group != NULL; group++) {
        if (!apply_group(flags, *group, config, error))
            return false;
    }
    return true;
}

static void add_flag_help(GString *text, const Flag *flag)
{
    const size_t start = text->len;
    g_string_append_printf(text, "  --%s", flag->name);
    if (flag->value_name != NULL)
        g_string_append_printf(text, " %s", flag->value_name);
    if (text->len - start >= HELP_COLUMN)
        g_string_append_printf(text, "\n%*s", HELP_COLUMN, "");
    else
        g_string_append_printf(text, "%*s", (int)(HELP_COLUMN - (text->len - start)), "");
    for (const char *c = flag->help; *c != '\0'; c++) {
        g_string_append_c(text, *c);
        if (*c == '\n')
            g_string_append_printf(text, "%*s", HELP_COLUMN, "");
    }
    g_string_append_c(text, '\n');
}

char *flags_help(const FlagTable *table)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "Usage: %s\n\n%s\n", table->usage, table->summary);
    for (const FlagGroup *const *group = table->groups; *group != NULL; group++) {
        g_string_append_printf(text, "\n%s:\n", (*group)->title);
        for (unsigned i = 0; i < (*group)->count; i++)
            add_flag_help(text, &(*group)->flags[i]);
    }
    if (table->notes != NULL)
        g_string_append_printf(text, "\n%s\n", table->notes);
    return g_string_free(text, FALSE);
}
