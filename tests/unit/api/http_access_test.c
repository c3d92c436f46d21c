#include <string.h>

#include "api_test.h"
#include "http_scene.h"
#include "signal/access_token.h"

#define TOKEN "a-token-of-thirty-two-characters"
#define SETTINGS                                                                                   \
    "api.token=" TOKEN " livekit.api_key=devkey livekit.api_secret=secret "                        \
    "livekit.url=wss://live.example"
#define ORIGIN "https://app.example"

/* METHOD PATH with these header lines, and a JSON body unless NULL. */
static char *call_with(HttpScene *scene, const char *line, const char *headers, const char *body)
{
    g_autofree char *length =
        body != NULL ? g_strdup_printf("Content-Type: application/json\r\nContent-Length: %zu\r\n",
                                       strlen(body))
                     : g_strdup("");
    g_autofree char *request = g_strdup_printf("%s HTTP/1.1\r\nHost: @\r\n%s%s\r\n%s", line,
                                               headers, length, body != NULL ? body : "");
    return http_call_finish(http_call_send(scene, request, -1));
}

static char *room_token(const char *room)
{
    const AccessTokenOptions options = {
        .api_key = "devkey",
        .api_secret = "secret",
        .identity = "backend",
        .room = room,
        .valid_seconds = 60,
        .room_record = true,
    };
    g_autofree char *token = access_token_new(&options);
    return g_strdup_printf("Authorization: Bearer %s\r\n", token);
}

static void test_what_needs_a_token(void)
{
    static const struct {
        const char *line;
        unsigned without, with; /* the status */
    } rows[] = {
        {"GET /healthz", 200, 200},
        {"HEAD /healthz", 200, 200},
        {"GET /readyz", 401, 200},
        {"GET /metrics", 401, 200},
        {"GET /api/recording/active", 401, 200},
        {"GET /api/recording/formats", 401, 200},
        {"GET /api/recording/status/a", 401, 404},
        {"GET /nothing", 401, 404},
        {"GET /healthz/", 401, 404},
        {"GET //healthz", 401, 404},
        {"GET /healthz/../metrics", 401, 200},
        {"GET http://localhost/metrics", 401, 200},
        {"POST /api/recording/start", 401, 415},
        {"OPTIONS /api/recording/start", 401, 405},
        {"DELETE /api/recording/active", 401, 405},
    };
    HttpScene scene = http_scene_new_with(SETTINGS);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s", rows[i].line);
        g_autofree char *without = call_with(&scene, rows[i].line, "", NULL);
        g_autofree char *with =
            call_with(&scene, rows[i].line, "Authorization: Bearer " TOKEN "\r\n", NULL);
        g_assert_cmpuint(http_answer_status(without), ==, rows[i].without);
        g_assert_cmpuint(http_answer_status(with), ==, rows[i].with);
        g_assert_cmpint(strstr(without, "\r\nWWW-Authenticate: Bearer") != NULL, ==,
                        rows[i].without == 401);
        g_assert_null(strstr(without, ROOMTAPE_VERSION));
    }
    http_scene_clear(&scene);
}

/* The head's token is looked at before the body is waited for. */
static void test_no_body_without_a_token(void)
{
    HttpScene scene = http_scene_new_with(SETTINGS);
    g_autofree char *answer = http_call_finish(http_call_send(
        &scene, "POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Length: 99\r\n\r\n", -1));
    http_assert_error(answer, 401, "unauthorized", "send Authorization: Bearer TOKEN");
    http_scene_clear(&scene);
}

