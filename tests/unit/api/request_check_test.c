#include <glib.h>

#include "api/request_check.h"
#include "api_test.h"

static void test_split_listen(void)
{
    static const struct {
        const char *listen, *host;
        unsigned port;
    } rows[] = {
        {"127.0.0.1:8080", "127.0.0.1", 8080},
        {"[::1]:0", "::1", 0},
        {"localhost:65535", "localhost", 65535},
        {"127.0.0.1", NULL, 0},
        {"127.0.0.1:", NULL, 0},
        {"127.0.0.1:65536", NULL, 0},
        {"127.0.0.1:+1", NULL, 0},
        {":8080", NULL, 0},
        {"[::1:8080", NULL, 0},
        {"[]:8080", NULL, 0},
        {"[::1]8080", NULL, 0},
        {"::1:8080", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *host = NULL;
        unsigned port = 0;
        g_assert_cmpint(request_split_listen(rows[i].listen, &host, &port), ==,
                        rows[i].host != NULL);
        g_assert_cmpstr(host, ==, rows[i].host);
        if (host != NULL)
            g_assert_cmpuint(port, ==, rows[i].port);
    }
}

static void test_host(void)
{
    static const struct {
        const char *header;
        unsigned port;
        bool is_ours;
    } rows[] = {
        {"127.0.0.2:8080", 8080, true},
        {"127.0.0.1:8080", 8080, true},
        {"localhost:8080", 8080, true},
        {"LocalHost:8080", 8080, true},
        {"[::1]:8080", 8080, true},
        {"localhost", 80, true},
        {"localhost:80", 80, true},
        {"localhost", 8080, false},
        {"localhost:8081", 8080, false},
        {"localhost:80800", 8080, false},
        {"localhost:", 8080, false},
        {"evil.example:8080", 8080, false},
        {"localhost.evil.example:8080", 8080, false},
        {"127.0.0.1.evil.example:8080", 8080, false},
        {"localhost:8080, evil.example", 8080, false},
        {"localhost:8080@evil.example", 8080, false},
        {"user@localhost:8080", 8080, false},
        {"::1:8080", 8080, false},
        {"[::1", 8080, false},
        {"[::1]x:8080", 8080, false},
        {"127.0.0.3:8080", 8080, false},
        {"", 80, false},
        {NULL, 80, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(request_host_is_ours(rows[i].header, "127.0.0.2", rows[i].port, false), ==,
                        rows[i].is_ours);
    g_assert_true(request_host_is_ours("localhost", "127.0.0.2", 443, true));
    g_assert_false(request_host_is_ours("localhost", "127.0.0.2", 80, true));
}

static void test_content_type(void)
{
    static const struct {
        const char *type;
        bool is_json;
    } rows[] = {
        {"application/json", true},
        {"Application/JSON", true},
        {"application/json; charset=utf-8", true},
        {"application/json;charset=\"UTF-8\"", true},
        {"application/json ;", true},
        {"application/json; charset=latin1", false},
        {"application/jsonp", false},
        {"application/json, text/plain", false},
        {"text/plain", false},
        {"text/plain; application/json", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(request_is_json(rows[i].type), ==, rows[i].is_json);
}

void request_check_test_add(void)
{
    g_test_add_func("/request-check/split-listen", test_split_listen);
    g_test_add_func("/request-check/host", test_host);
    g_test_add_func("/request-check/content-type", test_content_type);
}
