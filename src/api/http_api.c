#include "api/http_api.h"

#include <libsoup/soup.h>
#include <string.h>
#include <unistd.h>

#include "api/answer.h"
#include "api/formats.h"
#include "api/json_body.h"
#include "api/listener_watch.h"
#include "api/metrics.h"
#include "api/recording_routes.h"
#include "api/request_check.h"
#include "base/text.h"

#define STATUS_PREFIX "/api/recording/status/"
#define FLUSH_MS 500

G_DEFINE_QUARK(roomtape - api - error, api_error)

struct HttpApi {
    WebRTCRecordingService *service;
    const Config *config;
    RecordingRoutes *recordings;
    SoupServer *server;
    ListenerWatch *listener;
    char *host;
    unsigned port;
    GPtrArray *unfinished; /* of SoupServerMessage*, whose answer is not out yet */
    bool is_draining;
};

typedef struct {
    GByteArray *bytes;
    bool is_too_large;
} Body;

/* ---- bodies ---- */

static void body_free(gpointer data)
{
    Body *body = data;
    g_byte_array_unref(body->bytes);
    g_free(body);
}

static void on_chunk(SoupServerMessage *message, GBytes *chunk, gpointer data)
{
    Body *body = data;
    gsize size;
    const guint8 *bytes = g_bytes_get_data(chunk, &size);
    if (body->is_too_large || size > JSON_BODY_MAX_BYTES - body->bytes->len)
        body->is_too_large = true;
    else
        g_byte_array_append(body->bytes, bytes, (guint)size);
    (void)message;
}

/* libsoup would keep a body of any size. */
static void on_request_started(SoupServer *server, SoupServerMessage *message, gpointer data)
{
    Body *body = g_new0(Body, 1);
    body->bytes = g_byte_array_new();
    soup_message_body_set_accumulate(soup_server_message_get_request_body(message), FALSE);
    g_object_set_data_full(G_OBJECT(message), "roomtape-body", body, body_free);
    g_signal_connect(message, "got-chunk", G_CALLBACK(on_chunk), body);
    (void)server;
    (void)data;
}

static JsonObject *read_body(SoupServerMessage *message)
{
    const Body *body = g_object_get_data(G_OBJECT(message), "roomtape-body");
    g_autoptr(GError) error = NULL;
    SoupMessageHeaders *headers = soup_server_message_get_request_headers(message);
    if (!request_is_json(soup_message_headers_get_list(headers, "Content-Type"))) {
        answer_error(message, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE, CODE_BAD_REQUEST,
                     "The request needs the header Content-Type: application/json.");
        return NULL;
    }
    if (body->is_too_large) {
        answer_error(message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, CODE_BAD_REQUEST,
                     "The body is over 1 MiB.");
        return NULL;
    }
    JsonObject *object = json_body_parse((const char *)body->bytes->data, body->bytes->len, &error);
    if (object == NULL)
        answer_error(message, SOUP_STATUS_BAD_REQUEST, CODE_BAD_REQUEST, error->message);
    return object;
}

/* ---- routes ---- */

static void serve_start(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autoptr(JsonObject) body = read_body(message);
    (void)rest;
    if (body == NULL)
        return;
    if (api->is_draining)
        answer_error(message, SOUP_STATUS_SERVICE_UNAVAILABLE, CODE_NO_CAPACITY,
                     "The service is ending and starts no recording any more.");
    else
        recording_routes_start(api->recordings, message, body);
}

static void serve_stop(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autoptr(JsonObject) body = read_body(message);
    (void)rest;
    if (body != NULL)
        recording_routes_stop(api->recordings, message, body);
}

static void serve_pause(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autoptr(JsonObject) body = read_body(message);
    (void)rest;
    if (body != NULL)
        recording_routes_pause(api->recordings, message, body);
}

static void serve_resume(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autoptr(JsonObject) body = read_body(message);
    (void)rest;
    if (body != NULL)
        recording_routes_resume(api->recordings, message, body);
}

static void serve_status(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autofree char *mint_id = g_uri_unescape_string(rest, NULL);
    if (mint_id == NULL || *mint_id == '\0' || !g_utf8_validate(mint_id, -1, NULL))
        answer_error(message, SOUP_STATUS_BAD_REQUEST, CODE_BAD_REQUEST,
                     "The path has to end with a mint_id in UTF-8, percent-encoded, without NUL.");
    else
        recording_routes_status(api->recordings, message, mint_id);
}

static void serve_active(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    (void)rest;
    recording_routes_active(api->recordings, message);
}

static void serve_formats(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    (void)api;
    (void)rest;
    answer_json(message, SOUP_STATUS_OK, formats_json());
}

