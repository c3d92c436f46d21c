#include "api/gate.h"

#include <string.h>

#include "api/http_api.h"
#include "api/http_listener.h"
#include "api/rate_limiter.h"
#include "api/request_check.h"
#include "api/url_list.h"
#include "base/clock.h"
#include "base/text.h"

#define OPEN_PATH "/healthz"
#define EVERYBODY "" /* the one bucket of a limit in all */
#define ORIGINS_MAX 256

struct Gate {
    const Config *config;
    GSocketAddress *address;
    char *host;
    unsigned port;
    bool is_loopback, wants_token;
    UrlList *urls;
    char **origins;
    RateLimiter *requests, *starts, *all_starts;
};

/* ---- the configuration ---- */

static bool fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool fail(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *sentence = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, API_ERROR, API_ERROR_LISTEN, sentence);
    return false;
}

static bool read_listen(Gate *gate, GError **error)
{
    const Config *config = gate->config;
    const char *problem = caller_token_problem(config);
    gate->address = request_listen_address(config->listen);
    if (gate->address == NULL)
        return fail(error,
                    "service.listen cannot be \"%s\": it has to be an IP address or localhost, and "
                    "a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080.",
                    config->listen);
    request_split_listen(config->listen, &gate->host, &gate->port);
    gate->is_loopback = request_is_loopback(gate->address);
    gate->wants_token = !gate->is_loopback || config->api_token != NULL;
    if (problem != NULL)
        return fail(error, "%s.", problem);
    if (!gate->is_loopback && !caller_can_be_known(config))
        return fail(
            error,
            "service.listen is %s, which is not loopback, and there is nothing that callers "
            "could show: set api.token or api.token_file, or livekit.api_key and "
            "livekit.api_secret for access tokens with the grant roomRecord; or listen on "
            "127.0.0.1.",
            config->listen);
    return true;
}

static bool is_origin(GUri *uri)
{
    if (uri == NULL || g_uri_get_host(uri) == NULL || *g_uri_get_host(uri) == '\0')
        return false;
    const char *scheme = g_uri_get_scheme(uri);
    return (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
           *g_uri_get_path(uri) == '\0' && g_uri_get_userinfo(uri) == NULL &&
           g_uri_get_query(uri) == NULL && g_uri_get_fragment(uri) == NULL &&
           strchr(g_uri_get_host(uri), '*') == NULL;
}

/* NULL: no name that can be written so. */
static char *ascii_host(const char *host)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    if (address == NULL)
        return g_hostname_to_ascii(host);
    g_autofree char *text = g_inet_address_to_string(address);
    const bool is_v6 = g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6;
    return is_v6 ? g_strdup_printf("[%s]", text) : g_steal_pointer(&text);
}

/* As a browser writes one in its Origin header (RFC 6454, 6.2): in small letters, and without the
 * scheme's own port. NULL for what is none. */
static char *origin_as_sent(const char *text)
{
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_NONE, NULL);
    g_autofree char *host = is_origin(uri) ? ascii_host(g_uri_get_host(uri)) : NULL;
    if (host == NULL)
        return NULL;
    const char *scheme = g_uri_get_scheme(uri);
    const int port = g_uri_get_port(uri), own = strcmp(scheme, "https") == 0 ? 443 : 80;
    return port == -1 || port == own ? g_strdup_printf("%s://%s", scheme, host)
                                     : g_strdup_printf("%s://%s:%d", scheme, host, port);
}

static bool read_origins(Gate *gate, GError **error)
{
    char printable[120];
    const char *list = gate->config->cors_origins;
    gate->origins = g_strsplit(list != NULL ? list : "", ",", ORIGINS_MAX);
    for (char **origin = gate->origins; *origin != NULL; origin++) {
        g_autofree char *sent = origin_as_sent(g_strstrip(*origin));
        if (sent != NULL) {
            g_free(*origin);
            *origin = g_steal_pointer(&sent);
            continue;
        }
        text_printable(*origin, strlen(*origin), printable, sizeof printable);
        return fail(error,
                    "api.cors_origins holds \"%s\", which is no origin such as "
                    "https://app.example.org.",
                    printable);
    }
    return true;
}

Gate *gate_new(const Config *config, GError **error)
{
    g_autoptr(Gate) gate = g_new0(Gate, 1);
    gate->config = config;
    gate->requests = rate_limiter_new(config->request_rate);
    gate->starts = rate_limiter_new(config->start_rate);
    gate->all_starts = rate_limiter_new(config->start_rate_total);
    gate->urls = url_list_parse(config->allowed_urls, error);
    if (gate->urls == NULL || !read_listen(gate, error) || !read_origins(gate, error))
        return NULL;
    return g_steal_pointer(&gate);
}

void gate_free(Gate *gate)
{
    if (gate == NULL)
        return;
    rate_limiter_free(gate->requests);
    rate_limiter_free(gate->starts);
    rate_limiter_free(gate->all_starts);
    url_list_free(gate->urls);
    g_strfreev(gate->origins);
    g_clear_object(&gate->address);
    g_free(gate->host);
    g_free(gate);
}

GSocketAddress *gate_address(const Gate *gate)
{
    return gate->address;
}

void gate_set_port(Gate *gate, unsigned port)
{
    gate->port = port;
}

