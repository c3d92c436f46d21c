#include <string.h>

#include "api/caller.h"
#include "api_test.h"
#include "base/clock.h"

#define TOKEN "a-token-of-thirty-two-characters"
#define KEY "devkey"
#define SECRET "the-secret-of-the-key"

/* A JSON web token made by hand, so that it can be as wrong as it likes. */
static char *make_token(const char *header, const char *claims, const char *secret)
{
    const char *parts[] = {header, claims};
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *part = g_base64_encode((const guchar *)parts[i], strlen(parts[i]));
        g_string_append_printf(text, "%s%s", i > 0 ? "." : "", g_strdelimit(part, "=", '\0'));
    }
    g_strdelimit(text->str, "+", '-');
    g_strdelimit(text->str, "/", '_');
    guint8 digest[32];
    gsize size = sizeof digest;
    GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)secret, strlen(secret));
    g_hmac_update(hmac, (const guchar *)text->str, (gssize)text->len);
    g_hmac_get_digest(hmac, digest, &size);
    g_hmac_unref(hmac);
    g_autofree char *signature = g_base64_encode(digest, size);
    g_string_append_printf(text, ".%s", g_strdelimit(signature, "=", '\0'));
    g_strdelimit(text->str, "+", '-');
    g_strdelimit(text->str, "/", '_');
    return g_strdup(text->str);
}

static Config *make_config(bool has_token, bool has_key)
{
    Config *config = config_new();
    if (has_token)
        g_assert_true(config_set(config, "api.token", TOKEN, NULL));
    if (has_key) {
        g_assert_true(config_set(config, "livekit.api_key", KEY, NULL));
        g_assert_true(config_set(config, "livekit.api_secret", SECRET, NULL));
    }
    return config;
}

static void test_bearer(void)
{
    static const struct {
        const char *authorization;
        bool has_token, has_key;
        unsigned status; /* 0: let in */
        const char *part;
    } rows[] = {
        {"Bearer " TOKEN, true, false, 0, NULL},
        {"Bearer " TOKEN, true, true, 0, NULL},
        {"bearer " TOKEN, true, false, 0, NULL}, /* RFC 9110, 11.1: a scheme has no case */
        {NULL, true, false, 401, "send Authorization: Bearer TOKEN"},
        {NULL, false, true, 401, "send Authorization: Bearer TOKEN"},
        {"", true, false, 401, "has to be: Bearer TOKEN"},
        {TOKEN, true, false, 401, "has to be: Bearer TOKEN"},
        {"Bearer", true, false, 401, "has to be: Bearer TOKEN"},
        {"Basic " TOKEN, true, false, 401, "has to be: Bearer TOKEN"},
        {"Bearer ", true, false, 401, "not the configured one"},
        {"Bearer  " TOKEN, true, false, 401, "not the configured one"},
        {"Bearer " TOKEN " ", true, false, 401, "not the configured one"},
        {"Bearer " TOKEN "x", true, false, 401, "not the configured one"},
        {"Bearer A-token-of-thirty-two-characters", true, false, 401, "not the configured one"},
        {"Bearer a-token-of-thirty-two-character", true, false, 401, "not the configured one"},
        {"Bearer " TOKEN ", Bearer " TOKEN, true, false, 401, "not the configured one"},
        {"Bearer " SECRET, true, true, 401, "not the configured one"},
        {"Bearer " KEY, false, true, 401, "no access token signed with the API key"},
        {"Bearer " TOKEN, false, true, 401, "no access token signed with the API key"},
        {"Bearer a.b.c", true, false, 401, "not the configured one"},
        {"Bearer a.b.c", false, true, 401, "not base64url of JSON objects"},
        {"Bearer a.b.c.d", false, true, 401, "three parts"},
        {"Bearer ..", false, true, 401, "not base64url of JSON objects"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Config) config = make_config(rows[i].has_token, rows[i].has_key);
        Refusal refusal = {.status = 0};
        Caller caller;
        g_assert_true(caller_can_be_known(config));
        const bool is_let_in = caller_read(config, rows[i].authorization, &caller, &refusal);
        g_test_message("%s: %s", rows[i].authorization, refusal.outcome.sentence);
        g_assert_cmpint(is_let_in, ==, rows[i].status == 0);
        g_assert_cmpuint(refusal.status, ==, rows[i].status);
        if (rows[i].part != NULL)
            g_assert_nonnull(strstr(refusal.outcome.sentence, rows[i].part));
        g_assert_null(caller.room);
    }
}

