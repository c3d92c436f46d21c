#include "api/request_check.h"

#include <glib.h>
#include <string.h>

static bool split_host(const char *text, char **ret_host, const char **ret_rest)
{
    const char *begin = text;
    const char *end = text + strcspn(text, ":");
    if (*text == '[') {
        begin = text + 1;
        end = strchr(text, ']');
        if (end == NULL)
            return false;
    }
    if (end == begin)
        return false;
    *ret_host = g_strndup(begin, (gsize)(end - begin));
    *ret_rest = *text == '[' ? end + 1 : end;
    return true;
}

static bool parse_port(const char *text, unsigned *ret_port)
{
    guint64 port;
    if (*text != ':' || !g_ascii_string_to_unsigned(text + 1, 10, 0, 65535, &port, NULL))
        return false;
    *ret_port = (unsigned)port;
    return true;
}

bool request_split_listen(const char *listen, char **ret_host, unsigned *ret_port)
{
    g_autofree char *host = NULL;
    const char *rest;
    if (!split_host(listen, &host, &rest) || !parse_port(rest, ret_port))
        return false;
    *ret_host = g_steal_pointer(&host);
    return true;
}

GSocketAddress *request_listen_address(const char *listen)
{
    g_autofree char *host = NULL;
    unsigned port;
    if (!request_split_listen(listen, &host, &port))
        return NULL;
    const bool is_name = g_ascii_strcasecmp(host, "localhost") == 0;
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(is_name ? "127.0.0.1" : host);
    return address != NULL ? g_inet_socket_address_new(address, (guint16)port) : NULL;
}

bool request_is_loopback(GSocketAddress *address)
{
    return g_inet_address_get_is_loopback(
        g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address)));
}

bool request_host_is_ours(const char *host_header, const char *listen_host, unsigned port,
                          bool is_https)
{
    const char *const names[] = {listen_host, "localhost", "127.0.0.1", "::1"};
    g_autofree char *host = NULL;
    const char *rest;
    unsigned given = is_https ? 443 : 80; /* what a client leaves out */
    if (host_header == NULL || !split_host(host_header, &host, &rest))
        return false;
    if (*rest != '\0' && !parse_port(rest, &given))
        return false;
    if (given != port)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_ascii_strcasecmp(host, names[i]) == 0)
            return true;
    }
    return false;
}

bool request_is_json(const char *content_type)
{
    if (content_type == NULL)
        return false;
    const size_t length = strcspn(content_type, ";");
    g_autofree char *type = g_strndup(content_type, length);
    g_autofree char *parameter =
        g_strdup(content_type[length] == ';' ? content_type + length + 1 : "");
    if (g_ascii_strcasecmp(g_strstrip(type), "application/json") != 0)
        return false;
    g_strstrip(parameter);
    return *parameter == '\0' || g_ascii_strcasecmp(parameter, "charset=utf-8") == 0 ||
           g_ascii_strcasecmp(parameter, "charset=\"utf-8\"") == 0;
}
