#include "api/start_request.h"

#include <math.h>
#include <string.h>

#include "api/formats.h"
#include "base/clock.h"
#include "base/text.h"
#include "config/config.h"

#define NAME_MAX_BYTES 256
#define URL_MAX_BYTES 2048
#define TOKEN_MAX_BYTES (16 * 1024)
#define PARTICIPANTS_MAX 100
#define DURATION_MAX_SECONDS 31536000 /* a year */

typedef struct {
    RecordingRequest *request;
    JsonObject *encoder; /* borrowed from the body; NULL: none */
    const EncoderSettings *configured;
    bool wait, discards, holds;
    Outcome *refusal;
} Reading;

static bool refuse(Outcome *refusal, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool refuse(Outcome *refusal, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *sentence = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    outcome_set(refusal, OUTCOME_FAILED, CODE_BAD_REQUEST, "%s", sentence);
    return false;
}

static const char *type_name(JsonNode *node)
{
    if (JSON_NODE_HOLDS_OBJECT(node))
        return "an object";
    if (JSON_NODE_HOLDS_ARRAY(node))
        return "a list";
    if (JSON_NODE_HOLDS_NULL(node))
        return "null";
    switch (json_node_get_value_type(node)) {
    case G_TYPE_STRING:
        return "text";
    case G_TYPE_BOOLEAN:
        return "true or false";
    default: /* GType is no enum of ours */
        return "a number";
    }
}

static bool is_text(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

static bool has_control(const char *text)
{
    for (size_t left = strlen(text), taken; left > 0; text += taken, left -= taken) {
        uint32_t character;
        if (!text_next(text, left, &character, &taken) || text_is_control(character))
            return true;
    }
    return false;
}

/* The sentences name no value here: it may be a token. */
static bool read_text(Outcome *refusal, const char *name, JsonNode *node, size_t max_bytes,
                      const char **ret_text)
{
    if (!is_text(node))
        return refuse(refusal, "\"%s\" has to be text; it is %s.", name, type_name(node));
    const char *text = json_node_get_string(node);
    const size_t length = strlen(text);
    if (length == 0 || length > max_bytes)
        return refuse(refusal, "\"%s\" has to have 1 to %zu bytes; it has %zu.", name, max_bytes,
                      length);
    if (has_control(text))
        return refuse(refusal, "\"%s\" holds a control character.", name);
    *ret_text = text;
    return true;
}

static bool set_text(Reading *reading, const char *name, JsonNode *node, size_t max_bytes,
                     char **field)
{
    const char *text;
    if (!read_text(reading->refusal, name, node, max_bytes, &text))
        return false;
    g_free(*field);
    *field = g_strdup(text);
    return true;
}

static bool read_mint_id(Reading *reading, const char *name, JsonNode *node)
{
    return set_text(reading, name, node, NAME_MAX_BYTES, &reading->request->mint_id);
}

static bool read_room(Reading *reading, const char *name, JsonNode *node)
{
    return set_text(reading, name, node, NAME_MAX_BYTES, &reading->request->room);
}

static bool read_url(Reading *reading, const char *name, JsonNode *node)
{
    return set_text(reading, name, node, URL_MAX_BYTES, &reading->request->url);
}

static bool read_token(Reading *reading, const char *name, JsonNode *node)
{
    return set_text(reading, name, node, TOKEN_MAX_BYTES, &reading->request->token);
}

static bool read_format(Reading *reading, const char *name, JsonNode *node)
{
    const char *text;
    if (!read_text(reading->refusal, name, node, NAME_MAX_BYTES, &text))
        return false;
    const Format *format = format_find(text);
    g_autofree char *available = format_list_available();
    if (format == NULL)
        return refuse(reading->refusal, "\"%s\" cannot be \"%.60s\"; it can be %s.", name, text,
                      available);
    if (!format_is_available(format)) {
        outcome_set(reading->refusal, OUTCOME_FAILED, CODE_CODEC_UNSUPPORTED,
                    "The format \"%s\" needs an encoder that this machine's libavcodec does not "
                    "have; there are %s.",
                    format->name, available);
        return false;
    }
    reading->request->format = format;
    return true;
}

static bool read_quality(Reading *reading, const char *name, JsonNode *node)
{
    const char *text;
    if (!read_text(reading->refusal, name, node, NAME_MAX_BYTES, &text))
        return false;
    const Quality *quality = quality_find(text);
    g_autofree char *names = quality_list();
    if (quality == NULL)
        return refuse(reading->refusal, "\"%s\" cannot be \"%.60s\"; it can be %s.", name, text,
                      names);
    reading->request->quality = quality;
    return true;
}

static bool read_fallback(Reading *reading, const char *name, JsonNode *node)
{
    const char *text;
    if (!read_text(reading->refusal, name, node, NAME_MAX_BYTES, &text))
        return false;
    if (g_ascii_strcasecmp(text, "source") != 0)
        return refuse(reading->refusal, "\"%s\" cannot be \"%.60s\"; it can be source.", name,
                      text);
    reading->request->falls_back = true;
    return true;
}

/* Its names depend on the format, which may come later in the body. */
static bool read_encoder(Reading *reading, const char *name, JsonNode *node)
{
    if (!JSON_NODE_HOLDS_OBJECT(node))
        return refuse(reading->refusal, "\"%s\" has to be an object of options; it is %s.", name,
                      type_name(node));
    reading->encoder = json_node_get_object(node);
    return true;
}

/* Options are written as text or as numbers. */
static char *option_text(JsonNode *node)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (is_text(node))
        return g_strdup(json_node_get_string(node));
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) == G_TYPE_BOOLEAN)
        return g_strdup(type_name(node));
    return g_strdup(g_ascii_formatd(text, sizeof text, "%.15g", json_node_get_double(node)));
}

