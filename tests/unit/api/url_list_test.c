#include <string.h>

#include "api/url_list.h"
#include "api_test.h"

#define LIST                                                                                       \
    "wss://live.example, ws://10.0.0.5:7880 ,https://*.cloud.example:8443, ws://[2001:db8::1]"

static void test_has(void)
{
    static const struct {
        const char *url;
        bool is_in;
    } rows[] = {
        {"wss://live.example", true},
        {"wss://live.example:443", true},
        {"https://LIVE.example/base/path", true},
        {"ws://10.0.0.5:7880", true},
        {"http://10.0.0.5:7880/", true},
        {"wss://eu.cloud.example:8443", true},
        {"wss://a.b.cloud.example:8443", true},
        {"ws://[2001:db8::1]", true},
        {"ws://[2001:db8::1]:80", true},
        {"ws://live.example", false},               /* not encrypted */
        {"wss://live.example:444", false},          /* another port */
        {"wss://live.example.evil.example", false}, /* begins so */
        {"wss://evil-live.example", false},         /* ends so */
        {"wss://live.example@evil.example", false}, /* a user name */
        {"wss://evil.example/live.example", false},
        {"wss://evil.example?live.example", false},
        {"wss://evil.example#live.example", false},
        {"wss://live.example.", false},
        {"ws://10.0.0.5", false},
        {"ws://10.0.0.50:7880", false},
        {"ws://127.0.0.1:7880", false},
        {"ws://0x0a000005:7880", false}, /* other ways to write an address */
        {"wss://cloud.example:8443", false},
        {"wss://.cloud.example:8443", false},
        {"wss://*.cloud.example:8443", false},
        {"wss://evilcloud.example:8443", false},
        {"wss://eu.cloud.example.evil.example:8443", false},
        {"wss://eu.cloud.example", false},
        {"ws://[2001:db8::2]", false},
        {"file:///etc/passwd", false},
        {"gopher://live.example", false},
        {"live.example", false},
        {"", false},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(UrlList) list = url_list_parse(LIST, &error);
    g_assert_no_error(error);
    g_assert_false(url_list_is_empty(list));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s", rows[i].url);
        g_assert_cmpint(url_list_has(list, rows[i].url), ==, rows[i].is_in);
    }
}

static void test_no_patterns(void)
{
    static const char *const rows[] = {
        "live.example",
        "wss://",
        "wss://*",
        "wss://*.",
        "wss://*.*.example",
        "wss://*example.org",
        "wss://a.*.example",
        "wss://live.example/path",
        "wss://live.example?x",
        "wss://user@live.example",
        "ftp://live.example",
        "wss://live.example:99999",
        "wss://good.example, bad",
        "*",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", rows[i]);
        g_assert_null(url_list_parse(rows[i], &error));
        g_assert_nonnull(strstr(error->message, "api.allowed_urls holds"));
    }
}

static void test_empty(void)
{
    static const char *const rows[] = {NULL, "", " , "};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(UrlList) list = url_list_parse(rows[i], NULL);
        g_assert_true(url_list_is_empty(list));
        g_assert_false(url_list_has(list, "wss://live.example"));
    }
}

static void test_same_server(void)
{
    static const struct {
        const char *one, *other;
        bool is_same;
    } rows[] = {
        {"wss://a.example", "https://A.example:443/", true},
        {"ws://a.example/base", "http://a.example:80/base", true},
        {"ws://a.example/base", "ws://a.example/other", false},
        {"ws://a.example", "wss://a.example", false},
        {"ws://a.example", "ws://b.example", false},
        {"ws://a.example", "ws://a.example:81", false},
        {"ws://a.example", "a.example", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(url_is_same_server(rows[i].one, rows[i].other), ==, rows[i].is_same);
}

void url_list_test_add(void)
{
    g_test_add_func("/url-list/has", test_has);
    g_test_add_func("/url-list/no-patterns", test_no_patterns);
    g_test_add_func("/url-list/empty", test_empty);
    g_test_add_func("/url-list/same-server", test_same_server);
}
