#include <string.h>

#include "api/json_body.h"
#include "api/request_head.h"
#include "api_test.h"

/* Gives the bytes one by one, as a slow client does, and says what came of it. */
static RequestVerdict feed(const char *bytes, size_t size, RequestHead *head, size_t *ret_end,
                           Refusal *refusal)
{
    RequestVerdict verdict = REQUEST_PARTIAL;
    bool has_head = false;
    for (size_t have = 1; have <= size && verdict == REQUEST_PARTIAL; have++) {
        verdict = has_head ? REQUEST_WHOLE : request_head_read(head, bytes, have, refusal);
        if (verdict != REQUEST_WHOLE)
            continue;
        has_head = true;
        verdict = request_body_find_end(head, bytes, have, ret_end, refusal);
    }
    return verdict;
}

#define POST "POST /x HTTP/1.1\r\nHost: a\r\n"

static const struct {
    const char *bytes;
    unsigned status; /* 0: whole, or partial where `end` is 0 */
    size_t end;      /* of the request */
} rows[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 27},
    {"GET / HTTP/1.1\nHost: a\n\n", 0, 24},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /again", 0, 27},
    {"GET / HTTP/1.1\r\nHost: a\r\n", 0, 0},
    {"", 0, 0},
    {POST "Content-Length: 2\r\n\r\n{}", 0, 50},
    {POST "Content-Length: 2\r\n\r\n{}more", 0, 50},
    {POST "Content-Length: 0\r\n\r\n", 0, 48},
    {POST "Content-Length: 3\r\n\r\n{}", 0, 0},
    {POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 0, 69},
    {POST "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nA: b\r\n\r\nmore", 0, 79},
    {POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", 0, 0},
    {POST "Content-Length: 1048577\r\n\r\n", 413, 0},
    {POST "Content-Length: 999999999999999999\r\n\r\n", 413, 0},
    {POST "Content-Length: 9999999999999999999\r\n\r\n", 400, 0},
    {POST "Content-Length: -1\r\n\r\n", 400, 0},
    {POST "Content-Length: +1\r\n\r\n", 400, 0},
    {POST "Content-Length: 0x1\r\n\r\n", 400, 0},
    {POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, 0},
    {POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0},
    {POST "Transfer-Encoding: gzip\r\n\r\n", 501, 0},
    {POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 501, 0},
    {POST "Transfer-Encoding: chunked\r\n\r\nz\r\n", 400, 0},
    {POST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400, 0},
    {POST "Transfer-Encoding: chunked\r\n\r\n\r\n", 400, 0},
    {POST "Transfer-Encoding: chunked\r\n\r\n100001\r\n", 413, 0},
    {POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 400, 0},
    {"\r\n\r\n", 400, 0},
    {"GARBAGE\r\n\r\n", 400, 0},
    {"GET\r\n\r\n", 400, 0},
    {"\x16\x03\x01\x02\n\n", 400, 0},
};

static void test_requests(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        RequestHead head = {.size = 0};
        Refusal refusal = {.status = 0};
        size_t end = 0;
        g_autofree char *exact = g_memdup2(rows[i].bytes, strlen(rows[i].bytes)); /* no NUL */
        const RequestVerdict verdict = feed(exact, strlen(rows[i].bytes), &head, &end, &refusal);
        g_test_message("%s: %s", rows[i].bytes, refusal.outcome.sentence);
        g_assert_cmpuint(refusal.status, ==, rows[i].status);
        g_assert_cmpint(verdict, ==,
                        rows[i].status != 0 ? REQUEST_REFUSED
                        : rows[i].end != 0  ? REQUEST_WHOLE
                                            : REQUEST_PARTIAL);
        g_assert_cmpuint(end, ==, rows[i].end);
        request_head_clear(&head);
    }
}

static void test_what_it_is(void)
{
    static const char bytes[] = "GET /healthz?x=/y HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\n\r\n";
    RequestHead head = {.size = 0};
    Refusal refusal;
    g_assert_cmpint(request_head_read(&head, bytes, strlen(bytes), &refusal), ==, REQUEST_WHOLE);
    g_assert_cmpstr(head.method, ==, "GET");
    g_assert_cmpstr(head.path, ==, "/healthz");
    g_assert_cmpstr(soup_message_headers_get_one(head.headers, "authorization"), ==, "b");
    request_head_clear(&head);
}

static void test_nul(void)
{
    static const char bytes[] = "GET /\0x HTTP/1.1\r\nHost: a\r\n\r\n";
    RequestHead head = {.size = 0};
    Refusal refusal;
    g_assert_cmpint(request_head_read(&head, bytes, sizeof bytes - 1, &refusal), ==,
                    REQUEST_REFUSED);
    g_assert_cmpuint(refusal.status, ==, 400);
    request_head_clear(&head);
}

static void test_long_heads(void)
{
    static const struct {
        size_t size;
        RequestVerdict verdict;
        bool has_end;
    } heads[] = {
        {REQUEST_HEAD_MAX_BYTES, REQUEST_WHOLE, true},
        {REQUEST_HEAD_MAX_BYTES + 1, REQUEST_REFUSED, true},
        {REQUEST_HEAD_MAX_BYTES - 1, REQUEST_PARTIAL, false},
        {REQUEST_HEAD_MAX_BYTES, REQUEST_REFUSED, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autofree char *bytes = g_strnfill(heads[i].size, 'a');
        RequestHead head = {.size = 0};
        Refusal refusal = {.status = 0};
        memcpy(bytes, "GET / HTTP/1.1\r\nX: ", 19);
        if (heads[i].has_end)
            memcpy(bytes + heads[i].size - 4, "\r\n\r\n", 4);
        g_assert_cmpint(request_head_read(&head, bytes, heads[i].size, &refusal), ==,
                        heads[i].verdict);
        g_assert_cmpuint(refusal.status, ==, heads[i].verdict == REQUEST_REFUSED ? 431 : 0);
        request_head_clear(&head);
    }
}

/* Many small chunks do not get around the limit. */
static void test_endless_chunks(void)
{
    g_autoptr(GString) text = g_string_new(POST "Transfer-Encoding: chunked\r\n\r\n");
    while (text->len < JSON_BODY_MAX_BYTES + 1000)
        g_string_append(text, "1\r\n \r\n");
    RequestHead head = {.size = 0};
    Refusal refusal;
    size_t end;
    g_assert_cmpint(request_head_read(&head, text->str, text->len, &refusal), ==, REQUEST_WHOLE);
    g_assert_cmpint(request_body_find_end(&head, text->str, text->len, &end, &refusal), ==,
                    REQUEST_REFUSED);
    g_assert_cmpuint(refusal.status, ==, 413);
    request_head_clear(&head);
}

void request_head_test_add(void)
{
    g_test_add_func("/request-head/requests", test_requests);
    g_test_add_func("/request-head/what-it-is", test_what_it_is);
    g_test_add_func("/request-head/nul", test_nul);
    g_test_add_func("/request-head/long-heads", test_long_heads);
    g_test_add_func("/request-head/endless-chunks", test_endless_chunks);
}
