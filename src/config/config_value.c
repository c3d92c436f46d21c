#include "config/config_value.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "config/config_table.h"

#define MAX_DURATION_SECONDS 1e9
#define PROBLEM_MAX 300

/* Digits with at most one point; the rest of the text is the unit. */
static bool parse_number(const char *text, double *ret_number, const char **ret_unit)
{
    const size_t digits = strspn(text, "0123456789");
    size_t length = digits;
    if (digits == 0 || digits > 18)
        return false;
    if (text[length] == '.') {
        const size_t fraction = strspn(text + length + 1, "0123456789");
        if (fraction == 0 || fraction > 18)
            return false;
        length += 1 + fraction;
    }
    *ret_number = g_ascii_strtod(text, NULL);
    *ret_unit = text + length;
    return true;
}

typedef struct {
    const char *name;
    double factor;
} Unit;

static const Unit duration_units[] = {
    {"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9},
};

static const Unit byte_units[] = {
    {"", 1},      {"B", 1},    {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824.0},
    {"kB", 1000}, {"MB", 1e6}, {"GB", 1e9},   {"TB", 1e12},     {"TiB", 1099511627776.0},
};

static bool parse_with_unit(const char *text, const Unit *units, size_t count, double max,
                            double *ret_value)
{
    double number;
    const char *unit;
    if (!parse_number(text, &number, &unit))
        return false;
    while (*unit == ' ')
        unit++;
    for (size_t i = 0; i < count; i++) {
        if (g_ascii_strcasecmp(unit, units[i].name) != 0)
            continue;
        if (number * units[i].factor > max)
            return false;
        *ret_value = number * units[i].factor;
        return true;
    }
    return false;
}

bool config_parse_duration(const char *text, int64_t *ret_ns)
{
    double value;
    if (!parse_with_unit(text, duration_units, G_N_ELEMENTS(duration_units),
                         MAX_DURATION_SECONDS * 1e9, &value))
        return false;
    *ret_ns = llround(value);
    return true;
}

bool config_parse_bytes(const char *text, uint64_t *ret_bytes)
{
    double value;
    if (!parse_with_unit(text, byte_units, G_N_ELEMENTS(byte_units), 9007199254740992.0, &value))
        return false;
    *ret_bytes = (uint64_t)llround(value);
    return true;
}

static bool parse_bool(const char *text, bool *ret_value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(text, words[i]) == 0) {
            *ret_value = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool is_plain_text(const char *text)
{
    size_t left = strlen(text);
    if (left == 0 || left > 4000)
        return false;
    while (left > 0) {
        uint32_t character;
        size_t taken;
        if (!text_next(text, left, &character, &taken) || text_is_control(character))
            return false;
        text += taken;
        left -= taken;
    }
    return true;
}

static bool is_url(const char *text)
{
    static const char *const schemes[] = {"ws://", "wss://", "http://", "https://"};
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        const size_t length = strlen(schemes[i]);
        if (g_ascii_strncasecmp(text, schemes[i], length) == 0)
            return text[length] != '\0' && text[length] != '/' && strchr(text, ' ') == NULL;
    }
    return false;
}

static bool is_listen_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    guint64 port;
    if (colon == NULL || colon == text)
        return false;
    const bool has_bare_ipv6 = text[0] != '[' && memchr(text, ':', (size_t)(colon - text)) != NULL;
    return !has_bare_ipv6 && g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL);
}

static bool set_text(const ConfigKey *key, const char *text, char **member)
{
    const bool is_allowed = is_plain_text(text) && (key->type != CONFIG_URL || is_url(text)) &&
                            (key->type != CONFIG_LISTEN || is_listen_address(text));
    if (!is_allowed)
        return false;
    g_free(*member);
    *member = g_strdup(text);
    return true;
}

static bool set_duration(const ConfigKey *key, const char *text, int64_t *member)
{
    int64_t value;
    if (key->min < 0 && g_ascii_strcasecmp(text, "auto") == 0) {
        *member = -1;
        return true;
    }
    if (!config_parse_duration(text, &value))
        return false;
    if (value < MAX(key->min, 0) * NS_PER_MS || value > key->max * NS_PER_MS)
        return false;
    *member = value;
    return true;
}

static bool set_count(const ConfigKey *key, const char *text, unsigned *member)
{
    guint64 value;
    if (!g_ascii_string_to_unsigned(text, 10, (guint64)key->min, (guint64)key->max, &value, NULL))
        return false;
    *member = (unsigned)value;
    return true;
}