static void serve_metrics(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autofree char *text = metrics_text(api->service);
    (void)rest;
    answer_text(message, SOUP_STATUS_OK, METRICS_CONTENT_TYPE, text);
}

static void serve_health(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    JsonObject *body = json_object_new();
    (void)api;
    (void)rest;
    json_object_set_string_member(body, "status", "ok");
    json_object_set_string_member(body, "version", ROOMTAPE_VERSION);
    answer_json(message, SOUP_STATUS_OK, body);
}

/* False with the reason why a start would be refused now. */
static bool is_ready(const HttpApi *api, Outcome *ret_reason)
{
    const unsigned active = recording_service_active_count(api->service);
    if (api->is_draining)
        outcome_set(ret_reason, OUTCOME_FAILED, CODE_NO_CAPACITY, "The service is ending.");
    else if (active >= api->config->max_recordings)
        outcome_set(ret_reason, OUTCOME_FAILED, CODE_NO_CAPACITY,
                    "%u recordings run, and service.max_recordings is %u.", active,
                    api->config->max_recordings);
    else if (access(api->config->output_dir, W_OK | X_OK) != 0)
        outcome_set(ret_reason, OUTCOME_FAILED, CODE_WRITE_FAILED, "Cannot write into %s: %s.",
                    api->config->output_dir, g_strerror(errno));
    else
        return true;
    return false;
}

static void serve_ready(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    Outcome reason;
    (void)rest;
    if (!is_ready(api, &reason)) {
        answer_outcome(message, &reason);
        return;
    }
    JsonObject *body = json_object_new();
    json_object_set_string_member(body, "status", "ready");
    json_object_set_int_member(body, "active", recording_service_active_count(api->service));
    json_object_set_int_member(body, "max_recordings", api->config->max_recordings);
    answer_json(message, SOUP_STATUS_OK, body);
}

typedef struct {
    const char *method;
    const char *path;
    bool has_rest; /* the path goes on with a name */
    void (*serve)(HttpApi *api, SoupServerMessage *message, const char *rest);
} Route;

static const Route routes[] = {
    {"POST", "/api/recording/start", false, serve_start},
    {"POST", "/api/recording/stop", false, serve_stop},
    {"POST", "/api/recording/pause", false, serve_pause},
    {"POST", "/api/recording/resume", false, serve_resume},
    {"GET", STATUS_PREFIX, true, serve_status},
    {"GET", "/api/recording/active", false, serve_active},
    {"GET", "/api/recording/formats", false, serve_formats},
    {"GET", "/metrics", false, serve_metrics},
    {"GET", "/healthz", false, serve_health},
    {"GET", "/readyz", false, serve_ready},
};

static const Route *find_route(const char *path)
{
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
        const Route *route = &routes[i];
        if (route->has_rest ? g_str_has_prefix(path, route->path) : strcmp(path, route->path) == 0)
            return route;
    }
    return NULL;
}

