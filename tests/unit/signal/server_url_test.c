#include "signal/server_url.h"
#include "signal_test.h"

static void test_good(void)
{
    static const struct {
        const char *text, *shown, *rtc;
    } cases[] = {
        {"ws://127.0.0.1:7880", "ws://127.0.0.1:7880", "http://127.0.0.1:7880/rtc?"},
        {"http://a/", "ws://a:80", "http://a:80/rtc?"},
        {"wss://a.example", "wss://a.example:443", "https://a.example:443/rtc?"},
        {"HTTPS://a:8443/base//", "wss://a:8443/base", "https://a:8443/base/rtc?"},
        {"ws://[::1]:1/x%20y", "ws://[::1]:1/x%20y", "http://[::1]:1/x%20y/rtc?"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(ServerUrl) url = server_url_parse(cases[i].text, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(url->text, ==, cases[i].shown);
        g_autoptr(GUri) rtc = server_url_rtc(url, false, &(SessionQuery){0});
        g_autofree char *text = g_uri_to_string(rtc);
        g_assert_true(g_str_has_prefix(text, cases[i].rtc));
        g_assert_nonnull(
            g_strstr_len(text, -1, "adaptive_stream=0&client_protocol=0&auto_subscribe=0"));
    }
}

static void test_resume(void)
{
    g_autoptr(ServerUrl) url = server_url_parse("wss://host/base", NULL);
    const SessionQuery session = {
        .auto_subscribe = true, .resume_sid = "PA_x&y", .resume_reason = 3};
    g_autoptr(GUri) uri = server_url_rtc(url, false, &session);
    const char *query = g_uri_get_query(uri);
    g_assert_true(
        g_str_has_suffix(query, "&auto_subscribe=1&reconnect=1&sid=PA_x%26y&reconnect_reason=3"));
}

static void test_bad(void)
{
    static const char *const cases[] = {
        "", "x", "ftp://a", "ws://", "ws://u:p@a", "ws://a?token=1", "ws://a#b", "ws://a:x", "ws:a",
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(server_url_parse(cases[i], &error));
        g_assert_error(error, SERVER_URL_ERROR, 0);
        g_assert_null(g_strstr_len(error->message, -1, "u:p"));
        g_assert_null(g_strstr_len(error->message, -1, "token=1"));
    }
    g_autofree char *longest = g_strnfill(10000, 'a');
    g_assert_null(server_url_parse(longest, NULL));
    g_assert_null(server_url_parse(NULL, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_null(server_url_parse("ws://me:secret@host:7880/a?key=secret", &error));
    g_assert_nonnull(strstr(error->message, "\"ws://host:7880/a\" must not hold a user name"));
}

void server_url_test_add(void)
{
    g_test_add_func("/server_url/good", test_good);
    g_test_add_func("/server_url/resume", test_resume);
    g_test_add_func("/server_url/bad", test_bad);
}