bool gate_is_loopback(const Gate *gate)
{
    return gate->is_loopback;
}

bool gate_wants_token(const Gate *gate)
{
    return gate->wants_token;
}

/* ---- requests ---- */

bool gate_is_open(const char *path)
{
    return strcmp(path, OPEN_PATH) == 0;
}

const char *gate_origin(const Gate *gate, SoupMessageHeaders *headers)
{
    const char *given = soup_message_headers_get_list(headers, "Origin");
    for (char **origin = gate->origins; given != NULL && *origin != NULL; origin++) {
        if (strcmp(*origin, given) == 0)
            return *origin;
    }
    return NULL;
}

/* A page that a browser shows may not reach us by a name of its own that leads to this machine.
 * Beyond loopback we do not know our names, but there a browser has no token to send. */
static bool check_host(const Gate *gate, SoupMessageHeaders *headers, Refusal *refusal)
{
    const char *host = soup_message_headers_get_list(headers, "Host");
    if (!gate->is_loopback ||
        request_host_is_ours(host, gate->host, gate->port, gate->config->tls_certificate != NULL))
        return true;
    return refuse_request(refusal, SOUP_STATUS_FORBIDDEN, CODE_BAD_REQUEST,
                          "The Host header does not name this service: only local callers are "
                          "served.");
}

static bool check_origin(const Gate *gate, SoupMessageHeaders *headers, Refusal *refusal)
{
    refusal->allowed_origin = gate_origin(gate, headers);
    if (refusal->allowed_origin != NULL || soup_message_headers_get_list(headers, "Origin") == NULL)
        return true;
    return refuse_request(refusal, SOUP_STATUS_FORBIDDEN, CODE_BAD_REQUEST,
                          "Requests with an Origin header come from web pages, which are not "
                          "served unless api.cors_origins lists them.");
}

static bool refuse_rate(Refusal *refusal, unsigned seconds, const char *what, const char *setting,
                        unsigned rate)
{
    refuse_request(refusal, STATUS_TOO_MANY_REQUESTS, CODE_TOO_MANY_REQUESTS,
                   "Too many %s: %s allows %u a second. Come again in %u s.", what, setting, rate,
                   seconds);
    refusal->retry_after = seconds;
    return false;
}

static bool check_rate(Gate *gate, GSocketAddress *remote, Refusal *refusal)
{
    g_autofree char *address = caller_address(remote);
    const unsigned seconds = rate_limiter_take(gate->requests, address, clock_monotonic_ns());
    return seconds == 0 || refuse_rate(refusal, seconds, "requests from your address",
                                       "api.request_rate", gate->config->request_rate);
}

/* A browser asks without a token whether it may ask with one (Fetch, 4.8). */
static bool is_preflight(const RequestHead *head, const Refusal *refusal)
{
    return refusal->allowed_origin != NULL && strcmp(head->method, "OPTIONS") == 0;
}

bool gate_check(Gate *gate, const RequestHead *head, GSocketAddress *remote, Refusal *refusal)
{
    Caller caller = {.room = NULL};
    if (!check_rate(gate, remote, refusal) || !check_host(gate, head->headers, refusal) ||
        !check_origin(gate, head->headers, refusal))
        return false;
    if (gate_is_open(head->path) || is_preflight(head, refusal))
        return true;
    const bool is_known = gate_read_caller(gate, head->headers, &caller, refusal);
    caller_clear(&caller);
    return is_known;
}

bool gate_read_caller(const Gate *gate, SoupMessageHeaders *headers, Caller *ret_caller,
                      Refusal *refusal)
{
    ret_caller->room = NULL;
    return !gate->wants_token ||
           caller_read(gate->config, soup_message_headers_get_list(headers, "Authorization"),
                       ret_caller, refusal);
}

bool gate_check_start(Gate *gate, GSocketAddress *remote, Refusal *refusal)
{
    const Config *config = gate->config;
    const int64_t now_ns = clock_monotonic_ns();
    g_autofree char *address = caller_address(remote);
    unsigned seconds = rate_limiter_take(gate->starts, address, now_ns);
    if (seconds > 0)
        return refuse_rate(refusal, seconds, "starts from your address", "api.start_rate",
                           config->start_rate);
    seconds = rate_limiter_take(gate->all_starts, EVERYBODY, now_ns);
    return seconds == 0 || refuse_rate(refusal, seconds, "starts in all", "api.start_rate_total",
                                       config->start_rate_total);
}

/* Where callers show a token they may be anywhere, also behind a proxy on this machine, and must
 * not reach what only this machine reaches. */
bool gate_check_url(const Gate *gate, const Caller *caller, const char *url, Refusal *refusal)
{
    const char *own = gate->config->url;
    if (url == NULL || (own != NULL && url_is_same_server(url, own)))
        return true;
    if (caller->room != NULL)
        return refuse_request(refusal, SOUP_STATUS_FORBIDDEN, CODE_FORBIDDEN,
                              "The access token is for a room of the configured server, and "
                              "\"url\" names another one.");
    if (url_list_has(gate->urls, url) || (!gate->wants_token && url_list_is_empty(gate->urls)))
        return true;
    return refuse_request(refusal, SOUP_STATUS_FORBIDDEN, CODE_FORBIDDEN,
                          "\"url\" names a server that is neither the configured one nor in "
                          "api.allowed_urls.");
}