typedef struct {
    const char *header, *claims, *secret;
    unsigned status;
    const char *said; /* a part of the sentence, or the room of the caller */
} WebTokenRow;

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define RECORD "\"video\":{\"roomRecord\":true}"

/* %s: an hour from now, or what the row says of it. */
static const WebTokenRow web_tokens[] = {
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+3600," RECORD "}", SECRET, 0, NULL},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@-50," RECORD "}", SECRET, 0, NULL},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+99,\"nbf\":@+50," RECORD "}", SECRET, 0, NULL},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9,\"video\":{\"roomRecord\":true,\"room\":\"a\"}}",
     SECRET, 0, "a"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9,\"video\":{\"roomRecord\":true,\"room\":\"\"}}",
     SECRET, 0, NULL},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@-70," RECORD "}", SECRET, 401, "has expired"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+99,\"nbf\":@+70," RECORD "}", SECRET, 401,
     "not valid yet"},
    {HS256, "{\"iss\":\"" KEY "\"," RECORD "}", SECRET, 401, "has no end"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":\"never\"," RECORD "}", SECRET, 401, "has no end"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9," RECORD "}", "another", 401, "signature"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9," RECORD "}", "", 401, "signature"},
    {HS256, "{\"iss\":\"other\",\"exp\":@+9," RECORD "}", SECRET, 401, "unknown API key"},
    {HS256, "{\"exp\":@+9," RECORD "}", SECRET, 401, "unknown API key"},
    {"{\"alg\":\"none\"}", "{\"iss\":\"" KEY "\",\"exp\":@+9," RECORD "}", SECRET, 401,
     "not signed with HS256"},
    {"{\"alg\":\"HS384\"}", "{\"iss\":\"" KEY "\",\"exp\":@+9," RECORD "}", SECRET, 401,
     "not signed with HS256"},
    {"{\"alg\":\"RS256\"}", "{\"iss\":\"" KEY "\",\"exp\":@+9," RECORD "}", SECRET, 401,
     "not signed with HS256"},
    {"{\"alg\":\"hs256\"}", "{\"iss\":\"" KEY "\",\"exp\":@+9," RECORD "}", SECRET, 401,
     "not signed with HS256"},
    {"{}", "{\"iss\":\"" KEY "\",\"exp\":@+9," RECORD "}", SECRET, 401, "not signed with HS256"},
    {HS256, "[]", SECRET, 401, "JSON objects"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9}", SECRET, 403, "lacks the grant roomRecord"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9,\"video\":{\"roomRecord\":false}}", SECRET, 403,
     "lacks the grant roomRecord"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9,\"video\":{\"roomRecord\":\"true\"}}", SECRET, 403,
     "lacks the grant roomRecord"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9,\"roomRecord\":true}", SECRET, 403,
     "lacks the grant roomRecord"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9,\"video\":{\"roomJoin\":true,\"room\":\"a\"}}",
     SECRET, 403, "lacks the grant roomRecord"},
    {HS256, "{\"iss\":\"" KEY "\",\"exp\":@+9,\"video\":{\"roomRecord\":true,\"room\":[\"a\"]}}",
     SECRET, 403, "lacks the grant roomRecord"},
};

/* "@+60" becomes the unix time in a minute. */
static char *with_times(const char *claims)
{
    g_autoptr(GString) text = g_string_new(NULL);
    while (*claims != '\0') {
        if (*claims != '@') {
            g_string_append_c(text, *claims++);
            continue;
        }
        char *end;
        const gint64 offset = g_ascii_strtoll(claims + 1, &end, 10);
        g_string_append_printf(text, "%" G_GINT64_FORMAT, clock_wall_ns() / NS_PER_SECOND + offset);
        claims = end;
    }
    return g_strdup(text->str);
}

