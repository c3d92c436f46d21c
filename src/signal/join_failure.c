#include "signal/join_failure.h"

#include <string.h>

#include "base/clock.h"
#include "signal/access_token.h"
#include "signal/messages.h"

#define TEXT_MAX_BYTES 200

typedef struct {
    GTlsCertificateFlags flag;
    const char *words;
} CertificateProblem;

static const CertificateProblem certificate_problems[] = {
    {G_TLS_CERTIFICATE_EXPIRED, "it has expired"},
    {G_TLS_CERTIFICATE_NOT_ACTIVATED, "it is not valid yet (is this machine's clock right?)"},
    {G_TLS_CERTIFICATE_REVOKED, "it has been revoked"},
    {G_TLS_CERTIFICATE_INSECURE, "its algorithm is not secure"},
    {G_TLS_CERTIFICATE_BAD_IDENTITY, "it was made for another host name"},
    {G_TLS_CERTIFICATE_UNKNOWN_CA,
     "it is self-signed or signed by an authority that this machine does not know"},
};

static void certificate_failure(const ServerUrl *url, GTlsCertificateFlags tls,
                                Outcome *ret_failure)
{
    g_autoptr(GString) why = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(certificate_problems); i++) {
        if ((tls & certificate_problems[i].flag) == 0)
            continue;
        g_string_append_printf(why, "%s%s", why->len > 0 ? ", and " : "",
                               certificate_problems[i].words);
    }
    if (why->len == 0)
        g_string_append(why, "it could not be checked");
    const bool is_unknown = (tls & G_TLS_CERTIFICATE_UNKNOWN_CA) != 0;
    outcome_set(ret_failure, OUTCOME_FAILED, CODE_TLS_ERROR,
                "The certificate of %s:%d is not accepted: %s.%s", url->host, url->port, why->str,
                is_unknown ? " For a private authority give its certificate with --ca-file." : "");
}

static const char *connection_problem(const GError *error)
{
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
        return "nothing listens on that port (connection refused)";
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        return "no answer in time";
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NETWORK_UNREACHABLE) ||
        g_error_matches(error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE))
        return "there is no route to it";
    return NULL;
}

/* A library's words inside a sentence of ours: short and without a full stop of their own. */
static char *error_words(const GError *error)
{
    char *words = message_text(error->message, TEXT_MAX_BYTES);
    g_strchomp(words);
    while (g_str_has_suffix(words, "."))
        words[strlen(words) - 1] = '\0';
    return words;
}

void join_failure_from_error(const ServerUrl *url, const GError *error, GTlsCertificateFlags tls,
                             Outcome *ret_failure)
{
    if (tls != 0) {
        certificate_failure(url, tls, ret_failure);
        return;
    }
    g_autofree char *words = error_words(error);
    if (error->domain == G_TLS_ERROR) {
        const bool is_missing = error->code == G_TLS_ERROR_UNAVAILABLE;
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_TLS_ERROR, "TLS with %s:%d failed: %s.%s",
                    url->host, url->port, words,
                    is_missing ? " Install the package glib-networking."
                               : " Does the server speak TLS on that port?");
        return;
    }
    if (error->domain == G_RESOLVER_ERROR) {
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_SERVER_UNREACHABLE,
                    "The host name \"%s\" cannot be resolved (port %d): check the URL and DNS.",
                    url->host, url->port);
        return;
    }
    const char *problem = connection_problem(error);
    outcome_set(ret_failure, OUTCOME_FAILED, CODE_SERVER_UNREACHABLE,
                "The server %s:%d cannot be reached: %s. Check the URL, that the server runs, and "
                "firewalls.",
                url->host, url->port, problem != NULL ? problem : words);
}

/* One short line without the token, for a sentence. */
static char *refusal_text(const JoinRefusal *refusal)
{
    if (refusal->text == NULL)
        return g_strdup("");
    g_autofree char *text = g_utf8_make_valid(refusal->text, -1);
    if (refusal->token != NULL && refusal->token[0] != '\0') {
        g_auto(GStrv) around = g_strsplit(text, refusal->token, -1);
        g_free(text);
        text = g_strjoinv("[token]", around);
    }
    for (char *c = text; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    }
    char *cut = message_text(g_strstrip(text), TEXT_MAX_BYTES);
    g_strchomp(cut);
    while (g_str_has_suffix(cut, "."))
        cut[strlen(cut) - 1] = '\0';
    return cut;
}

