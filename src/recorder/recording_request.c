#include "recorder/recording_request.h"

#include <string.h>

#include "signal/access_token.h"
#include "signal/server_url.h"
#include "store/output_path.h"

#define NAME_MAX_BYTES 256

RecordingRequest *recording_request_new(void)
{
    RecordingRequest *request = g_new0(RecordingRequest, 1);
    request->format = format_for(CONTAINER_AUTO);
    request->quality = quality_default();
    request->publisher_wait_ns = -1;
    request->idle_ns = -1;
    return request;
}

RecordingRequest *recording_request_copy(const RecordingRequest *request)
{
    RecordingRequest *copy = g_new0(RecordingRequest, 1);
    *copy = *request;
    copy->mint_id = g_strdup(request->mint_id);
    copy->room = g_strdup(request->room);
    copy->url = g_strdup(request->url);
    copy->token = g_strdup(request->token);
    copy->api_key = g_strdup(request->api_key);
    copy->api_secret = g_strdup(request->api_secret);
    copy->ca_file = g_strdup(request->ca_file);
    copy->participants = g_strdupv(request->participants);
    copy->encoder_options = g_strdup(request->encoder_options);
    copy->directory = g_strdup(request->directory);
    copy->output_template = g_strdup(request->output_template);
    return copy;
}

void recording_request_free(RecordingRequest *request)
{
    if (!request)
        return;
    g_free(request->mint_id);
    g_free(request->room);
    g_free(request->url);
    g_free(request->token);
    g_free(request->api_key);
    g_free(request->api_secret);
    g_free(request->ca_file);
    g_strfreev(request->participants);
    g_free(request->encoder_options);
    g_free(request->directory);
    g_free(request->output_template);
    g_free(request);
}

static void refuse(Outcome *ret_refusal, OutcomeCode code, const char *sentence)
{
    outcome_set(ret_refusal, OUTCOME_FAILED, code, "%s", sentence);
}

static void replace_if_missing(char **field, const char *value)
{
    if (!*field)
        *field = g_strdup(value);
}

/* What is told of a file is to hold from everywhere, also after a restart in another folder. */
static void make_absolute(char **directory)
{
    if (!*directory)
        return;
    char *absolute = g_canonicalize_filename(*directory, NULL);
    g_free(*directory);
    *directory = absolute;
}

/* The configured key must not sign for somebody else's server. */
static bool may_sign(const Config *config, const RecordingRequest *request)
{
    return request->api_key || !request->url || g_strcmp0(request->url, config->url) == 0;
}

void recording_request_complete(RecordingRequest *request, const Config *config)
{
    if (!request->token && may_sign(config, request)) {
        replace_if_missing(&request->api_key, config->api_key);
        replace_if_missing(&request->api_secret, config->api_secret);
    }
    replace_if_missing(&request->url, config->url);
    replace_if_missing(&request->ca_file, config->ca_file);
    replace_if_missing(&request->directory, config->output_dir);
    make_absolute(&request->directory);
    request->audio_only = request->audio_only || format_is_sound_alone(request->format);
    replace_if_missing(&request->output_template, config->output_template);
    if (!request->mint_id)
        request->mint_id = g_uuid_string_random();
    else if (!request->room && !request->token)
        request->room = g_strdup(request->mint_id);
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if (g_ascii_iscntrl(*text))
            return true;
    }
    return false;
}

static bool check_name_text(const char *what, const char *text, Outcome *ret_refusal)
{
    if (!text || (*text && strlen(text) <= NAME_MAX_BYTES && !has_control(text) &&
                  g_utf8_validate(text, -1, NULL)))
        return true;
    outcome_set(ret_refusal, OUTCOME_FAILED, CODE_BAD_REQUEST,
                "The %s must be UTF-8 text of 1 to %d bytes without control characters.", what,
                NAME_MAX_BYTES);
    return false;
}

