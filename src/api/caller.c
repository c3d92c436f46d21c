#include "api/caller.h"

#include <string.h>

#include "base/text.h"
#include "signal/access_token.h"

#define SCHEME "Bearer "
#define TOKEN_MIN_BYTES 16
/* RFC 6750, 2.1: what can stand behind "Bearer ". */
#define TOKEN_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

static bool has_key(const Config *config)
{
    return config->api_key != NULL && config->api_secret != NULL;
}

bool caller_can_be_known(const Config *config)
{
    return config->api_token != NULL || has_key(config);
}

const char *caller_token_problem(const Config *config)
{
    const char *token = config->api_token;
    if (token == NULL)
        return NULL;
    if (strspn(token, TOKEN_ALPHABET) != strlen(token))
        return "api.token may have letters, digits and -._~+/= only, because it goes into a header";
    if (strlen(token) < TOKEN_MIN_BYTES)
        return "api.token is shorter than 16 characters and could be guessed; openssl rand -hex 32 "
               "makes a good one";
    return NULL;
}

static bool refuse_token(Refusal *refusal, const char *sentence)
{
    return refuse_request(refusal, SOUP_STATUS_UNAUTHORIZED, CODE_UNAUTHORIZED, "%s", sentence);
}

/* The text behind "Bearer "; NULL with a refusal. */
static const char *find_token(const char *authorization, Refusal *refusal)
{
    if (authorization == NULL) {
        refuse_token(refusal, "This service wants a token: send Authorization: Bearer TOKEN.");
        return NULL;
    }
    if (g_ascii_strncasecmp(authorization, SCHEME, strlen(SCHEME)) != 0) {
        refuse_token(refusal, "The Authorization header has to be: Bearer TOKEN.");
        return NULL;
    }
    return authorization + strlen(SCHEME);
}

static bool is_web_token(const char *token)
{
    const char *dot = strchr(token, '.');
    return dot != NULL && strchr(dot + 1, '.') != NULL;
}

static bool read_claims(const char *token, Caller *ret_caller, Refusal *refusal)
{
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
    if (claims == NULL || claims->expires_at == 0)
        return refuse_token(refusal, "The access token has no end (exp): make one that has.");
    if (!claims->room_record)
        return refuse_request(refusal, SOUP_STATUS_FORBIDDEN, CODE_FORBIDDEN,
                              "The access token lacks the grant roomRecord, which this service "
                              "asks for.");
    /* Some of LiveKit's libraries write an empty room where none is meant. */
    if (claims->room != NULL && *claims->room != '\0')
        ret_caller->room = g_steal_pointer(&claims->room);
    return true;
}

static bool read_web_token(const Config *config, const char *token, Caller *ret_caller,
                           Refusal *refusal)
{
    g_autoptr(GError) error = NULL;
    if (access_token_verify(token, config->api_key, config->api_secret, &error))
        return read_claims(token, ret_caller, refusal);
    const bool has_expired = g_error_matches(error, ACCESS_TOKEN_ERROR, ACCESS_TOKEN_ERROR_EXPIRED);
    return refuse_request(refusal, SOUP_STATUS_UNAUTHORIZED,
                          has_expired ? CODE_TOKEN_EXPIRED : CODE_UNAUTHORIZED, "%s",
                          error->message);
}

bool caller_read(const Config *config, const char *authorization, Caller *ret_caller,
                 Refusal *refusal)
{
    ret_caller->room = NULL;
    const char *token = find_token(authorization, refusal);
    if (token == NULL)
        return false;
    if (config->api_token != NULL && access_token_equal(token, config->api_token))
        return true;
    if (has_key(config) && is_web_token(token))
        return read_web_token(config, token, ret_caller, refusal);
    return refuse_token(refusal, config->api_token != NULL
                                     ? "The token is not the configured one."
                                     : "The token is no access token signed with the API key.");
}

void caller_clear(Caller *caller)
{
    g_clear_pointer(&caller->room, g_free);
}

bool caller_may(const Caller *caller, const char *room, Refusal *refusal)
{
    char own[120], other[120];
    if (caller->room == NULL || g_strcmp0(caller->room, room) == 0)
        return true;
    text_printable(caller->room, strlen(caller->room), own, sizeof own);
    if (room == NULL)
        return refuse_request(refusal, SOUP_STATUS_FORBIDDEN, CODE_FORBIDDEN,
                              "The access token is for room \"%s\" alone, and this is about all "
                              "rooms.",
                              own);
    text_printable(room, strlen(room), other, sizeof other);
    return refuse_request(refusal, SOUP_STATUS_FORBIDDEN, CODE_FORBIDDEN,
                          "The access token is for room \"%s\", not for \"%s\".", own, other);
}
