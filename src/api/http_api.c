#include "api/http_api.h"

#include <libsoup/soup.h>
#include <string.h>
#include <unistd.h>

#include "api/answer.h"
#include "api/formats.h"
#include "api/gate.h"
#include "api/http_listener.h"
#include "api/json_body.h"
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
    Gate *gate;
    SoupServer *server;
    GTlsCertificate *certificate; /* NULL: plain HTTP */
    HttpListener *listener;
    unsigned port;
    GPtrArray *unfinished; /* of SoupServerMessage*, whose answer is not out yet */
    bool is_draining;
};

#define CALLER_KEY "roomtape-caller"

static void caller_free(gpointer data)
{
    caller_clear(data);
    g_free(data);
}

/* Who made this call. */
static const Caller *caller_of(SoupServerMessage *message)
{
    return g_object_get_data(G_OBJECT(message), CALLER_KEY);
}

static bool may_see_all(SoupServerMessage *message)
{
    Refusal refusal = {.status = 0};
    if (caller_may(caller_of(message), NULL, &refusal))
        return true;
    answer_refusal(message, &refusal);
    return false;
}

/* ---- bodies ---- */

static JsonObject *read_body(SoupServerMessage *message)
{
    g_autoptr(GBytes) body =
        soup_message_body_flatten(soup_server_message_get_request_body(message));
    g_autoptr(GError) error = NULL;
    gsize size;
    SoupMessageHeaders *headers = soup_server_message_get_request_headers(message);
    if (!request_is_json(soup_message_headers_get_list(headers, "Content-Type"))) {
        answer_error(message, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE, CODE_BAD_REQUEST,
                     "The request needs the header Content-Type: application/json.");
        return NULL;
    }
    const char *text = g_bytes_get_data(body, &size);
    JsonObject *object = json_body_parse(text, size, &error);
    if (object == NULL)
        answer_error(message, SOUP_STATUS_BAD_REQUEST, CODE_BAD_REQUEST, error->message);
    return object;
}

/* ---- routes ---- */

static void serve_start(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    GSocketAddress *remote = soup_server_message_get_remote_address(message);
    Refusal refusal = {.status = 0};
    (void)rest;
    if (!gate_check_start(api->gate, remote, &refusal)) {
        answer_refusal(message, &refusal);
        return;
    }
    g_autoptr(JsonObject) body = read_body(message);
    if (body == NULL)
        return;
    if (api->is_draining)
        answer_error(message, SOUP_STATUS_SERVICE_UNAVAILABLE, CODE_NO_CAPACITY,
                     "The service is ending and starts no recording any more.");
    else
        recording_routes_start(api->recordings, message, caller_of(message), body);
}

static void serve_stop(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autoptr(JsonObject) body = read_body(message);
    (void)rest;
    if (body != NULL)
        recording_routes_stop(api->recordings, message, caller_of(message), body);
}

static void serve_pause(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autoptr(JsonObject) body = read_body(message);
    (void)rest;
    if (body != NULL)
        recording_routes_pause(api->recordings, message, caller_of(message), body);
}

static void serve_resume(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autoptr(JsonObject) body = read_body(message);
    (void)rest;
    if (body != NULL)
        recording_routes_resume(api->recordings, message, caller_of(message), body);
}

static void serve_status(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    g_autofree char *mint_id = g_uri_unescape_string(rest, NULL);
    if (mint_id == NULL || *mint_id == '\0' || !g_utf8_validate(mint_id, -1, NULL))
        answer_error(message, SOUP_STATUS_BAD_REQUEST, CODE_BAD_REQUEST,
                     "The path has to end with a mint_id in UTF-8, percent-encoded, without NUL.");
    else
        recording_routes_status(api->recordings, message, caller_of(message), mint_id);
}

static void serve_active(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    (void)rest;
    recording_routes_active(api->recordings, message, caller_of(message));
}

static void serve_formats(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    (void)api;
    (void)rest;
    answer_json(message, SOUP_STATUS_OK, formats_json());
}

static void serve_metrics(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    (void)rest;
    if (!may_see_all(message))
        return;
    g_autofree char *text = metrics_text(api->service);
    answer_text(message, SOUP_STATUS_OK, METRICS_CONTENT_TYPE, text);
}