static bool check_url(const char *url, Outcome *ret_refusal)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ServerUrl) parsed = server_url_parse(url, &error);
    if (!parsed)
        refuse(ret_refusal, CODE_BAD_REQUEST, error->message);
    return parsed != NULL;
}

static bool check_token(RecordingRequest *request, Outcome *ret_refusal)
{
    if (!request->token) {
        if (request->api_key && request->api_secret)
            return true;
        refuse(ret_refusal, CODE_UNAUTHORIZED,
               "There is neither a token nor an API key and secret for this URL; the configured "
               "key signs only for the configured URL.");
        return false;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(AccessTokenClaims) claims = access_token_claims(request->token, &error);
    if (!claims) {
        refuse(ret_refusal, CODE_UNAUTHORIZED, error->message);
        return false;
    }
    if (request->room && g_strcmp0(request->room, claims->room) != 0) {
        outcome_set(ret_refusal, OUTCOME_FAILED, CODE_BAD_REQUEST,
                    "The token is for room '%.100s', not for '%.100s'.",
                    claims->room ? claims->room : "", request->room);
        return false;
    }
    replace_if_missing(&request->room, claims->room);
    return true;
}

static bool check_room(const RecordingRequest *request, Outcome *ret_refusal)
{
    if (request->room)
        return check_name_text("room", request->room, ret_refusal);
    refuse(ret_refusal, CODE_BAD_REQUEST, "No room is given, and the token names none.");
    return false;
}

static bool check_template(const RecordingRequest *request, Outcome *ret_refusal)
{
    const OutputPathValues values = {
        .room_name = "room",
        .room_id = "id",
        .publisher_identity = "identity",
        .track_id = "track",
        .track_type = "video",
        .track_source = "camera",
        .mint_id = request->mint_id,
    };
    Container ignored;
    g_autoptr(GError) error = NULL;
    g_autofree char *stem =
        output_path_stem(request->directory, request->output_template, &values, &ignored, &error);
    if (stem)
        return true;
    refuse(ret_refusal, CODE_BAD_REQUEST, error->message);
    return false;
}

/* A client's path to the status of such an id would lead elsewhere. */
static bool check_mint_id(const char *mint_id, Outcome *ret_refusal)
{
    if (g_strcmp0(mint_id, ".") != 0 && g_strcmp0(mint_id, "..") != 0)
        return true;
    outcome_set(ret_refusal, OUTCOME_FAILED, CODE_BAD_REQUEST,
                "The mint_id must not be '%s', which no URL can end with.", mint_id);
    return false;
}

static bool check_participants(char **participants, Outcome *ret_refusal)
{
    for (char **identity = participants; identity && *identity; identity++) {
        if (!check_name_text("participant", *identity, ret_refusal))
            return false;
    }
    return true;
}

static bool check_encoder_options(const RecordingRequest *request, const Config *config,
                                  Outcome *ret_refusal)
{
    const Encoding encoding = format_main_encoding(request->format);
    EncoderSettings settings = config->encodings[encoding];
    char problem[OUTCOME_SENTENCE_MAX];
    if (!request->encoder_options)
        return true;
    if (encoding == ENCODING_NONE)
        outcome_set(ret_refusal, OUTCOME_FAILED, CODE_BAD_REQUEST,
                    "The format %s never encodes, so it has no encoder options.",
                    request->format->name);
    else if (encoder_settings_parse(&settings, encoding, request->encoder_options, problem,
                                    sizeof problem))
        return true;
    else
        refuse(ret_refusal, CODE_BAD_REQUEST, problem);
    return false;
}

bool recording_request_check(RecordingRequest *request, const Config *config, Outcome *ret_refusal)
{
    return check_mint_id(request->mint_id, ret_refusal) &&
           check_participants(request->participants, ret_refusal) &&
           check_name_text("mint_id", request->mint_id, ret_refusal) &&
           check_url(request->url, ret_refusal) && check_token(request, ret_refusal) &&
           check_room(request, ret_refusal) && check_template(request, ret_refusal) &&
           check_encoder_options(request, config, ret_refusal);
}
