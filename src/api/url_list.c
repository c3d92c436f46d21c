#include "api/url_list.h"

#include <string.h>

#include "api/http_api.h"
#include "base/text.h"
#include "signal/server_url.h"

#define PATTERNS_MAX 256
#define ANY_LABELS "*."

/* Neither the path nor the text of a pattern matters. */
struct UrlList {
    GPtrArray *patterns; /* of ServerUrl* */
};

static ServerUrl *refuse(GError **error, const char *pattern)
{
    char printable[120];
    text_printable(pattern, strlen(pattern), printable, sizeof printable);
    g_set_error(error, API_ERROR, API_ERROR_LISTEN,
                "api.allowed_urls holds \"%s\", which is no scheme://host or scheme://host:port "
                "such as wss://*.example.org.",
                printable);
    return NULL;
}

/* A star anywhere else, as in "*example.org", would let in more than it seems to. */
static bool is_host_pattern(const char *host)
{
    const char *rest = g_str_has_prefix(host, ANY_LABELS) ? host + strlen(ANY_LABELS) : host;
    return *rest != '\0' && *rest != '.' && strchr(rest, '*') == NULL;
}

static ServerUrl *parse_pattern(const char *text, GError **error)
{
    ServerUrl *pattern = server_url_parse(text, NULL);
    if (pattern != NULL && *pattern->path == '\0' && is_host_pattern(pattern->host))
        return pattern;
    server_url_free(pattern);
    return refuse(error, text);
}

UrlList *url_list_parse(const char *text, GError **error)
{
    g_autoptr(UrlList) list = g_new0(UrlList, 1);
    list->patterns = g_ptr_array_new_with_free_func((GDestroyNotify)server_url_free);
    if (text == NULL)
        return g_steal_pointer(&list);
    g_auto(GStrv) words = g_strsplit(text, ",", PATTERNS_MAX);
    for (char **word = words; *word != NULL; word++) {
        if (*g_strstrip(*word) == '\0')
            continue;
        ServerUrl *pattern = parse_pattern(*word, error);
        if (pattern == NULL)
            return NULL;
        g_ptr_array_add(list->patterns, pattern);
    }
    return g_steal_pointer(&list);
}

void url_list_free(UrlList *list)
{
    if (list == NULL)
        return;
    g_ptr_array_unref(list->patterns);
    g_free(list);
}

bool url_list_is_empty(const UrlList *list)
{
    return list->patterns->len == 0;
}

static bool host_fits(const char *pattern, const char *host)
{
    if (!g_str_has_prefix(pattern, ANY_LABELS))
        return g_ascii_strcasecmp(pattern, host) == 0;
    const char *suffix = pattern + 1; /* with its dot */
    const size_t length = strlen(host);
    return length > strlen(suffix) &&
           g_ascii_strcasecmp(host + length - strlen(suffix), suffix) == 0;
}

static bool server_fits(const ServerUrl *pattern, const ServerUrl *url)
{
    return pattern->is_tls == url->is_tls && pattern->port == url->port &&
           host_fits(pattern->host, url->host);
}

bool url_list_has(const UrlList *list, const char *url)
{
    g_autoptr(ServerUrl) parsed = server_url_parse(url, NULL);
    if (parsed == NULL || strchr(parsed->host, '*') != NULL)
        return false;
    for (guint i = 0; i < list->patterns->len; i++) {
        if (server_fits(list->patterns->pdata[i], parsed))
            return true;
    }
    return false;
}

bool url_is_same_server(const char *one, const char *other)
{
    g_autoptr(ServerUrl) first = server_url_parse(one, NULL);
    g_autoptr(ServerUrl) second = server_url_parse(other, NULL);
    return first != NULL && second != NULL && first->is_tls == second->is_tls &&
           first->port == second->port && strcmp(first->path, second->path) == 0 &&
           g_ascii_strcasecmp(first->host, second->host) == 0;
}
