#include "api/refusal.h"

#include "api/answer.h"

#define CHALLENGE "Bearer realm=\"roomtape\""

bool refuse_request(Refusal *refusal, unsigned status, OutcomeCode code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *sentence = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    refusal->status = status;
    refusal->retry_after = 0;
    outcome_set(&refusal->outcome, OUTCOME_FAILED, code, "%s", sentence);
    return false;
}

typedef void (*AddHeaderFn)(void *owner, const char *name, const char *value);

static void add_headers(const Refusal *refusal, AddHeaderFn add, void *owner)
{
    if (refusal->status == SOUP_STATUS_UNAUTHORIZED)
        add(owner, "WWW-Authenticate", CHALLENGE);
    if (refusal->retry_after > 0) {
        g_autofree char *seconds = g_strdup_printf("%u", refusal->retry_after);
        add(owner, "Retry-After", seconds);
    }
    if (refusal->allowed_origin != NULL) {
        add(owner, "Access-Control-Allow-Origin", refusal->allowed_origin);
        add(owner, "Vary", "Origin");
    }
}

static void add_to_message(void *owner, const char *name, const char *value)
{
    soup_message_headers_replace(owner, name, value);
}

static void add_to_text(void *owner, const char *name, const char *value)
{
    g_string_append_printf(owner, "%s: %s\r\n", name, value);
}

void answer_refusal(SoupServerMessage *message, const Refusal *refusal)
{
    add_headers(refusal, add_to_message, soup_server_message_get_response_headers(message));
    answer_error(message, refusal->status, refusal->outcome.code, refusal->outcome.sentence);
}

static const char *reason_phrase(unsigned status)
{
    switch (status) {
    case STATUS_TOO_MANY_REQUESTS:
        return "Too Many Requests";
    case STATUS_HEADERS_TOO_LARGE:
        return "Request Header Fields Too Large";
    default: /* libsoup knows the rest */
        return soup_status_get_phrase(status);
    }
}

GBytes *refusal_bytes(const Refusal *refusal)
{
    g_autofree char *body = error_text(refusal->outcome.code, refusal->outcome.sentence);
    GString *text = g_string_new(NULL);
    g_string_printf(text, "HTTP/1.1 %u %s\r\n", refusal->status, reason_phrase(refusal->status));
    add_to_text(text, "Content-Type", JSON_CONTENT_TYPE);
    add_to_text(text, "Cache-Control", "no-store");
    add_to_text(text, "X-Content-Type-Options", "nosniff");
    add_to_text(text, "Connection", "close");
    add_headers(refusal, add_to_text, text);
    g_string_append_printf(text, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    return g_string_free_to_bytes(text);
}