/* Those that choose an encoder, or the others: a JSON object has no order. */
static bool take_options(Reading *reading, EncoderSettings *settings, bool of_choice, GString *text)
{
    const Encoding encoding = format_main_encoding(reading->request->format);
    char problem[OUTCOME_SENTENCE_MAX];
    JsonObjectIter iterator;
    const char *name;
    JsonNode *node;
    json_object_iter_init_ordered(&iterator, reading->encoder);
    while (json_object_iter_next_ordered(&iterator, &name, &node)) {
        if (encoder_settings_is_choice(name) != of_choice)
            continue;
        g_autofree char *value = option_text(node);
        if (!encoder_settings_set(settings, encoding, name, value, problem, sizeof problem))
            return refuse(reading->refusal, "%s", problem);
        g_string_append_printf(text, "%s=%s ", name, value);
    }
    return true;
}

static bool take_encoder(Reading *reading)
{
    const Format *format = reading->request->format;
    const Encoding encoding = format_main_encoding(format);
    g_autoptr(GString) text = g_string_new(NULL);
    if (reading->encoder == NULL)
        return true;
    if (encoding == ENCODING_NONE)
        return refuse(reading->refusal,
                      "The format \"%s\" never encodes, so it has no encoder options.",
                      format->name);
    EncoderSettings settings = reading->configured != NULL ? reading->configured[encoding]
                                                           : encoder_settings_default(encoding);
    if (!take_options(reading, &settings, true, text) ||
        !take_options(reading, &settings, false, text))
        return false;
    reading->request->encoder_options = g_strdup(text->str);
    return true;
}

static bool add_participant(Reading *reading, const char *name, JsonNode *node, GStrvBuilder *names)
{
    const char *text;
    if (!read_text(reading->refusal, name, node, NAME_MAX_BYTES, &text))
        return false;
    g_strv_builder_add(names, text);
    return true;
}

static bool add_participants(Reading *reading, const char *name, JsonArray *array,
                             GStrvBuilder *names)
{
    const guint count = json_array_get_length(array);
    if (count == 0 || count > PARTICIPANTS_MAX)
        return refuse(reading->refusal, "\"%s\" has to have 1 to %d identities; it has %u.", name,
                      PARTICIPANTS_MAX, count);
    for (guint i = 0; i < count; i++) {
        if (!add_participant(reading, name, json_array_get_element(array, i), names))
            return false;
    }
    return true;
}

