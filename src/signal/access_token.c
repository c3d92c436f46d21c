#include "signal/access_token.h"

#include <json-glib/json-glib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/clock.h"

#define TOKEN_MAX_BYTES (16 * 1024)
#define TOKEN_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
#define LEEWAY_SECONDS 60
#define SIGNATURE_BYTES 32

G_DEFINE_QUARK(access_token_error_quark, access_token_error)

static char *base64url_encode(const void *data, size_t size)
{
    char *text = g_base64_encode(data, size);
    g_strdelimit(text, "+", '-');
    g_strdelimit(text, "/", '_');
    text[strcspn(text, "=")] = '\0';
    return text;
}

/* NULL for anything outside the URL alphabet: g_base64_decode() would skip it silently. */
static GBytes *base64url_decode(const char *text, size_t length)
{
    GString *padded = g_string_sized_new(length + 4);
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if (!g_ascii_isalnum(c) && c != '-' && c != '_') {
            g_string_free(padded, TRUE);
            return NULL;
        }
        g_string_append_c(padded, c == '-' ? '+' : c == '_' ? '/' : c);
    }
    while (padded->len % 4 != 0)
        g_string_append_c(padded, '=');
    gsize size = 0;
    guchar *data = g_base64_decode(padded->str, &size);
    g_string_free(padded, TRUE);
    return g_bytes_new_take(data, size);
}

static void sign(const char *secret, const char *text, size_t length,
                 uint8_t ret_signature[SIGNATURE_BYTES])
{
    unsigned size = SIGNATURE_BYTES;
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text, length,
         ret_signature, &size);
}

static void add_string(JsonObject *object, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        json_object_set_string_member(object, name, value);
}

static JsonObject *video_grant(const AccessTokenOptions *options)
{
    JsonObject *video = json_object_new();
    add_string(video, "room", options->room);
    if (options->room_record) {
        json_object_set_boolean_member(video, "roomRecord", TRUE);
        return video;
    }
    json_object_set_boolean_member(video, "roomJoin", TRUE);
    json_object_set_boolean_member(video, "canSubscribe", TRUE);
    if (options->recorder) {
        json_object_set_boolean_member(video, "canPublish", FALSE);
        json_object_set_boolean_member(video, "canPublishData", FALSE);
        json_object_set_boolean_member(video, "hidden", TRUE);
        json_object_set_boolean_member(video, "recorder", TRUE);
    }
    return video;
}

static char *claims_text(const AccessTokenOptions *options)
{
    const int64_t now = clock_wall_ns() / NS_PER_SECOND;
    g_autoptr(JsonObject) claims = json_object_new();
    add_string(claims, "iss", options->api_key);
    add_string(claims, "sub", options->identity);
    add_string(claims, "name", options->name);
    /* our clock may be ahead of the server's */
    json_object_set_int_member(claims, "nbf", now - LEEWAY_SECONDS);
    json_object_set_int_member(claims, "exp", now + options->valid_seconds);
    if (options->recorder)
        json_object_set_string_member(claims, "kind", "egress");
    json_object_set_object_member(claims, "video", video_grant(options));

    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(root, claims);
    return json_to_string(root, FALSE);
}

char *access_token_new(const AccessTokenOptions *options)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    g_autofree char *claims = claims_text(options);
    g_autofree char *first = base64url_encode(header, sizeof header - 1);
    g_autofree char *second = base64url_encode(claims, strlen(claims));
    g_autofree char *text = g_strconcat(first, ".", second, NULL);
    uint8_t signature[SIGNATURE_BYTES];
    sign(options->api_secret, text, strlen(text), signature);
    g_autofree char *third = base64url_encode(signature, sizeof signature);
    return g_strconcat(text, ".", third, NULL);
}

/* The three parts of a token inside its text. */
typedef struct {
    const char *header, *claims, *signature;
    size_t header_length, claims_length, signature_length;
} TokenParts;

