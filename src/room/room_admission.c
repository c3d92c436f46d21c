#include "room/room_admission.h"

#include <string.h>

#include "signal/access_token.h"

#define SECRET_BYTES 24
#define MAX_NAME_BYTES 256u

char *room_moved_name(const char *room_name)
{
    return g_strconcat(room_name, "-moved", NULL);
}

static Admission refuse(unsigned status, const char *text)
{
    return (Admission){.status = status, .text = text};
}

static const char *query_value(const AdmissionRequest *request, const char *name)
{
    return request->query != NULL ? g_hash_table_lookup(request->query, name) : NULL;
}

static const char *request_token(const AdmissionRequest *request)
{
    static const char BEARER[] = "Bearer ";
    if (request->authorization == NULL) {
        return query_value(request, "access_token");
    }
    return g_str_has_prefix(request->authorization, BEARER)
               ? request->authorization + strlen(BEARER)
               : NULL;
}

/* The failures that only a script brings about. */
static unsigned scripted_status(const AdmissionRules *rules, const char **ret_text)
{
    static const struct {
        FaultKind kind;
        unsigned status;
        const char *text;
    } REFUSALS[] = {
        {FAULT_FULL, 503, "node has exceeded its configured limit"},
        {FAULT_EXPIRE, 401, "invalid token: token is expired (exp)"},
        {FAULT_NO_ROOM, 404, "requested room does not exist"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(REFUSALS); i++) {
        if (fault_script_find(rules->script, REFUSALS[i].kind, rules->at_ns) != NULL) {
            *ret_text = REFUSALS[i].text;
            return REFUSALS[i].status;
        }
    }
    return 200;
}

static Admission refuse_token(const GError *error)
{
    if (g_error_matches(error, ACCESS_TOKEN_ERROR, ACCESS_TOKEN_ERROR_EXPIRED)) {
        return refuse(401, "invalid token: token is expired (exp)");
    }
    if (g_error_matches(error, ACCESS_TOKEN_ERROR, ACCESS_TOKEN_ERROR_KEY)) {
        return refuse(401, "invalid API key");
    }
    return refuse(401, "invalid token: error in cryptographic primitive");
}

static Admission check_claims(const AdmissionRules *rules, const AdmissionRequest *request,
                              const AccessTokenClaims *claims)
{
    if (!claims->room_join) {
        return refuse(401, "permissions denied");
    }
    if (claims->identity == NULL || claims->identity[0] == '\0') {
        return refuse(400, "identity cannot be empty");
    }
    if (claims->room == NULL || claims->room[0] == '\0') {
        return refuse(400, "no room name");
    }
    if (strlen(claims->identity) > MAX_NAME_BYTES || strlen(claims->room) > MAX_NAME_BYTES) {
        return refuse(400, "identity or room name is longer than 256 bytes");
    }
    g_autofree char *moved_name = room_moved_name(rules->room_name);
    const bool is_moved = fault_script_find(rules->script, FAULT_MOVE, rules->at_ns) != NULL &&
                          strcmp(claims->room, moved_name) == 0;
    if (!rules->any_room && strcmp(claims->room, rules->room_name) != 0 && !is_moved) {
        return refuse(404, "requested room does not exist");
    }
    const char *const automatic = query_value(request, "auto_subscribe");
    return (Admission){
        .status = 200,
        .text = "success",
        .identity = g_strdup(claims->identity),
        .hidden = claims->hidden,
        .auto_subscribe =
            automatic == NULL || strcmp(automatic, "1") == 0 || strcmp(automatic, "true") == 0,
    };
}

Admission room_admission_check(const AdmissionRules *rules, const AdmissionRequest *request)
{
    const char *text = NULL;
    const unsigned status = scripted_status(rules, &text);
    if (status != 200) {
        return refuse(status, text);
    }
    if (request->authorization != NULL && !g_str_has_prefix(request->authorization, "Bearer ")) {
        return refuse(401, "invalid authorization header. Must start with Bearer ");
    }
    const char *const token = request_token(request);
    if (token == NULL) {
        return refuse(401, "permissions denied");
    }
    g_autoptr(GError) error = NULL;
    if (!access_token_verify(token, rules->api_key, rules->api_secret, &error)) {
        return refuse_token(error);
    }
    g_autoptr(AccessTokenClaims) claims = access_token_claims(token, NULL);
    return claims != NULL ? check_claims(rules, request, claims)
                          : refuse(401, "invalid authorization token");
}

void room_admission_clear(Admission *admission)
{
    g_clear_pointer(&admission->identity, g_free);
}

char *room_admission_make_secret(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < SECRET_BYTES; i++) {
        g_string_append_printf(text, "%02x", g_random_int() & 0xff);
    }
    return g_strdup(text->str);
}
