/* Finds out from a request's first bytes what it is and where it ends, before anything is done with
 * it. libsoup's own parser reads the lines, so that both agree.
 * Thread: main. */
#pragma once

#include "api/refusal.h"

#define REQUEST_HEAD_MAX_BYTES (32 * 1024) /* an access token may have 16 KiB */

typedef struct {
    char *method, *path; /* as sent; the path without its query */
    SoupMessageHeaders *headers;
    size_t size;        /* of the head, with its empty line */
    bool is_chunked;    /* RFC 9112, 7.1 */
    size_t body_length; /* unless chunked */
    size_t scanned;     /* how far we looked, from the head's begin */
    bool in_trailers;   /* chunked: the last chunk has been seen */
} RequestHead;          /* begins as zeros; request_head_clear() it at last */

typedef enum {
    REQUEST_PARTIAL, /* more has to come */
    REQUEST_WHOLE,
    REQUEST_REFUSED,
} RequestVerdict;

/* To be called again with more bytes while it is partial, until the head is whole. Refusals are
 * 400, 413, 431 or 501; a length is known to be within JSON_BODY_MAX_BYTES afterwards. */
RequestVerdict request_head_read(RequestHead *head, const char *bytes, size_t size,
                                 Refusal *refusal);
void request_head_clear(RequestHead *head);

/* Whether the body is there too; `bytes` begin with the head. `ret_size` is head and body. */
RequestVerdict request_body_find_end(RequestHead *head, const char *bytes, size_t size,
                                     size_t *ret_size, Refusal *refusal);
