#include "api/request_head.h"

#include <string.h>

#include "api/json_body.h"

#define CHUNK_LINE_MAX_BYTES 256

static RequestVerdict refuse(Refusal *refusal, unsigned status, const char *sentence)
{
    refuse_request(refusal, status, CODE_BAD_REQUEST, "%s", sentence);
    return REQUEST_REFUSED;
}

static RequestVerdict refuse_long_body(Refusal *refusal)
{
    return refuse(refusal, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, "The body is over 1 MiB.");
}

/* Behind the empty line; 0 when there is none. */
static size_t find_end(const char *bytes, size_t from, size_t size)
{
    for (size_t i = from; i + 1 < size; i++) {
        if (bytes[i] != '\n')
            continue;
        if (bytes[i + 1] == '\n')
            return i + 2;
        if (bytes[i + 1] == '\r' && i + 2 < size && bytes[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

static bool is_decimal(const char *text)
{
    const size_t length = strlen(text);
    return length > 0 && length <= 18 && strspn(text, "0123456789") == length;
}

/* Two lengths, or one beside a Transfer-Encoding, are how requests are smuggled (RFC 9112, 6.3). */
static RequestVerdict read_framing(RequestHead *head, Refusal *refusal)
{
    const char *length = soup_message_headers_get_list(head->headers, "Content-Length");
    const char *coding = soup_message_headers_get_list(head->headers, "Transfer-Encoding");
    if (coding != NULL && length != NULL)
        return refuse(refusal, SOUP_STATUS_BAD_REQUEST,
                      "The request has both a Content-Length and a Transfer-Encoding.");
    if (coding != NULL && g_ascii_strcasecmp(coding, "chunked") != 0)
        return refuse(refusal, SOUP_STATUS_NOT_IMPLEMENTED,
                      "The only Transfer-Encoding that is understood is chunked.");
    head->is_chunked = coding != NULL;
    if (length == NULL)
        return REQUEST_WHOLE;
    if (!is_decimal(length))
        return refuse(refusal, SOUP_STATUS_BAD_REQUEST, "The Content-Length is no number.");
    const guint64 value = g_ascii_strtoull(length, NULL, 10);
    if (value > JSON_BODY_MAX_BYTES)
        return refuse_long_body(refusal);
    head->body_length = (size_t)value;
    return REQUEST_WHOLE;
}

static RequestVerdict parse(const char *bytes, RequestHead *head, Refusal *refusal)
{
    SoupHTTPVersion version;
    /* The parser wants the lines without the empty one. */
    const size_t lines = head->size - (bytes[head->size - 2] == '\r' ? 2 : 1);
    g_autofree char *text = g_strndup(bytes, lines);
    if (memchr(bytes, '\0', head->size) != NULL ||
        soup_headers_parse_request(text, (int)lines, head->headers, &head->method, &head->path,
                                   &version) != SOUP_STATUS_OK)
        return refuse(refusal, SOUP_STATUS_BAD_REQUEST, "This is no HTTP request.");
    head->path[strcspn(head->path, "?")] = '\0';
    return read_framing(head, refusal);
}

RequestVerdict request_head_read(RequestHead *head, const char *bytes, size_t size,
                                 Refusal *refusal)
{
    head->size = find_end(bytes, head->scanned, MIN(size, REQUEST_HEAD_MAX_BYTES));
    if (head->size == 0 && size >= REQUEST_HEAD_MAX_BYTES)
        return refuse(refusal, STATUS_HEADERS_TOO_LARGE, "The request's headers are over 32 KiB.");
    head->scanned = head->size != 0 ? head->size : size - MIN(size, 2);
    if (head->size == 0)
        return REQUEST_PARTIAL;
    head->headers = soup_message_headers_new(SOUP_MESSAGE_HEADERS_REQUEST);
    return parse(bytes, head, refusal);
}

void request_head_clear(RequestHead *head)
{
    g_clear_pointer(&head->headers, soup_message_headers_unref);
    g_clear_pointer(&head->method, g_free);
    g_clear_pointer(&head->path, g_free);
}

static RequestVerdict refuse_chunks(Refusal *refusal)
{
    return refuse(refusal, SOUP_STATUS_BAD_REQUEST, "The body's chunks are not as they should be.");
}

/* One line of a trailer; the empty one is the end. */
static RequestVerdict scan_trailer(RequestHead *head, const char *line, size_t length)
{
    head->scanned += length + 1;
    return length == 0 || (length == 1 && *line == '\r') ? REQUEST_WHOLE : REQUEST_PARTIAL;
}

/* A size line and the chunk behind it; `scanned` then leads behind both, which may be ahead of what
 * has come. */
static RequestVerdict scan_chunk(RequestHead *head, const char *line, size_t length,
                                 Refusal *refusal)
{
    guint64 value;
    const size_t digits = strspn(line, "0123456789abcdefABCDEF");
    g_autofree char *text = g_strndup(line, MIN(digits, length));
    const char after = line[digits];
    if (digits > 8 || (after != '\r' && after != '\n' && after != ';') ||
        !g_ascii_string_to_unsigned(text, 16, 0, G_MAXUINT32, &value, NULL))
        return refuse_chunks(refusal);
    if (value > JSON_BODY_MAX_BYTES)
        return refuse_long_body(refusal);
    head->scanned += length + 1;
    if (value == 0)
        head->in_trailers = true;
    else
        head->scanned += (size_t)value + 2; /* CR LF */
    return REQUEST_PARTIAL;
}

static RequestVerdict scan_line(RequestHead *head, const char *bytes, size_t size, Refusal *refusal)
{
    const char *line = bytes + head->scanned;
    const char *end = memchr(line, '\n', size - head->scanned);
    const size_t length = end != NULL ? (size_t)(end - line) : size - head->scanned;
    if (length > CHUNK_LINE_MAX_BYTES)
        return refuse_chunks(refusal);
    if (end == NULL)
        return REQUEST_PARTIAL;
    return head->in_trailers ? scan_trailer(head, line, length)
                             : scan_chunk(head, line, length, refusal);
}

static RequestVerdict find_chunked_end(RequestHead *head, const char *bytes, size_t size,
                                       size_t *ret_size, Refusal *refusal)
{
    RequestVerdict verdict = REQUEST_PARTIAL;
    size_t before = 0;
    while (verdict == REQUEST_PARTIAL && head->scanned != before && head->scanned < size) {
        before = head->scanned;
        verdict = scan_line(head, bytes, size, refusal);
    }
    if (verdict == REQUEST_WHOLE)
        *ret_size = head->scanned;
    if (verdict == REQUEST_PARTIAL && size - head->size > JSON_BODY_MAX_BYTES)
        return refuse_long_body(refusal);
    return verdict;
}

RequestVerdict request_body_find_end(RequestHead *head, const char *bytes, size_t size,
                                     size_t *ret_size, Refusal *refusal)
{
    if (head->is_chunked)
        return find_chunked_end(head, bytes, size, ret_size, refusal);
    if (size - head->size < head->body_length)
        return REQUEST_PARTIAL;
    *ret_size = head->size + head->body_length;
    return REQUEST_WHOLE;
}