static bool token_has_expired(const char *token)
{
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
    return claims != NULL && claims->expires_at != 0 &&
           claims->expires_at < clock_wall_ns() / NS_PER_SECOND;
}

static void unauthorized(const ServerUrl *url, const JoinRefusal *refusal, const char *text,
                         Outcome *ret_failure)
{
    if (strstr(text, "expired") != NULL || token_has_expired(refusal->token)) {
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_TOKEN_EXPIRED,
                    "The access token has expired: make a new one (the server %s:%d said: %s).",
                    url->host, url->port, text);
        return;
    }
    outcome_set(ret_failure, OUTCOME_FAILED, CODE_UNAUTHORIZED,
                "The server %s:%d does not accept the access token: check the API key, the secret "
                "and that the token may join the room (it said: %s).",
                url->host, url->port, text);
}

static void not_found(const ServerUrl *url, const char *text, Outcome *ret_failure)
{
    if (strstr(text, "room") != NULL) {
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_NO_SUCH_ROOM,
                    "The room does not exist on %s:%d, and the server does not create rooms by "
                    "itself (it said: %s).",
                    url->host, url->port, text);
        return;
    }
    outcome_set(ret_failure, OUTCOME_FAILED, CODE_SERVER_UNREACHABLE,
                "%s answered 404: no LiveKit server is found under this URL.", url->text);
}

/* The token is fine and still there is no WebSocket. */
static void upgrade_lost(const ServerUrl *url, int status, Outcome *ret_failure)
{
    /* livekit-server's only answer to a room at its max_participants (seen in v1.13.5) */
    if (status == 500) {
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_SERVER_FULL,
                    "The server %s:%d accepts the token but did not let us in (HTTP 500): most "
                    "likely the room is full; a recorder's token does not count as a participant.",
                    url->host, url->port);
        return;
    }
    outcome_set(ret_failure, OUTCOME_FAILED, CODE_SERVER_UNREACHABLE,
                "The server %s:%d answers, but refused the WebSocket (HTTP %d): it is no LiveKit "
                "server, or a proxy in front of it does not pass WebSockets.",
                url->host, url->port, status);
}

void join_failure_from_ca_file(const char *path, const GError *error, Outcome *ret_failure)
{
    g_autofree char *words = error_words(error);
    g_autofree char *shown = message_text(path, TEXT_MAX_BYTES);
    outcome_set(ret_failure, OUTCOME_FAILED, CODE_TLS_ERROR,
                "Cannot read the certificate authority file %s: %s.", shown, words);
}

void join_failure_from_refusal(const ServerUrl *url, const JoinRefusal *refusal,
                               Outcome *ret_failure)
{
    g_autofree char *text = refusal_text(refusal);
    const bool is_validated = refusal->validate_status != 0;
    const int status = is_validated ? refusal->validate_status : refusal->upgrade_status;
    switch (status) {
    case 200:
        upgrade_lost(url, refusal->upgrade_status, ret_failure);
        return;
    case 400:
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_BAD_REQUEST,
                    "The server %s:%d refused the request: %s.", url->host, url->port, text);
        return;
    case 401:
    case 403:
        unauthorized(url, refusal, text, ret_failure);
        return;
    case 404:
        not_found(url, text, ret_failure);
        return;
    case 503:
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_SERVER_FULL,
                    "The server %s:%d takes no more participants: %s.", url->host, url->port, text);
        return;
    default:
        outcome_set(ret_failure, OUTCOME_FAILED, CODE_SERVER_UNREACHABLE,
                    "The server %s:%d answered HTTP %d instead of a WebSocket%s%s; is there a "
                    "LiveKit server at this URL?",
                    url->host, url->port, status, *text ? ": " : "", text);
    }
}

void join_failure_from_leave(const ServerUrl *url, int reason, Outcome *ret_failure)
{
    OutcomeCode code = CODE_SERVER_UNREACHABLE;
    if (reason == LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY)
        code = CODE_DUPLICATE_IDENTITY;
    else if (reason == LIVEKIT__DISCONNECT_REASON__ROOM_DELETED ||
             reason == LIVEKIT__DISCONNECT_REASON__ROOM_CLOSED)
        code = CODE_NO_SUCH_ROOM;
    else if (reason == LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED)
        code = CODE_REMOVED_FROM_ROOM;
    outcome_set(ret_failure, OUTCOME_FAILED, code,
                "The server %s:%d ended the join before it was complete (%s).", url->host,
                url->port, disconnect_reason_name(reason));
}