/* HEAD is GET without the body, which libsoup leaves out. */
static bool method_fits(const Route *route, const char *method)
{
    return strcmp(method, route->method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static bool check_caller(const HttpApi *api, SoupServerMessage *message)
{
    SoupMessageHeaders *headers = soup_server_message_get_request_headers(message);
    const char *host = soup_message_headers_get_list(headers, "Host");
    if (!request_host_is_ours(host, api->host, api->port)) {
        answer_error(message, SOUP_STATUS_FORBIDDEN, CODE_BAD_REQUEST,
                     "The Host header does not name this service: only local callers are served.");
        return false;
    }
    if (soup_message_headers_get_list(headers, "Origin") != NULL) {
        answer_error(message, SOUP_STATUS_FORBIDDEN, CODE_BAD_REQUEST,
                     "Requests with an Origin header come from web pages, which are not served.");
        return false;
    }
    return true;
}

static void answer_no_route(SoupServerMessage *message, const char *path)
{
    char printable[120];
    text_printable(path, strlen(path), printable, sizeof printable);
    g_autofree char *sentence = g_strdup_printf("There is nothing at %s.", printable);
    answer_error(message, SOUP_STATUS_NOT_FOUND, CODE_NOT_FOUND, sentence);
}

static void answer_wrong_method(SoupServerMessage *message, const Route *route)
{
    const bool is_get = strcmp(route->method, "GET") == 0;
    g_autofree char *sentence =
        g_strdup_printf("%s is to be called with %s.", route->path, route->method);
    soup_message_headers_replace(soup_server_message_get_response_headers(message), "Allow",
                                 is_get ? "GET, HEAD" : route->method);
    answer_error(message, SOUP_STATUS_METHOD_NOT_ALLOWED, CODE_BAD_REQUEST, sentence);
}

static void on_finished(SoupServerMessage *message, gpointer data)
{
    HttpApi *api = data;
    g_ptr_array_remove_fast(api->unfinished, message);
}

static void on_request(SoupServer *server, SoupServerMessage *message, const char *path,
                       GHashTable *query, gpointer data)
{
    HttpApi *api = data;
    (void)server;
    (void)query;
    g_ptr_array_add(api->unfinished, g_object_ref(message));
    g_signal_connect(message, "finished", G_CALLBACK(on_finished), api);
    if (!check_caller(api, message))
        return;
    const Route *route = find_route(path);
    if (route == NULL)
        answer_no_route(message, path);
    else if (!method_fits(route, soup_server_message_get_method(message)))
        answer_wrong_method(message, route);
    else
        route->serve(api, message, path + strlen(route->path));
}

/* ---- life ---- */

static GSocketAddress *loopback_address(const char *host, unsigned port)
{
    const bool is_name = g_ascii_strcasecmp(host, "localhost") == 0;
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(is_name ? "127.0.0.1" : host);
    if (address == NULL || !g_inet_address_get_is_loopback(address))
        return NULL;
    return g_inet_socket_address_new(address, (guint16)port);
}

static unsigned bound_port(SoupServer *server)
{
    GSList *uris = soup_server_get_uris(server);
    const int port = uris != NULL ? g_uri_get_port(uris->data) : -1;
    g_slist_free_full(uris, (GDestroyNotify)g_uri_unref);
    return port > 0 ? (unsigned)port : 0;
}

static bool api_listen(HttpApi *api, GError **error)
{
    const char *listen = api->config->listen;
    g_autoptr(GError) cause = NULL;
    unsigned port = 0;
    g_autoptr(GSocketAddress) address = NULL;
    if (request_split_listen(listen, &api->host, &port))
        address = loopback_address(api->host, port);
    if (address == NULL) {
        g_set_error(error, API_ERROR, API_ERROR_LISTEN,
                    "service.listen cannot be \"%s\": the HTTP service has no authentication yet "
                    "and listens on loopback addresses only, such as 127.0.0.1:8080.",
                    listen);
        return false;
    }
    if (!soup_server_listen(api->server, address, 0, &cause)) {
        g_set_error(error, API_ERROR, API_ERROR_LISTEN, "Cannot listen on %s: %s.", listen,
                    cause->message);
        return false;
    }
    api->port = bound_port(api->server);
    return true;
}

HttpApi *http_api_new(WebRTCRecordingService *service, const Config *config, GError **error)
{
    HttpApi *api = g_new0(HttpApi, 1);
    api->service = service;
    api->config = config;
    api->recordings = recording_routes_new(service, config);
    api->unfinished = g_ptr_array_new_with_free_func(g_object_unref);
    /* Raw, so that a mint_id may hold an encoded slash. */
    api->server = soup_server_new("raw-paths", TRUE, NULL);
    g_signal_connect(api->server, "request-started", G_CALLBACK(on_request_started), NULL);
    soup_server_add_handler(api->server, NULL, on_request, api, NULL);
    if (!api_listen(api, error)) {
        http_api_free(api);
        return NULL;
    }
    api->listener = listener_watch_new(api->server);
    return api;
}

unsigned http_api_port(const HttpApi *api)
{
    return api->port;
}

void http_api_drain(HttpApi *api)
{
    api->is_draining = true;
}

static gboolean on_flush_deadline(gpointer data)
{
    bool *is_over = data;
    *is_over = true;
    return G_SOURCE_REMOVE;
}

static void flush_answers(const HttpApi *api)
{
    bool is_over = false;
    const guint timer = g_timeout_add(FLUSH_MS, on_flush_deadline, &is_over);
    while (api->unfinished->len > 0 && !is_over)
        g_main_context_iteration(NULL, TRUE);
    if (!is_over)
        g_source_remove(timer);
}

void http_api_free(HttpApi *api)
{
    if (api == NULL)
        return;
    flush_answers(api);
    recording_routes_free(api->recordings);
    for (guint i = 0; i < api->unfinished->len; i++)
        g_signal_handlers_disconnect_by_data(api->unfinished->pdata[i], api);
    g_ptr_array_unref(api->unfinished);
    listener_watch_free(api->listener);
    soup_server_remove_handler(api->server, NULL);
    soup_server_disconnect(api->server);
    g_object_unref(api->server);
    g_free(api->host);
    g_free(api);
}