static const struct {
    const char *line, *body; /* of a caller who is bound to the room "a" */
    unsigned status;
    const char *part;
} bound_calls[] = {
    {"POST /api/recording/start", "{\"mint_id\": \"a\", \"wait\": false}", 200, "\"mint_id\""},
    {"POST /api/recording/start", "{\"mint_id\": \"x\", \"room\": \"a\", \"wait\": false}", 200,
     "\"mint_id\""},
    {"POST /api/recording/start", "{\"mint_id\": \"b\"}", 403, "not for \\\"b\\\""},
    {"POST /api/recording/start", "{\"mint_id\": \"a\", \"room\": \"b\"}", 403,
     "not for \\\"b\\\""},
    {"POST /api/recording/start", "{\"mint_id\": \"a\", \"url\": \"wss://other.example\"}", 403,
     "names another one"},
    {"POST /api/recording/start", "{\"mint_id\": \"own\", \"room\": \"a\", \"wait\": false}", 200,
     "\"own\""},
    {"POST /api/recording/start", "{\"mint_id\": \"foreign\", \"room\": \"a\"}", 403,
     "not for \\\"b\\\""},
    {"POST /api/recording/stop", "{\"mint_id\": \"foreign\"}", 403, "not for \\\"b\\\""},
    {"POST /api/recording/stop", "{\"mint_id\": \"foreign\", \"discard\": true}", 403, "room"},
    {"POST /api/recording/pause", "{\"mint_id\": \"foreign\"}", 403, "not for \\\"b\\\""},
    {"POST /api/recording/resume", "{\"mint_id\": \"foreign\"}", 403, "not for \\\"b\\\""},
    {"GET /api/recording/status/foreign", NULL, 403, "not for \\\"b\\\""},
    {"GET /api/recording/status/own", NULL, 200, "\"own\""},
    {"GET /api/recording/status/unknown", NULL, 404, "No active recording"},
    {"GET /api/recording/formats", NULL, 200, "mp4"},
    {"GET /metrics", NULL, 403, "about all rooms"},
    {"GET /readyz", NULL, 403, "about all rooms"},
};

static void set_recording(HttpScene *scene, const char *mint_id, const char *room)
{
    fake_service_activate(scene->service, mint_id, RECORDING_RECORDING);
    g_strlcpy(scene->service->active->room, room, sizeof scene->service->active->room);
}

static void test_bound_to_a_room(void)
{
    HttpScene scene = http_scene_new_with(SETTINGS);
    g_autofree char *authorization = room_token("a");
    for (size_t i = 0; i < G_N_ELEMENTS(bound_calls); i++) {
        const char *what = bound_calls[i].body != NULL ? bound_calls[i].body : bound_calls[i].line;
        const bool is_foreign = strstr(what, "foreign") != NULL;
        set_recording(&scene, is_foreign ? "foreign" : "own", is_foreign ? "b" : "a");
        g_autofree char *answer =
            call_with(&scene, bound_calls[i].line, authorization, bound_calls[i].body);
        g_test_message("%s %s: %s", bound_calls[i].line, what, answer);
        g_assert_cmpuint(http_answer_status(answer), ==, bound_calls[i].status);
        g_assert_nonnull(strstr(answer, bound_calls[i].part));
        g_assert_cmpuint(scene.service->stops, ==, 0);
    }
    http_scene_clear(&scene);
}

static void test_bound_lists(void)
{
    HttpScene scene = http_scene_new_with(SETTINGS);
    g_autofree char *of_a = room_token("a");
    g_autofree char *of_all = room_token(NULL);
    set_recording(&scene, "listed", "b");
    g_autofree char *none = call_with(&scene, "GET /api/recording/active", of_a, NULL);
    g_autofree char *all = call_with(&scene, "GET /api/recording/active", of_all, NULL);
    g_assert_null(strstr(none, "listed"));
    g_assert_nonnull(strstr(all, "listed"));
    http_scene_clear(&scene);
}

/* Whose room the token in the request is for is compared by the service. */
static void test_bound_with_a_token_in_the_request(void)
{
    HttpScene scene = http_scene_new_with(SETTINGS);
    g_autofree char *authorization = room_token("a");
    g_autofree char *answer =
        call_with(&scene, "POST /api/recording/start", authorization,
                  "{\"mint_id\": \"x\", \"token\": \"any\", \"wait\": false}");
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    g_assert_cmpstr(scene.service->request->room, ==, "a");
    http_scene_clear(&scene);
}

