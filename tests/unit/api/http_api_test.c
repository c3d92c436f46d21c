#include <glib/gstdio.h>
#include <libsoup/soup.h>
#include <string.h>

#include "api/http_api.h"
#include "api_test.h"
#include "http_scene.h"

static void test_where_it_listens(void)
{
    static const struct {
        const char *listen, *settings;
        const char *part; /* of the sentence that refuses; NULL: it listens */
    } rows[] = {
        {"127.0.0.1:0", "", NULL},
        {"127.1.2.3:0", "", NULL},
        {"localhost:0", "", NULL},
        {"[::1]:0", "", NULL},
        {"0.0.0.0:0", "", "set api.token or api.token_file"},
        {"[::]:0", "", "which is not loopback"},
        {"0.0.0.0:0", "livekit.api_key=key", "which is not loopback"},
        {"192.0.2.1:0", "", "set api.token or api.token_file"},
        {"[::ffff:0.0.0.0]:0", "", "set api.token or api.token_file"},
        {"[::ffff:127.0.0.1]:0", "", "set api.token or api.token_file"},
        {"0.0.0.0:0", "api.token=0123456789abcdef", NULL},
        {"[::]:0", "api.token=0123456789abcdef", NULL},
        {"0.0.0.0:0", "livekit.api_key=key livekit.api_secret=secret", NULL},
        {"192.0.2.1:0", "api.token=0123456789abcdef", "Cannot listen on 192.0.2.1:0"},
        {"host.example:0", "api.token=0123456789abcdef", "has to be an IP address or localhost"},
        {"127.0.0.1:0", "api.token=short", "shorter than 16 characters"},
        {"127.0.0.1:0", "api.token=0123456789abc,def", "letters, digits and"},
        {"127.0.0.1:0", "api.tls_key=/x", "one of them is not set"},
        {"127.0.0.1:0", "api.tls_key=/nowhere api.tls_certificate=/nowhere", "two PEM files: "},
        {"127.0.0.1:0", "api.allowed_urls=https://*", "api.allowed_urls holds \"https://*\""},
        {"127.0.0.1:0", "api.cors_origins=*", "api.cors_origins holds \"*\""},
        {"127.0.0.1:0", "api.cors_origins=https://a.example/", "api.cors_origins holds"},
        {"127.0.0.1:0", "api.cors_origins=https://*.example", "api.cors_origins holds"},
        {"127.0.0.1:0", "api.cors_origins=ftp://a.example", "api.cors_origins holds"},
        {"127.0.0.1:0", "api.cors_origins=https://a.example:x", "api.cors_origins holds"},
        {"127.0.0.1:0", "api.cors_origins=https://a.example,http://b.example:3000", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Config) config = config_new();
        g_autoptr(GError) error = NULL;
        WebRTCRecordingService *service = fake_service_new();
        g_assert_true(config_set(config, "service.listen", rows[i].listen, NULL));
        http_configure(config, rows[i].settings);
        g_autoptr(HttpApi) api = http_api_new(service, config, &error);
        g_test_message("%s %s: %s", rows[i].listen, rows[i].settings, error ? error->message : "");
        g_assert_cmpint(api != NULL, ==, rows[i].part == NULL);
        if (api == NULL)
            g_assert_nonnull(strstr(error->message, rows[i].part));
        else
            g_assert_cmpuint(http_api_port(api), >, 0);
        fake_service_free(service);
    }
}

static void test_port_that_is_taken(void)
{
    HttpScene scene = http_scene_new();
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *listen = g_strdup_printf("127.0.0.1:%u", http_api_port(scene.api));
    g_assert_true(config_set(config, "service.listen", listen, NULL));
    g_assert_null(http_api_new(scene.service, config, &error));
    g_assert_error(error, API_ERROR, API_ERROR_LISTEN);
    g_assert_nonnull(strstr(error->message, listen));
    http_scene_clear(&scene);
}