static void serve_health(HttpApi *api, SoupServerMessage *message, const char *rest)
{
    JsonObject *body = json_object_new();
    (void)rest;
    json_object_set_string_member(body, "status", "ok");
    if (!gate_wants_token(api->gate)) /* strangers need not know it */
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
    if (!may_see_all(message))
        return;
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

/* What gate_check() let in, by what libsoup read of it. */
static bool check_caller(const HttpApi *api, SoupServerMessage *message, const char *path)
{
    Caller *caller = g_new0(Caller, 1);
    Refusal refusal = {.status = 0};
    g_object_set_data_full(G_OBJECT(message), CALLER_KEY, caller, caller_free);
    if (gate_is_open(path) ||
        gate_read_caller(api->gate, soup_server_message_get_request_headers(message), caller,
                         &refusal))
        return true;
    answer_refusal(message, &refusal);
    return false;
}

/* What a page of a listed origin may do and read (Fetch, 3.2.3). True for a preflight, which is
 * then answered. */
static bool answer_origin(const HttpApi *api, SoupServerMessage *message)
{
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(message);
    const char *origin = gate_origin(api->gate, soup_server_message_get_request_headers(message));
    if (origin == NULL)
        return false;
    soup_message_headers_replace(headers, "Access-Control-Allow-Origin", origin);
    soup_message_headers_replace(headers, "Vary", "Origin");
    if (strcmp(soup_server_message_get_method(message), "OPTIONS") != 0)
        return false;
    soup_message_headers_replace(headers, "Access-Control-Allow-Methods", "GET, HEAD, POST");
    soup_message_headers_replace(headers, "Access-Control-Allow-Headers",
                                 "Authorization, Content-Type");
    soup_message_headers_replace(headers, "Access-Control-Max-Age", "600");
    soup_message_headers_replace(headers, "Connection", "close");
    soup_server_message_set_status(message, SOUP_STATUS_NO_CONTENT, NULL);
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
    if (answer_origin(api, message) || !check_caller(api, message, path))
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

static bool on_head(void *owner, const RequestHead *head, GSocketAddress *remote, Refusal *refusal)
{
    HttpApi *api = owner;
    return gate_check(api->gate, head, remote, refusal);
}

static bool load_certificate(const Config *config, GTlsCertificate **ret_certificate,
                             GError **error)
{
    g_autoptr(GError) cause = NULL;
    *ret_certificate = NULL;
    if (config->tls_certificate == NULL && config->tls_key == NULL)
        return true;
    if (config->tls_certificate != NULL && config->tls_key != NULL)
        *ret_certificate =
            g_tls_certificate_new_from_files(config->tls_certificate, config->tls_key, &cause);
    if (*ret_certificate != NULL)
        return true;
    g_set_error(error, API_ERROR, API_ERROR_LISTEN,
                "HTTPS needs api.tls_certificate and api.tls_key, two PEM files: %s.",
                cause != NULL ? cause->message : "one of them is not set");
    return false;
}

static bool api_listen(HttpApi *api, GError **error)
{
    const Config *config = api->config;
    g_autoptr(GError) cause = NULL;
    HttpListenerOptions options = {
        .max_connections = config->max_connections,
        .max_address_connections = config->max_address_connections,
        .traffic = {.server = api->server,
                    .request_timeout_ns = config->request_timeout_ns,
                    .owner = api,
                    .check = on_head},
    };
    api->gate = gate_new(config, error);
    if (api->gate == NULL || !load_certificate(config, &api->certificate, error))
        return false;
    options.traffic.certificate = api->certificate;
    api->listener = http_listener_new(gate_address(api->gate), &options, &cause);
    if (api->listener == NULL) {
        g_set_error(error, API_ERROR, API_ERROR_LISTEN, "Cannot listen on %s: %s.", config->listen,
                    cause->message);
        return false;
    }
    api->port = http_listener_port(api->listener);
    gate_set_port(api->gate, api->port);
    return true;
}

HttpApi *http_api_new(WebRTCRecordingService *service, const Config *config, GError **error)
{
    HttpApi *api = g_new0(HttpApi, 1);
    api->service = service;
    api->config = config;
    api->unfinished = g_ptr_array_new_with_free_func(g_object_unref);
    /* Raw, so that a mint_id may hold an encoded slash. */
    api->server = soup_server_new("raw-paths", TRUE, NULL);
    soup_server_add_handler(api->server, NULL, on_request, api, NULL);
    if (!api_listen(api, error)) {
        http_api_free(api);
        return NULL;
    }
    api->recordings = recording_routes_new(service, config, api->gate);
    return api;
}

unsigned http_api_port(const HttpApi *api)
{
    return api->port;
}

bool http_api_is_tls(const HttpApi *api)
{
    return api->certificate != NULL;
}

bool http_api_tells_tokens(const HttpApi *api)
{
    return !gate_is_loopback(api->gate) && !http_api_is_tls(api);
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
    http_listener_close(api->listener);
    const guint timer = g_timeout_add(FLUSH_MS, on_flush_deadline, &is_over);
    while ((api->unfinished->len > 0 || http_listener_is_sending(api->listener)) && !is_over)
        g_main_context_iteration(NULL, TRUE);
    if (!is_over)
        g_source_remove(timer);
}

void http_api_free(HttpApi *api)
{
    if (api == NULL)
        return;
    if (api->listener != NULL)
        flush_answers(api);
    recording_routes_free(api->recordings);
    for (guint i = 0; i < api->unfinished->len; i++)
        g_signal_handlers_disconnect_by_data(api->unfinished->pdata[i], api);
    g_ptr_array_unref(api->unfinished);
    soup_server_remove_handler(api->server, NULL);
    soup_server_disconnect(api->server);
    http_listener_free(api->listener);
    g_object_unref(api->server);
    g_clear_object(&api->certificate);
    gate_free(api->gate);
    g_free(api);
}