static void test_urls(void)
{
    static const struct {
        const char *settings, *url;
        bool is_allowed;
    } rows[] = {
        /* nobody needs a token: only this machine's programs call */
        {"livekit.url=wss://live.example", "ws://127.0.0.1:22", true},
        {"livekit.url=wss://live.example api.allowed_urls=wss://x.example", "wss://x.example",
         true},
        {"livekit.url=wss://live.example api.allowed_urls=wss://x.example",
         "wss://live.example:443", true},
        {"livekit.url=wss://live.example api.allowed_urls=wss://x.example", "ws://127.0.0.1:22",
         false},
        {SETTINGS, "wss://live.example", true},
        {SETTINGS, "https://live.example/", true},
        {SETTINGS, "wss://live.example/admin", false},
        {SETTINGS, "ws://live.example", false},
        {SETTINGS, "ws://127.0.0.1:22", false},
        {SETTINGS, "http://169.254.169.254", false},
        {SETTINGS " api.allowed_urls=wss://*.x.example", "wss://eu.x.example", true},
        {SETTINGS " api.allowed_urls=wss://*.x.example", "wss://x.example", false},
        {SETTINGS " api.allowed_urls=wss://*.x.example", "http://169.254.169.254", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        HttpScene scene = http_scene_new_with(rows[i].settings);
        g_autofree char *body =
            g_strdup_printf("{\"mint_id\": \"a\", \"url\": \"%s\", \"wait\": false}", rows[i].url);
        g_autofree char *answer = call_with(&scene, "POST /api/recording/start",
                                            "Authorization: Bearer " TOKEN "\r\n", body);
        g_test_message("%s %s: %s", rows[i].settings, rows[i].url, answer);
        g_assert_cmpuint(http_answer_status(answer), ==, rows[i].is_allowed ? 200 : 403);
        if (!rows[i].is_allowed)
            http_assert_error(answer, 403, "forbidden", "api.allowed_urls");
        g_assert_cmpint(scene.service->request != NULL, ==, rows[i].is_allowed);
        http_scene_clear(&scene);
    }
}

static void test_pages(void)
{
    static const struct {
        const char *line, *headers;
        unsigned status;
        bool may_read;
    } rows[] = {
        {"OPTIONS /api/recording/start",
         "Origin: " ORIGIN "\r\nAccess-Control-Request-Method: POST\r\n", 204, true},
        {"OPTIONS /nothing", "Origin: " ORIGIN "\r\n", 204, true},
        {"GET /api/recording/active", "Origin: " ORIGIN "\r\nAuthorization: Bearer " TOKEN "\r\n",
         200, true},
        {"GET /api/recording/active", "Origin: " ORIGIN "\r\n", 401, true},
        {"OPTIONS /api/recording/start", "Origin: https://app.example:444\r\n", 403, false},
        {"OPTIONS /api/recording/start", "Origin: http://app.example\r\n", 403, false},
        {"OPTIONS /api/recording/start", "Origin: https://app.example.evil.example\r\n", 403,
         false},
        {"OPTIONS /api/recording/start", "Origin: null\r\n", 403, false},
        {"GET /api/recording/active",
         "Origin: https://evil.example\r\nAuthorization: Bearer " TOKEN "\r\n", 403, false},
        {"GET /healthz", "Origin: https://evil.example\r\n", 403, false},
        {"GET /api/recording/active",
         "Origin: " ORIGIN "\r\nOrigin: " ORIGIN "\r\nAuthorization: Bearer " TOKEN "\r\n", 403,
         false},
    };
    HttpScene scene =
        http_scene_new_with(SETTINGS " api.cors_origins=http://b.example:3000," ORIGIN);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *answer = call_with(&scene, rows[i].line, rows[i].headers, NULL);
        g_test_message("%s %s: %s", rows[i].line, rows[i].headers, answer);
        g_assert_cmpuint(http_answer_status(answer), ==, rows[i].status);
        g_assert_cmpint(strstr(answer, "\r\nAccess-Control-Allow-Origin: " ORIGIN "\r\n") != NULL,
                        ==, rows[i].may_read);
        g_assert_null(strstr(answer, "Allow-Credentials"));
    }
    http_scene_clear(&scene);
}

