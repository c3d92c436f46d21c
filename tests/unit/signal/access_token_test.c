#include <string.h>

#include "signal/access_token.h"
#include "signal_test.h"

#define HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"

/* signed by another implementation with the secret "secret" */
static const char known_token[] = HEADER
    ".eyJpc3MiOiJkZXZrZXkiLCJzdWIiOiJib2I-P34iLCJleHAiOjQxMDI0NDQ4MDAsIm5iZiI6MTcwMDAwMDAwMCwia2luZ"
    "CI6ImVncmVzcyIsInZpZGVvIjp7InJvb21Kb2luIjp0cnVlLCJyb29tIjoiYsO8Y2hlciIsImNhblN1YnNjcmliZSI6ZmF"
    "sc2UsImhpZGRlbiI6dHJ1ZX19.TXTF52wY0EzZWAyA527fz2kR4y1IWst0SsBVZZ2FaOE";

static void test_known(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(access_token_verify(known_token, "devkey", "secret", &error));
    g_assert_no_error(error);
    g_autoptr(AccessTokenClaims) claims = access_token_claims(known_token, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(claims->identity, ==, "bob>?~");
    g_assert_cmpstr(claims->room, ==, "b\303\274cher");
    g_assert_cmpstr(claims->api_key, ==, "devkey");
    g_assert_cmpint(claims->expires_at, ==, 4102444800);
    g_assert_true(claims->room_join);
    g_assert_false(claims->can_subscribe);
    g_assert_true(claims->hidden);
    g_assert_true(claims->recorder);
}

static void test_round_trip(void)
{
    const AccessTokenOptions options = {
        .api_key = "key",
        .api_secret = "a secret",
        .identity = "rec \"1\"",
        .name = "Recorder",
        .room = "demo/../room",
        .valid_seconds = 60,
        .recorder = true,
    };
    g_autofree char *token = access_token_new(&options);
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
    g_assert_nonnull(claims);
    g_assert_cmpstr(claims->identity, ==, options.identity);
    g_assert_cmpstr(claims->room, ==, options.room);
    g_assert_true(claims->hidden && claims->recorder && claims->room_join);
    g_assert_true(claims->can_subscribe);
    g_assert_true(access_token_verify(token, "key", "a secret", NULL));
}

static void test_member_is_not_hidden(void)
{
    const AccessTokenOptions options = {
        .api_key = "k", .api_secret = "s", .identity = "i", .room = "r", .valid_seconds = 60};
    g_autofree char *token = access_token_new(&options);
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
    g_assert_false(claims->hidden);
    g_assert_false(claims->recorder);
}

static void assert_refused(const char *token, const char *key, const char *secret,
                           AccessTokenError code)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(access_token_verify(token, key, secret, &error));
    g_assert_error(error, ACCESS_TOKEN_ERROR, (int)code);
}

static void test_verify_refuses(void)
{
    assert_refused(known_token, "devkey", "secreT", ACCESS_TOKEN_ERROR_SIGNATURE);
    assert_refused(known_token, "other", "secret", ACCESS_TOKEN_ERROR_KEY);
    assert_refused("a.b", "devkey", "secret", ACCESS_TOKEN_ERROR_MALFORMED);

    /* {"alg":"none"} */
    g_autofree char *none = g_strconcat("eyJhbGciOiJub25lIn0", known_token + strlen(HEADER), NULL);
    assert_refused(none, "devkey", "secret", ACCESS_TOKEN_ERROR_KEY);

    AccessTokenOptions options = {
        .api_key = "k", .api_secret = "s", .identity = "i", .room = "r", .valid_seconds = -120};
    g_autofree char *expired = access_token_new(&options);
    assert_refused(expired, "k", "s", ACCESS_TOKEN_ERROR_EXPIRED);
    options.valid_seconds = -30;
    g_autofree char *in_leeway = access_token_new(&options);
    g_assert_true(access_token_verify(in_leeway, "k", "s", NULL));
}

static char *unsigned_token(const char *claims)
{
    g_autofree char *middle = g_base64_encode((const guchar *)claims, strlen(claims));
    middle[strcspn(middle, "=")] = '\0';
    return g_strconcat(HEADER, ".", middle, ".AAAA", NULL);
}

