#include "store/output_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define VALUE_MAX 100
/* Two long values and a time fit; ".part99.webm" and a temporary name's ending still do. */
#define COMPONENT_MAX 220
#define TEMPLATE_MAX 1024
#define NUMBER_MAX 99
#define FOLDER_MODE 0755
#define FILE_MODE 0644

/* ---- names ---- */

static bool is_forbidden(char c)
{
    return c == '/' || c == '\\' || c == '\0' || (unsigned char)c < 0x20 || c == 0x7f;
}

static void cut_at_character(char *text, size_t max)
{
    if (strlen(text) <= max)
        return;
    const char *end = g_utf8_find_prev_char(text, text + max + 1);
    text[end ? (size_t)(end - text) : max] = '\0';
}

static char *escape(const char *value, size_t max)
{
    g_autofree char *head = g_strndup(value ? value : "", max * 4);
    char *name = g_utf8_make_valid(head, -1);
    for (char *c = name; *c; c++) {
        if (is_forbidden(*c))
            *c = '_';
    }
    cut_at_character(name, max);
    for (char *c = name; *c == '.'; c++)
        *c = '_';
    if (*name != '\0')
        return name;
    g_free(name);
    return g_strdup("_");
}

char *output_path_escape(const char *value)
{
    return escape(value, VALUE_MAX);
}

/* ---- templates ---- */

static char *format_time(int64_t wall_ns, const char *format)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(wall_ns / NS_PER_SECOND);
    return g_date_time_format(time, format);
}

static char *format_utc(int64_t wall_ns)
{
    g_autofree char *text = format_time(wall_ns, "%Y%m%d%H%M%S");
    return g_strdup_printf("%s%03d", text, (int)(wall_ns / NS_PER_MS % 1000));
}

/* NULL for a name that is none of ours: unknown braces stay as they are. */
static char *variable(const char *name, const OutputPathValues *values)
{
    const struct {
        const char *name, *value;
    } table[] = {
        {"room_name", values->room_name},   {"room_id", values->room_id},
        {"track_id", values->track_id},     {"publisher_identity", values->publisher_identity},
        {"track_type", values->track_type}, {"track_source", values->track_source},
        {"mint_id", values->mint_id},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(name, table[i].name) == 0)
            return output_path_escape(table[i].value);
    }
    if (strcmp(name, "time") == 0)
        return format_time(values->time_wall_ns, "%Y-%m-%dT%H%M%S");
    if (strcmp(name, "utc") == 0)
        return format_utc(values->time_wall_ns);
    return NULL;
}

static char *expand(const char *template, const OutputPathValues *values)
{
    GString *text = g_string_new(NULL);
    while (*template) {
        const char *end = *template == '{' ? strchr(template, '}') : NULL;
        g_autofree char *name = end ? g_strndup(template + 1, (gsize)(end - template - 1)) : NULL;
        g_autofree char *value = name ? variable(name, values) : NULL;
        if (value) {
            g_string_append(text, value);
            template = end + 1;
        } else {
            g_string_append_c(text, *template ++);
        }
    }
    return g_string_free(text, FALSE);
}

static bool names(const char *template, const char *name)
{
    return strstr(template, name) != NULL;
}

static void distinguish(GString *name, const char *template, const OutputPathValues *values)
{
    const bool tells_track = names(template, "{track_source}") || names(template, "{track_id}");
    if (values->several_outputs && !names(template, "{publisher_identity}") && !tells_track) {
        g_autofree char *identity = output_path_escape(values->publisher_identity);
        g_string_append_printf(name, "-%s", identity);
    }
    if (values->screen_share && !tells_track)
        g_string_append(name, "-screen_share");
    if (values->nth > 0 && !names(template, "{track_id}"))
        g_string_append_printf(name, "-%u", values->nth + 1);
}

static Container take_extension(char *template)
{
    char *dot = strrchr(template, '.');
    Container container;
    if (!dot || strchr(dot, '/') || !container_from_extension(dot + 1, &container))
        return CONTAINER_AUTO;
    *dot = '\0';
    return container;
}

static bool is_safe(char **parts)
{
    for (; *parts; parts++) {
        if (strcmp(*parts, "..") == 0)
            return false;
    }
    return true;
}