static unsigned open_files(void)
{
    g_autoptr(GDir) folder = g_dir_open("/proc/self/fd", 0, NULL);
    unsigned count = 0;
    while (g_dir_read_name(folder) != NULL)
        count++;
    return count;
}

/* Clients that ask for nothing special, as curl does. */
static void test_no_socket_is_left(void)
{
    HttpScene scene = http_scene_new();
    const char request[] = "GET /healthz HTTP/1.1\r\nHost: @\r\n\r\n";
    const unsigned before = open_files();
    for (unsigned i = 0; i < 20; i++) {
        g_autofree char *answer = http_call_finish(http_call_send(&scene, request, -1));
        g_assert_cmpuint(http_answer_status(answer), ==, 200);
    }
    g_assert_cmpuint(open_files(), <, before + 10); /* the last ones may be closing */
    http_scene_clear(&scene);
}

/* Whole requests; "@" is the server's host and port. */
static const struct {
    const char *request;
    unsigned status;
    const char *code, *part;
} refused[] = {
    {"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403, "bad_request",
     "Host"},
    {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 403, "bad_request",
     "Host"},
    {"GET /api/recording/active HTTP/1.1\r\nHost: @\r\nOrigin: http://localhost\r\nConnection: "
     "close\r\n\r\n",
     403, "bad_request", "Origin"},
    {"GET /api/recording/active HTTP/1.1\r\nHost: @\r\nOrigin: null\r\nConnection: close\r\n\r\n",
     403, "bad_request", "Origin"},
    {"OPTIONS /api/recording/start HTTP/1.1\r\nHost: @\r\nOrigin: http://evil.example\r\n"
     "Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n",
     403, "bad_request", "Origin"},
    {"GET / HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 404, "not_found",
     "There is nothing at /."},
    {"GET /api/recording/activex HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 404,
     "not_found", "/api/recording/activex"},
    {"GET /api/recording/status HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 404, "not_found",
     "There is nothing"},
    {"GET /api/recording/start HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 405,
     "bad_request", "POST"},
    {"DELETE /api/recording/active HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 405,
     "bad_request", "GET"},
    {"OPTIONS /api/recording/start HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 405,
     "bad_request", "POST"},
    {"POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Length: 2\r\nConnection: "
     "close\r\n\r\n{}",
     415, "bad_request", "Content-Type: application/json"},
    {"POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Type: text/plain\r\nContent-Length: "
     "2\r\nConnection: close\r\n\r\n{}",
     415, "bad_request", "Content-Type: application/json"},
    {"POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Type: "
     "application/x-www-form-urlencoded\r\nContent-Length: 9\r\nConnection: close\r\n\r\nmint_id=a",
     415, "bad_request", "Content-Type: application/json"},
    {"POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Type: "
     "application/json\r\nConnection: close\r\n\r\n",
     400, "bad_request", "it is empty"},
    {"POST /api/recording/stop HTTP/1.1\r\nHost: @\r\nContent-Type: "
     "application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]",
     400, "bad_request", "it has to be one object"},
    {"POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Type: "
     "application/json\r\nTransfer-Encoding: chunked\r\nConnection: "
     "close\r\n\r\n3\r\n{\"a\r\n6\r\n\": 1} \r\n0\r\n\r\n",
     400, "bad_request", "There is no field \"a\""},
    {"GET /api/recording/status/%00 HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 400,
     "bad_request", "mint_id"},
    {"GET /api/recording/status/%ff HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 400,
     "bad_request", "mint_id"},
    {"GET /api/recording/status/ HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 400,
     "bad_request", "mint_id"},
    {"GET /api/recording/status/unknown HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", 404,
     "not_found", "No active recording"},
};

static void test_refused_requests(void)
{
    HttpScene scene = http_scene_new();
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *answer = http_call_finish(http_call_send(&scene, refused[i].request, -1));
        http_assert_error(answer, refused[i].status, refused[i].code, refused[i].part);
        g_assert_nonnull(strstr(answer, "Cache-Control: no-store"));
        g_assert_null(strstr(answer, "Access-Control"));
    }
    http_scene_clear(&scene);
}

