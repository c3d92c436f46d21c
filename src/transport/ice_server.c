#include "transport/ice_server.h"

#include <gio/gio.h>
#include <string.h>

#define DEFAULT_PORT 3478

static bool refuse(const PeerIceServer *text, const char *why, GError **error)
{
    g_set_error(error, PEER_ERROR, PEER_ERROR_CONFIG, "Cannot use the ICE server \"%.200s\": %s.",
                text->url ? text->url : "", why);
    return false;
}

static bool parse_transport(const char *query, IceServerKind *kind)
{
    if (!query || strcmp(query, "transport=udp") == 0)
        return true;
    if (strcmp(query, "transport=tcp") != 0 || *kind == ICE_SERVER_STUN)
        return false;
    *kind = ICE_SERVER_TURN_TCP;
    return true;
}

static bool parse_address(const char *text, IceServer *server)
{
    g_autoptr(GSocketConnectable) address = g_network_address_parse(text, DEFAULT_PORT, NULL);
    if (!address)
        return false;
    const char *host = g_network_address_get_hostname(G_NETWORK_ADDRESS(address));
    const uint16_t port = g_network_address_get_port(G_NETWORK_ADDRESS(address));
    if (!host || host[0] == '\0' || port == 0)
        return false;
    server->host = g_strdup(host);
    server->port = port;
    return true;
}

bool ice_server_parse(const PeerIceServer *text, IceServer *ret_server, GError **error)
{
    const char *url = text->url ? text->url : "";
    if (g_str_has_prefix(url, "turns:") || g_str_has_prefix(url, "stuns:"))
        return refuse(text, "TLS to a relay is not supported, use turn: over UDP or TCP", error);
    IceServer server = {.kind = ICE_SERVER_STUN};
    if (g_str_has_prefix(url, "turn:"))
        server.kind = ICE_SERVER_TURN_UDP;
    else if (!g_str_has_prefix(url, "stun:"))
        return refuse(text, "its URL begins with neither stun: nor turn:", error);
    g_auto(GStrv) parts = g_strsplit(url + strlen("stun:"), "?", 2);
    if (!parts[0] || !parse_transport(parts[1], &server.kind))
        return refuse(text, "its transport is neither udp nor tcp", error);
    if (!parse_address(parts[0], &server))
        return refuse(text, "its address is not host:port", error);
    server.username = g_strdup(text->username ? text->username : "");
    server.credential = g_strdup(text->credential ? text->credential : "");
    *ret_server = server;
    return true;
}

void ice_server_clear(IceServer *server)
{
    g_clear_pointer(&server->host, g_free);
    g_clear_pointer(&server->username, g_free);
    g_clear_pointer(&server->credential, g_free);
}

bool ice_server_is_loopback(const IceServer *server)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(server->host);
    return address && g_inet_address_get_is_loopback(address);
}