static bool read_participant(Reading *reading, const char *name, JsonNode *node)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    const bool done = JSON_NODE_HOLDS_ARRAY(node)
                          ? add_participants(reading, name, json_node_get_array(node), names)
                          : add_participant(reading, name, node, names);
    if (!done)
        return false;
    g_strfreev(reading->request->participants);
    reading->request->participants = g_strv_builder_end(names);
    return true;
}

static bool parse_seconds(JsonNode *node, int64_t *ret_ns)
{
    if (is_text(node))
        return config_parse_duration(json_node_get_string(node), ret_ns);
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) == G_TYPE_BOOLEAN)
        return false;
    const double seconds = json_node_get_double(node);
    if (!(seconds >= 0 && seconds <= DURATION_MAX_SECONDS))
        return false;
    *ret_ns = llround(seconds * (double)NS_PER_SECOND);
    return true;
}

static bool read_seconds(Reading *reading, const char *name, JsonNode *node, int64_t min_ns,
                         int64_t *field)
{
    int64_t value;
    if (!parse_seconds(node, &value) || value < min_ns ||
        value > DURATION_MAX_SECONDS * NS_PER_SECOND)
        return refuse(reading->refusal,
                      "\"%s\" has to be seconds from %g to %d, as a number or as text such as "
                      "\"30s\" or \"1.5m\".",
                      name, (double)min_ns / (double)NS_PER_SECOND, DURATION_MAX_SECONDS);
    *field = value;
    return true;
}

static bool read_publisher_wait(Reading *reading, const char *name, JsonNode *node)
{
    return read_seconds(reading, name, node, 0, &reading->request->publisher_wait_ns);
}

/* It has two names; both at once are fine as long as they say the same. */
static bool read_max_duration(Reading *reading, const char *name, JsonNode *node)
{
    const int64_t former_ns = reading->request->max_duration_ns;
    if (!read_seconds(reading, name, node, NS_PER_SECOND / 10, &reading->request->max_duration_ns))
        return false;
    if (former_ns != 0 && former_ns != reading->request->max_duration_ns)
        return refuse(reading->refusal,
                      "\"duration\" is the older name of \"max_duration\", and they differ: give "
                      "one of them.");
    return true;
}

static bool parse_bytes(JsonNode *node, uint64_t *ret_bytes)
{
    if (is_text(node))
        return config_parse_bytes(json_node_get_string(node), ret_bytes);
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64 ||
        json_node_get_int(node) < 0)
        return false;
    *ret_bytes = (uint64_t)json_node_get_int(node);
    return true;
}

static bool read_max_size(Reading *reading, const char *name, JsonNode *node)
{
    uint64_t bytes;
    if (!parse_bytes(node, &bytes) || bytes < RECORDING_MAX_SIZE_MIN)
        return refuse(reading->refusal,
                      "\"%s\" has to be at least %d bytes, as a number or as text such as "
                      "\"500MB\" or \"1GiB\".",
                      name, RECORDING_MAX_SIZE_MIN);
    reading->request->max_size = bytes;
    return true;
}

static bool read_idle(Reading *reading, const char *name, JsonNode *node)
{
    return read_seconds(reading, name, node, 0, &reading->request->idle_ns);
}

static bool read_flag(Reading *reading, const char *name, JsonNode *node, bool *flag)
{
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN)
        return refuse(reading->refusal, "\"%s\" has to be true or false; it is %s.", name,
                      type_name(node));
    *flag = json_node_get_boolean(node);
    return true;
}

static bool read_wait(Reading *reading, const char *name, JsonNode *node)
{
    return read_flag(reading, name, node, &reading->wait);
}

static bool read_discard(Reading *reading, const char *name, JsonNode *node)
{
    return read_flag(reading, name, node, &reading->discards);
}

