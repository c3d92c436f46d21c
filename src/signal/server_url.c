#include "signal/server_url.h"

#include <string.h>

#include "base/text.h"

#define URL_MAX_BYTES 2048

G_DEFINE_QUARK(server_url_error_quark, server_url_error)

static ServerUrl *fail(GError **error, const char *text, const char *why)
{
    char shown[104];
    text_printable(text != NULL ? text : "", text != NULL ? strlen(text) : 0, shown, sizeof shown);
    g_set_error(error, SERVER_URL_ERROR, 0, "The server URL \"%s\" %s", shown, why);
    return NULL;
}

static bool is_scheme(GUri *uri, const char *plain, const char *secure)
{
    return g_str_equal(g_uri_get_scheme(uri), plain) || g_str_equal(g_uri_get_scheme(uri), secure);
}

static ServerUrl *url_from_uri(GUri *uri)
{
    ServerUrl *url = g_new0(ServerUrl, 1);
    url->is_tls = is_scheme(uri, "wss", "https");
    url->host = g_strdup(g_uri_get_host(uri));
    url->port = g_uri_get_port(uri);
    if (url->port <= 0)
        url->port = url->is_tls ? 443 : 80;
    url->path = g_strdup(g_uri_get_path(uri));
    while (g_str_has_suffix(url->path, "/"))
        url->path[strlen(url->path) - 1] = '\0';
    const bool is_ipv6 = strchr(url->host, ':') != NULL;
    url->text = g_strdup_printf("%s://%s%s%s:%d%s", url->is_tls ? "wss" : "ws", is_ipv6 ? "[" : "",
                                url->host, is_ipv6 ? "]" : "", url->port, url->path);
    return url;
}

ServerUrl *server_url_parse(const char *text, GError **error)
{
    if (text == NULL || text[0] == '\0')
        return fail(error, text, "is empty: give one like ws://127.0.0.1:7880.");
    if (strnlen(text, URL_MAX_BYTES + 1) > URL_MAX_BYTES)
        return fail(error, text, "is longer than 2048 bytes.");
    g_autoptr(GUri) uri =
        g_uri_parse(text, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH, NULL);
    if (uri == NULL || g_uri_get_host(uri) == NULL || g_uri_get_host(uri)[0] == '\0')
        return fail(error, text, "is no URL: it should look like ws://127.0.0.1:7880.");
    if (!is_scheme(uri, "ws", "wss") && !is_scheme(uri, "http", "https"))
        return fail(error, text, "must begin with ws://, wss://, http:// or https://.");
    /* What may be a secret is not told again. */
    g_autofree char *safe =
        g_uri_to_string_partial(uri, G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY | G_URI_HIDE_FRAGMENT);
    if (g_uri_get_userinfo(uri) != NULL)
        return fail(error, safe, "must not hold a user name: access is given by the token.");
    if (g_uri_get_query(uri) != NULL || g_uri_get_fragment(uri) != NULL)
        return fail(error, safe, "must not hold a query (?...) or a fragment (#...).");
    return url_from_uri(uri);
}

void server_url_free(ServerUrl *url)
{
    if (url == NULL)
        return;
    g_free(url->host);
    g_free(url->path);
    g_free(url->text);
    g_free(url);
}

GUri *server_url_rtc(const ServerUrl *url, bool validate, const SessionQuery *session)
{
    g_autofree char *path = g_strconcat(url->path, validate ? "/rtc/validate" : "/rtc", NULL);
    /* a known sdk keeps codec changes on the same SSRC; browser fields stay empty */
    g_autoptr(GString) query = g_string_new("protocol=16&sdk=cpp&version=" ROOMTAPE_VERSION
                                            "&os=linux&adaptive_stream=0&client_protocol=0");
    g_string_append_printf(query, "&auto_subscribe=%d", session->auto_subscribe);
    if (session->resume_sid != NULL) {
        g_autofree char *sid = g_uri_escape_string(session->resume_sid, NULL, FALSE);
        g_string_append_printf(query, "&reconnect=1&sid=%s&reconnect_reason=%d", sid,
                               session->resume_reason);
    }
    return g_uri_build(G_URI_FLAGS_ENCODED_QUERY | G_URI_FLAGS_ENCODED_PATH,
                       url->is_tls ? "https" : "http", NULL, url->host, url->port, path, query->str,
                       NULL);
}
