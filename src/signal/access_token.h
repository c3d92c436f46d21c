/* Makes and looks into LiveKit access tokens (JWS compact, HS256).
 * Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define ACCESS_TOKEN_ERROR (access_token_error_quark())
GQuark access_token_error_quark(void);
typedef enum {
    ACCESS_TOKEN_ERROR_MALFORMED,
    ACCESS_TOKEN_ERROR_KEY,       /* another API key, or an algorithm that we do not sign with */
    ACCESS_TOKEN_ERROR_SIGNATURE, /* the secret does not fit */
    ACCESS_TOKEN_ERROR_EXPIRED,
    ACCESS_TOKEN_ERROR_NOT_YET,
} AccessTokenError;

typedef struct {
    const char *api_key, *api_secret;
    const char *identity;
    const char *name; /* or NULL */
    const char *room; /* NULL: any, for room_record */
    int64_t valid_seconds;
    bool recorder;    /* hidden, recorder, kind egress, no publishing; else an ordinary member */
    bool room_record; /* may call the HTTP service, and no more */
} AccessTokenOptions;

/* Never logged by anyone. Free with g_free(). */
char *access_token_new(const AccessTokenOptions *options);

typedef struct {
    char *identity, *room, *api_key;
    int64_t expires_at; /* unix seconds, 0 = never */
    bool room_join, room_record, can_subscribe, hidden, recorder;
} AccessTokenClaims;

/* Reads the claims without checking the signature (we have no secret for a ready-made token).
 * NULL with a sentence for text that is no token. */
AccessTokenClaims *access_token_claims(const char *token, GError **error);
void access_token_claims_free(AccessTokenClaims *claims);

/* Checks an HS256 signature and the time claims (60 s leeway). */
bool access_token_verify(const char *token, const char *api_key, const char *api_secret,
                         GError **error);

/* Whether two secrets are the same, in a time that tells nothing of where they differ. */
bool access_token_equal(const char *one, const char *other);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AccessTokenClaims, access_token_claims_free)
