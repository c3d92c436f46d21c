#include "api/answer.h"

#include <string.h>

void answer_text(SoupServerMessage *message, unsigned status, const char *content_type,
                 const char *text)
{
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(message);
    soup_message_headers_replace(headers, "Cache-Control", "no-store");
    soup_message_headers_replace(headers, "X-Content-Type-Options", "nosniff");
    /* One request a connection, see http_connection.h. */
    soup_message_headers_replace(headers, "Connection", "close");
    soup_server_message_set_status(message, status, NULL);
    soup_server_message_set_response(message, content_type, SOUP_MEMORY_COPY, text, strlen(text));
}

/* Takes over `body`. */
static char *json_line(JsonObject *body)
{
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(root, body);
    g_autofree char *text = json_to_string(root, FALSE);
    return g_strconcat(text, "\n", NULL);
}

void answer_json(SoupServerMessage *message, unsigned status, JsonObject *body)
{
    g_autofree char *line = json_line(body);
    answer_text(message, status, JSON_CONTENT_TYPE, line);
}

char *error_text(OutcomeCode code, const char *sentence)
{
    g_autofree char *valid = g_utf8_make_valid(sentence, -1);
    JsonObject *body = json_object_new();
    json_object_set_boolean_member(body, "success", FALSE);
    json_object_set_string_member(body, "error", valid);
    json_object_set_string_member(body, "detail", valid);
    json_object_set_string_member(body, "code", outcome_code_name(code));
    return json_line(body);
}

void answer_error(SoupServerMessage *message, unsigned status, OutcomeCode code,
                  const char *sentence)
{
    g_autofree char *text = error_text(code, sentence);
    answer_text(message, status, JSON_CONTENT_TYPE, text);
}

void answer_outcome(SoupServerMessage *message, const Outcome *outcome)
{
    answer_error(message, (unsigned)outcome_code_http_status(outcome->code), outcome->code,
                 outcome->sentence);
}