static bool set_bytes(const ConfigKey *key, const char *text, uint64_t *member)
{
    uint64_t value;
    if (!config_parse_bytes(text, &value))
        return false;
    if (value < (uint64_t)key->min || value > (uint64_t)key->max)
        return false;
    *member = value;
    return true;
}

static bool set_format(const char *text, const Format **member)
{
    const Format *format = format_find(text);
    if (format != NULL)
        *member = format;
    return format != NULL;
}

static bool set_quality(const char *text, const Quality **member)
{
    const bool is_default = g_ascii_strcasecmp(text, quality_default()->name) == 0;
    const Quality *quality = is_default ? quality_default() : quality_find(text);
    if (quality != NULL)
        *member = quality;
    return quality != NULL;
}

static bool set_encoding(const ConfigKey *key, const char *text, EncoderSettings *member)
{
    char problem[PROBLEM_MAX];
    return encoder_settings_parse(member, (Encoding)key->min, text, problem, sizeof problem);
}

bool config_value_parse(const ConfigKey *key, const char *text, Config *config)
{
    void *member = (char *)config + key->offset;
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_URL:
    case CONFIG_LISTEN:
    case CONFIG_LIST:
        return set_text(key, text, member);
    case CONFIG_DURATION:
        return set_duration(key, text, member);
    case CONFIG_COUNT:
        return set_count(key, text, member);
    case CONFIG_BYTES:
        return set_bytes(key, text, member);
    case CONFIG_BOOL:
        return parse_bool(text, member);
    case CONFIG_FORMAT:
        return set_format(text, member);
    case CONFIG_QUALITY:
        return set_quality(text, member);
    case CONFIG_ENCODING:
        return set_encoding(key, text, member);
    case CONFIG_LEVEL:
        return log_level_parse(text, member);
    }
    return false;
}

static char *duration_text(int64_t ms)
{
    if (ms % 3600000 == 0 && ms > 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "h", ms / 3600000);
    if (ms % 1000 == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "s", ms / 1000);
    return g_strdup_printf("%" G_GINT64_FORMAT "ms", ms);
}

static char *allowed_duration(const ConfigKey *key)
{
    g_autofree char *min = duration_text(MAX(key->min, 0));
    g_autofree char *max = duration_text(key->max);
    return g_strdup_printf("%sa duration from %s to %s (20s, 1.5m, 500ms)",
                           key->min < 0 ? "auto, or " : "", min, max);
}

static char *allowed_bytes(const ConfigKey *key)
{
    g_autofree char *min = g_format_size_full((guint64)key->min, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *max = g_format_size_full((guint64)key->max, G_FORMAT_SIZE_IEC_UNITS);
    return g_strdup_printf("a size from %s to %s (16MiB, 8GiB)", min, max);
}

static char *allowed_formats(void)
{
    char list[FORMAT_LIST_MAX];
    format_list(list, sizeof list);
    return g_strdup(list);
}

char *config_value_allowed(const ConfigKey *key)
{
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_LIST:
        return g_strdup("text of 1 to 4000 bytes without control characters");
    case CONFIG_URL:
        return g_strdup("an address that begins with ws://, wss://, http:// or https://");
    case CONFIG_LISTEN:
        return g_strdup("an address and a port (127.0.0.1:8080, [::1]:8080)");
    case CONFIG_DURATION:
        return allowed_duration(key);
    case CONFIG_COUNT:
        return g_strdup_printf("a number from %d to %d", (int)key->min, (int)key->max);
    case CONFIG_BYTES:
        return allowed_bytes(key);
    case CONFIG_BOOL:
        return g_strdup("true or false");
    case CONFIG_FORMAT:
        return allowed_formats();
    case CONFIG_QUALITY:
        return g_strdup("low, medium, high, source or default");
    case CONFIG_ENCODING:
        return g_strdup("a list of name=value");
    case CONFIG_LEVEL:
        return g_strdup("debug, info, warning, error or none");
    }
    return NULL;
}

char *config_value_problem(const ConfigKey *key, const char *text)
{
    char problem[PROBLEM_MAX];
    if (key->type == CONFIG_ENCODING) {
        EncoderSettings settings = encoder_settings_default((Encoding)key->min);
        encoder_settings_parse(&settings, (Encoding)key->min, text, problem, sizeof problem);
        return g_strdup_printf("%s: %s", key->key, problem);
    }
    g_autofree char *allowed = config_value_allowed(key);
    if (key->secret)
        return g_strdup_printf("The value of %s is not allowed; allowed is %s.", key->key, allowed);
    g_autofree char *quoted = config_quote(text);
    return g_strdup_printf("%s cannot be %s; allowed is %s.", key->key, quoted, allowed);
}