static void test_web_tokens(void)
{
    g_autoptr(Config) config = make_config(true, true);
    for (size_t i = 0; i < G_N_ELEMENTS(web_tokens); i++) {
        const WebTokenRow *row = &web_tokens[i];
        g_autofree char *claims = with_times(row->claims);
        g_autofree char *token = make_token(row->header, claims, row->secret);
        g_autofree char *authorization = g_strconcat("Bearer ", token, NULL);
        Refusal refusal = {.status = 0};
        Caller caller;
        const bool is_let_in = caller_read(config, authorization, &caller, &refusal);
        g_test_message("%s %s: %s", row->header, claims, refusal.outcome.sentence);
        g_assert_cmpint(is_let_in, ==, row->status == 0);
        g_assert_cmpuint(refusal.status, ==, row->status);
        if (is_let_in)
            g_assert_cmpstr(caller.room, ==, row->said);
        else
            g_assert_nonnull(strstr(refusal.outcome.sentence, row->said));
        g_assert_null(strstr(refusal.outcome.sentence, token));
        caller_clear(&caller);
    }
}

/* The last character holds bits that base64 ignores; and a signature may be cut. */
static void test_changed_signatures(void)
{
    g_autoptr(Config) config = make_config(false, true);
    g_autofree char *claims = with_times("{\"iss\":\"" KEY "\",\"exp\":@+9," RECORD "}");
    g_autofree char *token = make_token(HS256, claims, SECRET);
    const size_t begin = (size_t)(strrchr(token, '.') - token) + 1;
    for (size_t i = begin; i < strlen(token) - 1; i++) {
        g_autofree char *changed = g_strconcat("Bearer ", token, NULL);
        Refusal refusal = {.status = 0};
        Caller caller;
        changed[strlen("Bearer ") + i] = token[i] == 'A' ? 'B' : 'A';
        g_assert_false(caller_read(config, changed, &caller, &refusal));
        changed[strlen("Bearer ") + i] = '\0';
        g_assert_false(caller_read(config, changed, &caller, &refusal));
        g_assert_cmpuint(refusal.status, ==, 401);
    }
}

/* Without a key no access token is looked at, whatever it is signed with. */
static void test_no_key(void)
{
    g_autoptr(Config) config = make_config(true, false);
    g_autofree char *claims = with_times("{\"iss\":\"\",\"exp\":@+9," RECORD "}");
    g_autofree char *token = make_token(HS256, claims, "");
    g_autofree char *authorization = g_strconcat("Bearer ", token, NULL);
    Refusal refusal = {.status = 0};
    Caller caller;
    g_assert_false(caller_read(config, authorization, &caller, &refusal));
    g_autoptr(Config) neither = make_config(false, false);
    g_assert_false(caller_can_be_known(neither));
    g_assert_false(caller_read(neither, authorization, &caller, &refusal));
}

static void test_rooms(void)
{
    static const struct {
        const char *own, *room;
        bool may;
    } rows[] = {
        {NULL, "a", true}, {NULL, NULL, true}, {"a", "a", true},   {"a", "b", false},
        {"a", "A", false}, {"a", "", false},   {"a", NULL, false}, /* what is about all rooms */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Refusal refusal = {.status = 0};
        const Caller caller = {.room = (char *)rows[i].own};
        g_assert_cmpint(caller_may(&caller, rows[i].room, &refusal), ==, rows[i].may);
        g_assert_cmpuint(refusal.status, ==, rows[i].may ? 0 : 403);
    }
}

void caller_test_add(void)
{
    g_test_add_func("/caller/bearer", test_bearer);
    g_test_add_func("/caller/web-tokens", test_web_tokens);
    g_test_add_func("/caller/changed-signatures", test_changed_signatures);
    g_test_add_func("/caller/no-key", test_no_key);
    g_test_add_func("/caller/rooms", test_rooms);
}
