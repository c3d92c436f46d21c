/* Makes and looks into LiveKit access tokens (JWS compact, HS256).
 * Thread: any. */
#pragma once

#include <glib.h>

typedef struct {
    const char *api_key, *api_secret;
    const char *identity;
    const char *name;     /* or NULL */
    const char *room;
    int64_t valid_seconds;
    bool recorder;        /* hidden, recorder, kind egress, no publishing; else an ordinary member */
} AccessTokenOptions;

/* Never logged by anyone. Free with g_free(). */
char *access_token_new(const AccessTokenOptions *options);

typedef struct {
    char *identity, *room, *api_key;
    int64_t expires_at; /* unix seconds, 0 = never */
    bool room_join, can_subscribe, hidden, recorder;
} AccessTokenClaims;

/* Reads the claims without checking the signature (we have no secret for a ready-made token).
 * NULL with a sentence for text that is no token. */
AccessTokenClaims *access_token_claims(const char *token, GError **error);
void access_token_claims_free(AccessTokenClaims *claims);

/* Checks an HS256 signature and the time claims (60 s leeway); for the embedded room. */
bool access_token_verify(const char *token, const char *api_key, const char *api_secret,
                         GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AccessTokenClaims, access_token_claims_free)