static void test_allow_header(void)
{
    HttpScene scene = http_scene_new();
    g_autofree char *post = http_scene_call(&scene, "POST", "/metrics", "{}");
    g_autofree char *get = http_scene_call(&scene, "GET", "/api/recording/stop", NULL);
    g_assert_cmpuint(http_answer_status(post), ==, 405);
    g_assert_nonnull(strstr(post, "\r\nAllow: GET, HEAD\r\n"));
    g_assert_nonnull(strstr(get, "\r\nAllow: POST\r\n"));
    http_scene_clear(&scene);
}

static void test_body_over_the_limit(void)
{
    HttpScene scene = http_scene_new();
    g_autofree char *body = g_strnfill(1024 * 1024 + 1, ' ');
    g_autofree char *answer = http_scene_call(&scene, "POST", "/api/recording/start", body);
    http_assert_error(answer, 413, "bad_request", "over 1 MiB");

    body[1024 * 1024] = '\0';
    g_autofree char *at_limit = http_scene_call(&scene, "POST", "/api/recording/start", body);
    http_assert_error(at_limit, 400, "bad_request", "ends too early");
    http_scene_clear(&scene);
}

static void test_garbage_does_no_harm(void)
{
    static const struct {
        const char *bytes;
        gssize size;
    } rows[] = {
        {"\r\n\r\n", -1},
        {"GARBAGE\r\n\r\n", -1},
        {"GET\r\n\r\n", -1},
        {"GET / HTTP/9.9\r\n\r\n", -1},
        {"GET /\0x HTTP/1.1\r\nHost: @\r\n\r\n", 29},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15},
        {"GET /%zz HTTP/1.1\r\nHost: @\r\nConnection: close\r\n\r\n", -1},
        {"GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: "
         "close\r\n\r\n",
         -1},
        {"POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Length: -1\r\nConnection: "
         "close\r\n\r\n",
         -1},
        {"POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Type: "
         "application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
         -1},
    };
    HttpScene scene = http_scene_new();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        HttpCall *call = http_call_send(&scene, rows[i].bytes, rows[i].size);
        http_call_end_sending(call);
        g_autofree char *answer = http_call_finish(call);
        g_assert_false(g_str_has_prefix(answer, "HTTP/1.1 200"));
    }
    g_autofree char *healthy = http_scene_call(&scene, "GET", "/healthz", NULL);
    g_assert_cmpuint(http_answer_status(healthy), ==, 200);
    http_scene_clear(&scene);
}

static void test_health_and_readiness(void)
{
    HttpScene scene = http_scene_new();
    g_autofree char *health = http_scene_call(&scene, "GET", "/healthz", NULL);
    g_autoptr(JsonObject) body = http_answer_json(health);
    g_assert_cmpstr(json_object_get_string_member(body, "version"), ==, ROOMTAPE_VERSION);

    g_autofree char *ready = http_scene_call(&scene, "GET", "/readyz", NULL);
    g_assert_cmpuint(http_answer_status(ready), ==, 200);

    fake_service_activate(scene.service, "a", RECORDING_RECORDING);
    scene.config->max_recordings = 1;
    g_autofree char *full = http_scene_call(&scene, "GET", "/readyz", NULL);
    http_assert_error(full, 503, "no_capacity", "1 recordings run");

    scene.config->max_recordings = 2;
    g_assert_true(config_set(scene.config, "output.dir", "/nowhere/at/all", NULL));
    g_autofree char *nowhere = http_scene_call(&scene, "GET", "/readyz", NULL);
    http_assert_error(nowhere, 503, "write_failed", "/nowhere/at/all");

    http_api_drain(scene.api);
    g_autofree char *ending = http_scene_call(&scene, "GET", "/readyz", NULL);
    http_assert_error(ending, 503, "no_capacity", "ending");
    http_scene_clear(&scene);
}