static bool read_hold(Reading *reading, const char *name, JsonNode *node)
{
    return read_flag(reading, name, node, &reading->holds);
}

typedef struct {
    const char *name;
    bool (*read)(Reading *reading, const char *name, JsonNode *node);
} Field;

static const Field start_fields[] = {
    {"mint_id", read_mint_id},
    {"output_format", read_format},
    {"video_quality", read_quality},
    {"encoder", read_encoder},
    {"fallback", read_fallback},
    {"room", read_room},
    {"url", read_url},
    {"token", read_token},
    {"participant", read_participant},
    {"publisher_wait", read_publisher_wait},
    {"max_duration", read_max_duration},
    {"max_size", read_max_size},
    {"duration", read_max_duration},
    {"idle", read_idle},
    {"wait", read_wait},
};

static const Field stop_fields[] = {{"mint_id", read_mint_id}, {"discard", read_discard}};
static const Field pause_fields[] = {{"mint_id", read_mint_id}, {"hold", read_hold}};
static const Field resume_fields[] = {{"mint_id", read_mint_id}};

static bool refuse_unknown(Outcome *refusal, const char *name, const Field *fields, size_t count)
{
    char printable[64];
    g_autoptr(GString) known = g_string_new(NULL);
    for (size_t i = 0; i < count; i++)
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", fields[i].name);
    text_printable(name, strlen(name), printable, sizeof printable);
    return refuse(refusal, "There is no field \"%s\"; there are %s.", printable, known->str);
}

static bool read_field(Reading *reading, const char *name, JsonNode *node, const Field *fields,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, fields[i].name) != 0)
            continue;
        /* null is how several clients write "not given". */
        return JSON_NODE_HOLDS_NULL(node) || fields[i].read(reading, name, node);
    }
    return refuse_unknown(reading->refusal, name, fields, count);
}

static bool read_fields(Reading *reading, JsonObject *body, const Field *fields, size_t count)
{
    JsonObjectIter iterator;
    const char *name;
    JsonNode *node;
    json_object_iter_init_ordered(&iterator, body);
    while (json_object_iter_next_ordered(&iterator, &name, &node)) {
        if (!read_field(reading, name, node, fields, count))
            return false;
    }
    if (reading->request->mint_id == NULL)
        return refuse(reading->refusal, "\"mint_id\" is missing: it names the recording.");
    return true;
}

bool start_request_read(JsonObject *body, const EncoderSettings *configured,
                        RecordingRequest *request, bool *ret_wait, Outcome *ret_refusal)
{
    Reading reading = {
        .request = request, .configured = configured, .wait = true, .refusal = ret_refusal};
    if (!read_fields(&reading, body, start_fields, G_N_ELEMENTS(start_fields)))
        return false;
    if (!take_encoder(&reading))
        return false;
    *ret_wait = reading.wait;
    return true;
}

/* The mint_id, with what else was read in `reading`. */
static char *read_command(Reading *reading, JsonObject *body, const Field *fields, size_t count)
{
    g_autoptr(RecordingRequest) request = recording_request_new();
    reading->request = request;
    if (!read_fields(reading, body, fields, count))
        return NULL;
    return g_steal_pointer(&request->mint_id);
}

char *stop_request_read(JsonObject *body, bool *ret_discards, Outcome *ret_refusal)
{
    Reading reading = {.refusal = ret_refusal};
    char *mint_id = read_command(&reading, body, stop_fields, G_N_ELEMENTS(stop_fields));
    *ret_discards = reading.discards;
    return mint_id;
}

char *pause_request_read(JsonObject *body, bool *ret_holds, Outcome *ret_refusal)
{
    Reading reading = {.refusal = ret_refusal};
    char *mint_id = read_command(&reading, body, pause_fields, G_N_ELEMENTS(pause_fields));
    *ret_holds = reading.holds;
    return mint_id;
}

char *resume_request_read(JsonObject *body, Outcome *ret_refusal)
{
    Reading reading = {.refusal = ret_refusal};
    return read_command(&reading, body, resume_fields, G_N_ELEMENTS(resume_fields));
}