/* As somebody writes an origin down, and as a browser does. */
static void test_origins_as_written(void)
{
    static const struct {
        const char *listed, *sent;
        bool is_served;
    } rows[] = {
        {"https://App.Example", "https://app.example", true},
        {"HTTPS://app.example", "https://app.example", true},
        {"https://app.example:443", "https://app.example", true},
        {"http://app.example:80", "http://app.example", true},
        {"http://App.Example:3000", "http://app.example:3000", true},
        {"http://[::1]:8000", "http://[::1]:8000", true},
        {"http://[::1]:80", "http://[::1]", true},
        {"https://b\xc3\xbc"
         "cher.example",
         "https://xn--bcher-kva.example", true},
        {"http://[2001:0DB8::1]", "http://[2001:db8::1]", true},
        {"https://app.example:80", "https://app.example", false},
        {"http://app.example:443", "http://app.example:443", true},
        {"http://app.example:443", "https://app.example", false},
        {"https://app.example", "https://APP.example", false}, /* no browser writes it so */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *settings = g_strconcat("api.cors_origins=", rows[i].listed, NULL);
        g_autofree char *headers = g_strdup_printf("Origin: %s\r\n", rows[i].sent);
        HttpScene scene = http_scene_new_with(settings);
        g_autofree char *answer = call_with(&scene, "GET /healthz", headers, NULL);
        g_test_message("%s, %s: %s", rows[i].listed, rows[i].sent, answer);
        g_assert_cmpuint(http_answer_status(answer), ==, rows[i].is_served ? 200 : 403);
        http_scene_clear(&scene);
    }
}

/* The last of `count` calls. */
static char *call_often(HttpScene *scene, unsigned count, const char *line, const char *body)
{
    char *answer = NULL;
    for (unsigned i = 0; i < count; i++) {
        g_free(answer);
        answer = call_with(scene, line, "", body);
        if (i + 1 < count)
            g_assert_cmpuint(http_answer_status(answer), ==, 200);
    }
    return answer;
}

