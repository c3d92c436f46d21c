/* Addresses: of a server, as a caller of the service names it, and of STUN and TURN servers, as a
 * server names them. */
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "signal/server_url.h"
#include "transport/ice_server.h"

static void try_server(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ServerUrl) url = server_url_parse(text, &error);
    if (!url) {
        require(error != NULL && g_utf8_validate(error->message, -1, NULL));
        return;
    }
    require(url->port > 0 && url->port <= 65535 && *url->host);
    const SessionQuery session = {.auto_subscribe = true, .resume_sid = text, .resume_reason = 1};
    g_autoptr(GUri) uri = server_url_rtc(url, false, &session);
    require(uri != NULL);
}

static void try_ice_server(char *text)
{
    IceServer server;
    g_autoptr(GError) error = NULL;
    const PeerIceServer given = {.url = text};
    if (!ice_server_parse(&given, &server, &error)) {
        require(error != NULL);
        return;
    }
    require(server.port > 0 && *server.host);
    ice_server_is_loopback(&server);
    ice_server_clear(&server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    try_server(text);
    if (g_utf8_validate(text, -1, NULL))
        try_ice_server(text);
    return 0;
}