static bool fail(GError **error, AccessTokenError code, const char *sentence)
{
    g_set_error_literal(error, ACCESS_TOKEN_ERROR, code, sentence);
    return false;
}

static bool split(const char *token, TokenParts *ret_parts, GError **error)
{
    if (token == NULL || token[0] == '\0')
        return fail(error, ACCESS_TOKEN_ERROR_MALFORMED, "The access token is empty.");
    if (strnlen(token, TOKEN_MAX_BYTES + 1) > TOKEN_MAX_BYTES)
        return fail(error, ACCESS_TOKEN_ERROR_MALFORMED,
                    "The access token is longer than 16 KiB: that is no LiveKit token.");
    /* it goes into a header line */
    if (strspn(token, TOKEN_ALPHABET) != strlen(token))
        return fail(error, ACCESS_TOKEN_ERROR_MALFORMED,
                    "The access token holds characters that no JSON web token has.");
    const char *first = strchr(token, '.');
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
    if (second == NULL || strchr(second + 1, '.') != NULL)
        return fail(error, ACCESS_TOKEN_ERROR_MALFORMED,
                    "The access token does not have the three parts of a JSON web token.");
    *ret_parts = (TokenParts){
        .header = token,
        .header_length = (size_t)(first - token),
        .claims = first + 1,
        .claims_length = (size_t)(second - first - 1),
        .signature = second + 1,
        .signature_length = strlen(second + 1),
    };
    return true;
}

static JsonObject *part_object(const char *text, size_t length)
{
    g_autoptr(GBytes) bytes = base64url_decode(text, length);
    if (bytes == NULL || g_bytes_get_size(bytes) == 0)
        return NULL;
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    gsize size = 0;
    const char *data = g_bytes_get_data(bytes, &size);
    if (!g_utf8_validate(data, (gssize)size, NULL) ||
        !json_parser_load_from_data(parser, data, (gssize)size, NULL))
        return NULL;
    JsonNode *root = json_parser_get_root(parser);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
        return NULL;
    return json_object_ref(json_node_get_object(root));
}

static JsonNode *value_member(JsonObject *object, const char *name, GType type)
{
    JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != type)
        return NULL;
    return node;
}

static const char *string_member(JsonObject *object, const char *name)
{
    JsonNode *node = value_member(object, name, G_TYPE_STRING);
    return node != NULL ? json_node_get_string(node) : NULL;
}

/* What is no text must not pass for "any". */
static bool is_text_or_absent(JsonObject *object, const char *name)
{
    return string_member(object, name) != NULL || json_object_get_member(object, name) == NULL;
}

static bool bool_member(JsonObject *object, const char *name, bool absent)
{
    JsonNode *node = value_member(object, name, G_TYPE_BOOLEAN);
    return node != NULL ? json_node_get_boolean(node) : absent;
}

/* Seconds; some issuers write them with a fraction. */
static int64_t time_member(JsonObject *object, const char *name)
{
    JsonNode *node = value_member(object, name, G_TYPE_INT64);
    if (node != NULL)
        return json_node_get_int(node);
    node = value_member(object, name, G_TYPE_DOUBLE);
    const double value = node != NULL ? json_node_get_double(node) : 0;
    return value > 0 && value < 1e15 ? (int64_t)value : 0;
}

static JsonObject *object_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

