#include "api/json_body.h"

#include <string.h>

#include "api/http_api.h"

typedef struct {
    bool in_string;
    bool is_complete; /* the outermost value has ended */
    unsigned depth;
} Scan;

/* The parser would cut a string at a NUL, which would then name something else. */
static bool is_escaped_nul(const char *text, size_t left)
{
    return left >= 6 && memcmp(text, "\\u0000", 6) == 0;
}

static const char *scan_string(Scan *scan, const char *text, size_t left, size_t *ret_taken)
{
    *ret_taken = 1;
    if ((unsigned char)*text < 0x20)
        return "a string holds a control character";
    if (is_escaped_nul(text, left))
        return "a string holds a NUL character";
    if (*text == '\\')
        *ret_taken = left > 1 ? 2 : 1;
    scan->in_string = *text != '"';
    return NULL;
}

static const char *scan_open(Scan *scan)
{
    return ++scan->depth > JSON_BODY_MAX_DEPTH ? "it is nested too deeply" : NULL;
}

static const char *scan_close(Scan *scan)
{
    if (scan->depth == 0)
        return "a bracket is closed that was never opened";
    scan->is_complete = --scan->depth == 0;
    return NULL;
}

static const char *scan_outside(Scan *scan, char character)
{
    if (strchr(" \t\r\n", character) != NULL)
        return NULL;
    if (scan->is_complete)
        return "something follows the object";
    if (scan->depth == 0 && character != '{')
        return "it has to be one object";
    if (strchr("{[", character) != NULL)
        return scan_open(scan);
    if (strchr("}]", character) != NULL)
        return scan_close(scan);
    scan->in_string = character == '"';
    /* What true, false, null and numbers are written with; the parser also knows comments. */
    return strchr("\",:+-.0123456789eEtrufalsn", character) != NULL ? NULL
                                                                    : "it is not strict JSON";
}

static const char *find_problem(const char *text, size_t size)
{
    Scan scan = {.depth = 0};
    if (size > JSON_BODY_MAX_BYTES)
        return "it is too large";
    if (memchr(text, '\0', size) != NULL || !g_utf8_validate_len(text, size, NULL))
        return "it is not UTF-8 text";
    for (size_t i = 0, taken = 1; i < size; i += taken) {
        taken = 1;
        const char *problem = scan.in_string ? scan_string(&scan, text + i, size - i, &taken)
                                             : scan_outside(&scan, text[i]);
        if (problem != NULL)
            return problem;
    }
    return scan.is_complete ? NULL : "it ends too early";
}

static JsonObject *refuse(GError **error, const char *problem)
{
    g_set_error(error, API_ERROR, API_ERROR_REQUEST, "The body has to be one JSON object, but %s.",
                problem);
    return NULL;
}

JsonObject *json_body_parse(const char *text, size_t size, GError **error)
{
    if (size == 0)
        return refuse(error, "it is empty");
    const char *problem = find_problem(text, size);
    if (problem != NULL)
        return refuse(error, problem);

    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) cause = NULL;
    if (!json_parser_load_from_data(parser, text, (gssize)size, &cause))
        return refuse(error, cause->message);
    JsonNode *root = json_parser_get_root(parser);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
        return refuse(error, "it is something else");
    return json_object_ref(json_node_get_object(root));
}
