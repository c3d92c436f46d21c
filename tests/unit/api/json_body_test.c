#include <string.h>

#include "api/http_api.h"
#include "api/json_body.h"
#include "api_test.h"

static JsonObject *parse(const char *text, size_t size, GError **error)
{
    /* Without a NUL behind it: the sanitizer sees a read past the end. */
    g_autofree char *exact = g_memdup2(text, size);
    return json_body_parse(exact, size, error);
}

static void test_accepts(void)
{
    static const char *const texts[] = {
        "{}",
        " \t\r\n{ } \n",
        ("{\"a\": 1, \"b\": -1.5e+3, \"c\": true, \"d\": false, \"e\": null, \"f\": [1, {\"g\": "
         "2}]}"),
        "{\"a\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"}",
        "{\"a\": \"// no comment { [ \"}",
        "{\"a\": \"\\\\u0000\"}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonObject) object = parse(texts[i], strlen(texts[i]), &error);
        g_assert_no_error(error);
        g_assert_nonnull(object);
    }
}

static void test_refuses(void)
{
    static const struct {
        const char *text;
        size_t size; /* 0: strlen */
        const char *part;
    } rows[] = {
        {"", 0, "it is empty"},
        {" ", 0, "it ends too early"},
        {"null", 0, "it has to be one object"},
        {"[]", 0, "it has to be one object"},
        {"\"a\"", 0, "it has to be one object"},
        {"1", 0, "it has to be one object"},
        {"{", 0, "it ends too early"},
        {"{\"a\": \"", 0, "it ends too early"},
        {"{\"a\": \"\\", 0, "it ends too early"},
        {"{\"a\": 1", 0, "it ends too early"},
        {"}", 0, "it has to be one object"},
        {"{}}", 0, "something follows the object"},
        {"{} {}", 0, "something follows the object"},
        {"{},", 0, "something follows the object"},
        {"{\"a\": 1]", 0, NULL},
        {"{\"a\" 1}", 0, NULL},
        {"{\"a\": }", 0, NULL},
        {"{\"a\": 1,}", 0, NULL},
        {"{,}", 0, NULL},
        {"{1: 2}", 0, NULL},
        {"{\"a\": nul}", 0, NULL},
        {"{\"a\": truetrue}", 0, NULL},
        {"{\"a\": 1 2}", 0, NULL},
        {"{'a': 1}", 0, "it is not strict JSON"},
        {"{a: 1}", 0, NULL},
        {"{\"a\": 0x10}", 0, "it is not strict JSON"},
        {"{/* c */}", 0, "it is not strict JSON"},
        {"{\"a\": NaN}", 0, "it is not strict JSON"},
        {"var a = {}", 0, "it has to be one object"},
        {"{\"a\": \"x\ny\"}", 0, "a string holds a control character"},
        {"{\"a\": \"x\\u0000y\"}", 0, "a string holds a NUL character"},
        {"{\"a\": \"x\\\\\\u0000y\"}", 0, "a string holds a NUL character"},
        {"{\"a\": \"\0\"}", 9, "it is not UTF-8 text"},
        {"{}\0", 3, "it is not UTF-8 text"},
        {"{\"a\": \"\xff\"}", 0, "it is not UTF-8 text"},
        {"\xef\xbb\xbf{}", 0, "it has to be one object"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        const size_t size = rows[i].size > 0 ? rows[i].size : strlen(rows[i].text);
        g_autofree char *shown = g_strescape(rows[i].text, NULL);
        g_test_message("%s", shown);
        g_assert_null(parse(rows[i].text, size, &error));
        g_assert_error(error, API_ERROR, API_ERROR_REQUEST);
        g_assert_true(g_str_has_prefix(error->message, "The body has to be one JSON object, but "));
        if (rows[i].part != NULL)
            g_assert_nonnull(strstr(error->message, rows[i].part));
    }
}

static char *nested(unsigned depth)
{
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < depth; i++)
        g_string_append(text, "{\"a\":");
    g_string_append_c(text, '1');
    for (unsigned i = 0; i < depth; i++)
        g_string_append_c(text, '}');
    return g_string_free(text, FALSE);
}

static void test_depth_and_size_are_bounded(void)
{
    g_autofree char *allowed = nested(JSON_BODY_MAX_DEPTH);
    g_autofree char *too_deep = nested(JSON_BODY_MAX_DEPTH + 1);
    g_autofree char *abyss = g_strnfill(JSON_BODY_MAX_BYTES, '[');
    g_autofree char *large = g_strnfill(JSON_BODY_MAX_BYTES + 1, ' ');
    abyss[0] = '{';
    g_autoptr(JsonObject) object = json_body_parse(allowed, strlen(allowed), NULL);
    g_assert_nonnull(object);
    g_autoptr(GError) error = NULL;
    g_assert_null(json_body_parse(too_deep, strlen(too_deep), &error));
    g_assert_nonnull(strstr(error->message, "nested too deeply"));
    g_assert_null(json_body_parse(abyss, JSON_BODY_MAX_BYTES, NULL));
    g_assert_null(json_body_parse(large, JSON_BODY_MAX_BYTES + 1, NULL));
}

static void test_every_cut_of_a_body(void)
{
    static const char text[] = "{\"mint_id\": \"a\\u00e9\\\\\", \"n\": [-1.5e3, null, {}]}";
    for (size_t size = 0; size < strlen(text); size++)
        g_assert_null(parse(text, size, NULL));
}

void json_body_test_add(void)
{
    g_test_add_func("/json-body/accepts", test_accepts);
    g_test_add_func("/json-body/refuses", test_refuses);
    g_test_add_func("/json-body/bounded", test_depth_and_size_are_bounded);
    g_test_add_func("/json-body/every-cut", test_every_cut_of_a_body);
}