AccessTokenClaims *access_token_claims(const char *token, GError **error)
{
    TokenParts parts;
    if (!split(token, &parts, error))
        return NULL;
    g_autoptr(JsonObject) object = part_object(parts.claims, parts.claims_length);
    if (object == NULL) {
        fail(error, ACCESS_TOKEN_ERROR_MALFORMED,
             "The second part of the access token is not base64url of a JSON object.");
        return NULL;
    }
    JsonObject *video = object_member(object, "video");
    const char *identity = string_member(object, "sub");
    if (identity == NULL || identity[0] == '\0')
        identity = string_member(object, "jti");

    AccessTokenClaims *claims = g_new0(AccessTokenClaims, 1);
    claims->identity = g_strdup(identity);
    claims->api_key = g_strdup(string_member(object, "iss"));
    claims->room = g_strdup(string_member(video, "room"));
    claims->expires_at = time_member(object, "exp");
    claims->room_join = bool_member(video, "roomJoin", false);
    claims->room_record =
        bool_member(video, "roomRecord", false) && is_text_or_absent(video, "room");
    claims->can_subscribe = bool_member(video, "canSubscribe", true);
    claims->hidden = bool_member(video, "hidden", false);
    claims->recorder = bool_member(video, "recorder", false) ||
                       g_strcmp0(string_member(object, "kind"), "egress") == 0;
    return claims;
}

void access_token_claims_free(AccessTokenClaims *claims)
{
    if (claims == NULL)
        return;
    g_free(claims->identity);
    g_free(claims->room);
    g_free(claims->api_key);
    g_free(claims);
}

static bool signature_fits(const char *token, const TokenParts *parts, const char *secret)
{
    g_autoptr(GBytes) signature = base64url_decode(parts->signature, parts->signature_length);
    if (signature == NULL || g_bytes_get_size(signature) != SIGNATURE_BYTES)
        return false;
    uint8_t expected[SIGNATURE_BYTES];
    sign(secret, token, parts->header_length + 1 + parts->claims_length, expected);
    return CRYPTO_memcmp(expected, g_bytes_get_data(signature, NULL), SIGNATURE_BYTES) == 0;
}

static bool times_fit(JsonObject *claims, GError **error)
{
    const int64_t now = clock_wall_ns() / NS_PER_SECOND;
    const int64_t expires_at = time_member(claims, "exp");
    const int64_t not_before = time_member(claims, "nbf");
    if (expires_at != 0 && expires_at < now - LEEWAY_SECONDS)
        return fail(error, ACCESS_TOKEN_ERROR_EXPIRED, "The access token has expired.");
    if (not_before > now + LEEWAY_SECONDS)
        return fail(error, ACCESS_TOKEN_ERROR_NOT_YET, "The access token is not valid yet.");
    return true;
}

bool access_token_verify(const char *token, const char *api_key, const char *api_secret,
                         GError **error)
{
    TokenParts parts;
    if (!split(token, &parts, error))
        return false;
    g_autoptr(JsonObject) header = part_object(parts.header, parts.header_length);
    g_autoptr(JsonObject) claims = part_object(parts.claims, parts.claims_length);
    if (header == NULL || claims == NULL)
        return fail(error, ACCESS_TOKEN_ERROR_MALFORMED,
                    "The access token's parts are not base64url of JSON objects.");
    if (g_strcmp0(string_member(header, "alg"), "HS256") != 0)
        return fail(error, ACCESS_TOKEN_ERROR_KEY, "The access token is not signed with HS256.");
    if (g_strcmp0(string_member(claims, "iss"), api_key) != 0)
        return fail(error, ACCESS_TOKEN_ERROR_KEY, "The access token names an unknown API key.");
    if (!signature_fits(token, &parts, api_secret))
        return fail(error, ACCESS_TOKEN_ERROR_SIGNATURE,
                    "The access token's signature does not fit the API secret.");
    return times_fit(claims, error);
}

bool access_token_equal(const char *one, const char *other)
{
    uint8_t digests[2][SIGNATURE_BYTES];
    unsigned size = 0;
    /* Digests have one length, whatever the secrets have. */
    if (!EVP_Digest(one, strlen(one), digests[0], &size, EVP_sha256(), NULL) ||
        !EVP_Digest(other, strlen(other), digests[1], &size, EVP_sha256(), NULL))
        return false;
    return CRYPTO_memcmp(digests[0], digests[1], SIGNATURE_BYTES) == 0;
}