static void test_malformed(void)
{
    static const char *const claims[] = {"", "[]", "null", "{", "{\"a\":\"\xff\"}", "\"x\""};
    static const char *const tokens[] = {
        "", ".", "..", "a.b.c.d", "a.!!!.c", "a.b.c\nX: y", HEADER "." HEADER, "secret",
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(claims); i++) {
        g_autofree char *token = unsigned_token(claims[i]);
        g_autoptr(GError) error = NULL;
        g_assert_null(access_token_claims(token, &error));
        g_assert_error(error, ACCESS_TOKEN_ERROR, ACCESS_TOKEN_ERROR_MALFORMED);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(tokens); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(access_token_claims(tokens[i], &error));
        g_assert_error(error, ACCESS_TOKEN_ERROR, ACCESS_TOKEN_ERROR_MALFORMED);
    }
    g_autofree char *huge = g_strnfill(1 << 20, 'a');
    g_assert_null(access_token_claims(huge, NULL));
    g_assert_null(access_token_claims(NULL, NULL));
}

static void test_wrong_types(void)
{
    g_autofree char *token = unsigned_token(
        "{\"sub\":7,\"jti\":\"other\",\"exp\":\"soon\",\"video\":{\"room\":[],\"roomJoin\":1}}");
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
    g_assert_nonnull(claims);
    g_assert_cmpstr(claims->identity, ==, "other");
    g_assert_null(claims->room);
    g_assert_cmpint(claims->expires_at, ==, 0);
    g_assert_false(claims->room_join);

    g_autofree char *no_object = unsigned_token("{\"video\":\"all\",\"exp\":1.5e9}");
    g_autoptr(AccessTokenClaims) others = access_token_claims(no_object, NULL);
    g_assert_nonnull(others);
    g_assert_cmpint(others->expires_at, ==, 1500000000);
}

static void test_record_grant(void)
{
    static const struct {
        const char *claims;
        bool room_record;
        const char *room;
    } rows[] = {
        {"{\"video\":{\"roomRecord\":true}}", true, NULL},
        {"{\"video\":{\"roomRecord\":true,\"room\":\"r\"}}", true, "r"},
        {"{\"video\":{\"roomRecord\":true,\"room\":[\"r\"]}}", false, NULL},
        {"{\"video\":{\"roomRecord\":1}}", false, NULL},
        {"{\"video\":{\"roomJoin\":true}}", false, NULL},
        {"{\"roomRecord\":true}", false, NULL},
        {"{\"video\":\"roomRecord\"}", false, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *token = unsigned_token(rows[i].claims);
        g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
        g_assert_cmpint(claims->room_record, ==, rows[i].room_record);
        g_assert_cmpstr(claims->room, ==, rows[i].room);
    }
    const AccessTokenOptions options = {.api_key = "k",
                                        .api_secret = "s",
                                        .identity = "i",
                                        .valid_seconds = 60,
                                        .room_record = true};
    g_autofree char *token = access_token_new(&options);
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
    g_assert_true(claims->room_record);
    g_assert_false(claims->room_join);
    g_assert_null(claims->room);
}

static void test_equal(void)
{
    g_assert_true(access_token_equal("a secret", "a secret"));
    g_assert_true(access_token_equal("", ""));
    g_assert_false(access_token_equal("a secret", "a secreT"));
    g_assert_false(access_token_equal("a secret", "a secre"));
    g_assert_false(access_token_equal("a secret", ""));
}

void access_token_test_add(void)
{
    g_test_add_func("/access_token/record_grant", test_record_grant);
    g_test_add_func("/access_token/equal", test_equal);
    g_test_add_func("/access_token/known", test_known);
    g_test_add_func("/access_token/round_trip", test_round_trip);
    g_test_add_func("/access_token/member_is_not_hidden", test_member_is_not_hidden);
    g_test_add_func("/access_token/verify_refuses", test_verify_refuses);
    g_test_add_func("/access_token/malformed", test_malformed);
    g_test_add_func("/access_token/wrong_types", test_wrong_types);
}