/* Without it the stem would be the folder itself, and the file beside it. */
static bool names_a_file(const char *template)
{
    const char *slash = strrchr(template, '/');
    const char *last = slash ? slash + 1 : template;
    return *last != '\0' && strcmp(last, ".") != 0;
}

static bool is_usable(const char *template)
{
    g_auto(GStrv) parts = g_strsplit(template, "/", -1);
    return g_utf8_validate(template, -1, NULL) && strlen(template) <= TEMPLATE_MAX &&
           *template != '/' && is_safe(parts);
}

static void refuse(const char *template, GError **error)
{
    char shown[80];
    text_printable(template, strlen(template), shown, sizeof shown);
    g_set_error(error, STORE_ERROR, STORE_ERROR_BAD_TEMPLATE,
                "The output template '%s' must be UTF-8 of at most %d bytes, relative, without "
                "'..', and name a file.",
                shown, TEMPLATE_MAX);
}

/* Every component but the last is one folder; what a value brought is escaped already. */
static char *join(const char *directory, const char *expanded)
{
    g_auto(GStrv) parts = g_strsplit(expanded, "/", -1);
    GString *path = g_string_new(directory);
    for (char **part = parts; *part; part++) {
        if (**part == '\0' || strcmp(*part, ".") == 0)
            continue;
        g_autofree char *name = escape(*part, COMPONENT_MAX);
        if (path->len > 0 && path->str[path->len - 1] != '/')
            g_string_append_c(path, '/');
        g_string_append(path, name);
    }
    return g_string_free(path, FALSE);
}

char *output_path_stem(const char *directory, const char *template, const OutputPathValues *values,
                       Container *ret_container, GError **error)
{
    if (!template || !*template)
        template = OUTPUT_PATH_DEFAULT_TEMPLATE;
    if (!is_usable(template)) {
        refuse(template, error);
        return NULL;
    }
    g_autofree char *full = g_str_has_suffix(template, "/")
                                ? g_strconcat(template, OUTPUT_PATH_DEFAULT_TEMPLATE, NULL)
                                : g_strdup(template);
    const Container container = take_extension(full);
    if (!names_a_file(full)) {
        refuse(template, error);
        return NULL;
    }
    g_autofree char *expanded = expand(full, values);
    GString *name = g_string_new(expanded);
    distinguish(name, full, values);
    char *stem = join(directory, name->str);
    g_string_free(name, TRUE);
    *ret_container = container;
    return stem;
}

/* ---- reserving ---- */

static void set_errno(GError **error, const char *path, int number)
{
    const bool is_full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    g_set_error(error, STORE_ERROR, is_full ? STORE_ERROR_DISK_FULL : STORE_ERROR_WRITE,
                "Cannot create %s: %s.", path, g_strerror(number));
}

static bool is_taken(const char *stem)
{
    static const char *const endings[] = {".", ".part2."};
    for (Container container = CONTAINER_MP4; container < CONTAINER_COUNT; container++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(endings); i++) {
            g_autofree char *path =
                g_strconcat(stem, endings[i], container_extension(container), NULL);
            struct stat status;
            if (lstat(path, &status) == 0)
                return true;
        }
    }
    return false;
}

static int create_sidecar(const char *stem)
{
    g_autofree char *path = g_strconcat(stem, ".json", NULL);
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
}

static bool make_folder(const char *stem, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(stem);
    if (g_mkdir_with_parents(folder, FOLDER_MODE) == 0)
        return true;
    set_errno(error, folder, errno);
    return false;
}

char *output_path_reserve(const char *stem, int *ret_fd, GError **error)
{
    if (!make_folder(stem, error))
        return NULL;
    for (unsigned number = 1; number <= NUMBER_MAX; number++) {
        g_autofree char *candidate =
            number == 1 ? g_strdup(stem) : g_strdup_printf("%s-%u", stem, number);
        if (is_taken(candidate))
            continue;
        const int fd = create_sidecar(candidate);
        if (fd >= 0) {
            *ret_fd = fd;
            return g_steal_pointer(&candidate);
        }
        if (errno != EEXIST) {
            g_autofree char *path = g_strconcat(candidate, ".json", NULL);
            set_errno(error, path, errno);
            return NULL;
        }
    }
    g_set_error(error, STORE_ERROR, STORE_ERROR_EXISTS,
                "%s exists, and so do %s-2 to %s-%d; move the old files away or choose another "
                "name.",
                stem, stem, stem, NUMBER_MAX);
    return NULL;
}