static void test_too_often(void)
{
    static const char body[] = "{\"mint_id\": \"a\", \"wait\": false}";
    static const struct {
        const char *settings, *line, *body, *part;
    } rows[] = {
        {"api.request_rate=1", "GET /healthz", NULL, "api.request_rate allows 1 a second"},
        {"api.start_rate=1", "POST /api/recording/start", body, "api.start_rate allows 1"},
        {"api.start_rate_total=1", "POST /api/recording/start", body, "api.start_rate_total"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        HttpScene scene = http_scene_new_with(rows[i].settings);
        g_autofree char *answer = call_often(&scene, 6, rows[i].line, rows[i].body);
        http_assert_error(answer, 429, "too_many_requests", rows[i].part);
        g_assert_nonnull(strstr(answer, "\r\nRetry-After: 1\r\n"));
        g_autofree char *status = call_with(&scene, "GET /api/recording/active", "", NULL);
        g_assert_cmpuint(http_answer_status(status), ==, i == 0 ? 429 : 200);
        http_scene_clear(&scene);
    }
}

static void test_too_many_connections(void)
{
    static const struct {
        const char *settings, *part;
    } rows[] = {
        {"api.max_connections=2", "There are 2 connections, and api.max_connections is 2."},
        {"api.max_address_connections=2", "There are 2 connections from your address"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        HttpScene scene = http_scene_new_with(rows[i].settings);
        HttpCall *idle[] = {http_call_send(&scene, "G", -1), http_call_send(&scene, "G", -1)};
        g_autofree char *refused = call_with(&scene, "GET /healthz", "", NULL);
        http_assert_error(refused, 503, "no_capacity", rows[i].part);
        for (size_t j = 0; j < G_N_ELEMENTS(idle); j++)
            http_call_hang_up(idle[j]);
        g_autofree char *healthy = call_with(&scene, "GET /healthz", "", NULL);
        g_assert_cmpuint(http_answer_status(healthy), ==, 200);
        http_scene_clear(&scene);
    }
}

static void test_slow_requests(void)
{
    static const char *const rows[] = {
        "",
        "GET /healthz HTTP/1.1\r\nHost: @\r\n",
        "POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Length: 10\r\n\r\n{",
        "POST /api/recording/start HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{",
    };
    HttpScene scene = http_scene_new_with("api.request_timeout=200ms");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *answer = http_call_finish(http_call_send(&scene, rows[i], -1));
        http_assert_error(answer, 408, "bad_request", "within 0.2 s (api.request_timeout)");
    }
    http_scene_clear(&scene);
}

#define CHUNKED                                                                                    \
    "POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Type: application/json\r\n"          \
    "Transfer-Encoding: chunked\r\n\r\n"

/* Bodies that do not say how long they will be count for what has come of them. */
static void test_many_small_bodies(void)
{
    static const char body[] = "{\"mint_id\": \"a\", \"wait\": false}";
    HttpScene scene = http_scene_new();
    HttpCall *idle[40];
    for (size_t i = 0; i < G_N_ELEMENTS(idle); i++)
        idle[i] = http_call_send(&scene, CHUNKED "2\r\n{", -1);
    g_autofree char *answer = call_with(&scene, "POST /api/recording/start", "", body);
    g_assert_cmpuint(http_answer_status(answer), ==, 200);
    for (size_t i = 0; i < G_N_ELEMENTS(idle); i++)
        http_call_hang_up(idle[i]);
    http_scene_clear(&scene);
}

static void test_many_large_bodies(void)
{
    HttpScene scene = http_scene_new_with("api.request_timeout=2s");
    g_autofree char *chunk = g_strnfill(0xf0000, ' ');
    g_autofree char *request = g_strconcat(CHUNKED "f0000\r\n", chunk, NULL);
    HttpCall *calls[40];
    unsigned refused = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        calls[i] = http_call_send(&scene, request, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_autofree char *answer = http_call_finish(calls[i]);
        if (http_answer_status(answer) == 503) {
            http_assert_error(answer, 503, "no_capacity", "Too many large requests");
            refused++;
        }
    }
    g_assert_cmpuint(refused, >, 0);
    g_assert_cmpuint(refused, <, 20);
    g_autofree char *healthy = call_with(&scene, "GET /healthz", "", NULL);
    g_assert_cmpuint(http_answer_status(healthy), ==, 200);
    http_scene_clear(&scene);
}

/* A client that waits to be told before it sends its body. */
static void test_expect_continue(void)
{
    HttpScene scene = http_scene_new_with("");
    g_autofree char *answer = http_call_finish(http_call_send(
        &scene,
        "POST /api/recording/start HTTP/1.1\r\nHost: @\r\nContent-Type: application/json\r\n"
        "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n",
        -1));
    http_assert_error(answer, 413, "bad_request", "over 1 MiB");
    http_scene_clear(&scene);
}

void http_access_test_add(void)
{
    g_test_add_func("/http-access/what-needs-a-token", test_what_needs_a_token);
    g_test_add_func("/http-access/no-body-without-a-token", test_no_body_without_a_token);
    g_test_add_func("/http-access/bound-to-a-room", test_bound_to_a_room);
    g_test_add_func("/http-access/bound-lists", test_bound_lists);
    g_test_add_func("/http-access/bound-with-a-token-in-the-request",
                    test_bound_with_a_token_in_the_request);
    g_test_add_func("/http-access/urls", test_urls);
    g_test_add_func("/http-access/pages", test_pages);
    g_test_add_func("/http-access/origins-as-written", test_origins_as_written);
    g_test_add_func("/http-access/too-often", test_too_often);
    g_test_add_func("/http-access/too-many-connections", test_too_many_connections);
    g_test_add_func("/http-access/slow-requests", test_slow_requests);
    g_test_add_func("/http-access/many-small-bodies", test_many_small_bodies);
    g_test_add_func("/http-access/many-large-bodies", test_many_large_bodies);
    g_test_add_func("/http-access/expect-continue", test_expect_continue);
}