static void test_metrics(void)
{
    HttpScene scene = http_scene_new();
    fake_service_activate(scene.service, "a", RECORDING_RECORDING);
    scene.service->results[CODE_NONE] = 5;
    scene.service->results[CODE_NO_RTP] = 2;
    g_autofree char *answer = http_scene_call(&scene, "GET", "/metrics", NULL);
    static const char *const lines[] = {
        "# TYPE roomtape_recordings gauge\n",
        "\nroomtape_recordings{state=\"recording\"} 1\n",
        "\nroomtape_recordings{state=\"stopped\"} 0\n",
        "\nroomtape_results_total{code=\"complete\"} 5\n",
        "\nroomtape_results_total{code=\"no_rtp\"} 2\n",
        ("\nroomtape_track_packets_total{mint_id=\"a\",track=\"TR_one\",identity="
         "\"a\\\"b\\\\c\\n\","
         "kind=\"video\"} 1000\n"),
        "\nroomtape_track_lost_total{mint_id=\"a\",track=\"TR_one\",",
        "\nroomtape_track_keyframes_total{",
        "\nroomtape_track_bytes_total{",
        "\nroomtape_track_queue_dropped_total{",
        "kind=\"video\"} 1.250\n",
        "kind=\"video\"} 7\n",
    };
    g_assert_nonnull(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_test_message("%s", lines[i]);
        g_assert_nonnull(strstr(answer, lines[i]));
    }
    http_scene_clear(&scene);
}

typedef struct {
    GBytes *bytes;
    bool is_done;
} Fetched;

static void on_fetched(GObject *source, GAsyncResult *result, gpointer data)
{
    Fetched *fetched = data;
    fetched->bytes = soup_session_send_and_read_finish(SOUP_SESSION(source), result, NULL);
    fetched->is_done = true;
}

static bool is_fetched(const void *data)
{
    return ((const Fetched *)data)->is_done;
}

static unsigned fetch(SoupSession *session, HttpScene *scene, const char *method, const char *path,
                      GBytes **ret_bytes)
{
    g_autofree char *uri =
        g_strdup_printf("http://localhost:%u%s", http_api_port(scene->api), path);
    g_autoptr(SoupMessage) message = soup_message_new(method, uri);
    Fetched fetched = {.bytes = NULL};
    soup_session_send_and_read_async(session, message, G_PRIORITY_DEFAULT, NULL, on_fetched,
                                     &fetched);
    http_scene_run_until(is_fetched, &fetched);
    *ret_bytes = fetched.bytes;
    return soup_message_get_status(message);
}

static void test_an_ordinary_client(void)
{
    HttpScene scene = http_scene_new();
    g_autoptr(SoupSession) session = soup_session_new();
    for (unsigned i = 0; i < 3; i++) { /* over one connection */
        g_autoptr(GBytes) formats = NULL;
        g_autoptr(GBytes) head = NULL;
        g_assert_cmpuint(fetch(session, &scene, "GET", "/api/recording/formats", &formats), ==,
                         200);
        g_assert_cmpuint(g_bytes_get_size(formats), >, 500);
        g_assert_cmpuint(fetch(session, &scene, "HEAD", "/healthz?x=1", &head), ==, 200);
        g_assert_cmpuint(g_bytes_get_size(head), ==, 0);
    }
    http_scene_clear(&scene);
}

void http_api_test_add(void)
{
    g_test_add_func("/http-api/where-it-listens", test_where_it_listens);
    g_test_add_func("/http-api/port-that-is-taken", test_port_that_is_taken);
    g_test_add_func("/http-api/no-socket-is-left", test_no_socket_is_left);
    g_test_add_func("/http-api/refused-requests", test_refused_requests);
    g_test_add_func("/http-api/allow-header", test_allow_header);
    g_test_add_func("/http-api/body-over-the-limit", test_body_over_the_limit);
    g_test_add_func("/http-api/garbage", test_garbage_does_no_harm);
    g_test_add_func("/http-api/health-and-readiness", test_health_and_readiness);
    g_test_add_func("/http-api/metrics", test_metrics);
    g_test_add_func("/http-api/an-ordinary-client", test_an_ordinary_client);
}
