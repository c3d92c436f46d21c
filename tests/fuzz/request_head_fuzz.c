/* What callers send to the HTTP service, as it arrives: in pieces of the first byte's length. The
 * end that is found must not depend on the pieces, and what it is said to be must be within bounds.
 */
#include "api/json_body.h"
#include "api/request_head.h"
#include "base/check.h"
#include "fuzz.h"

typedef struct {
    RequestVerdict verdict;
    size_t end;
    unsigned status;
} Found;

static Found feed(const char *bytes, size_t size, size_t piece)
{
    RequestHead head = {.size = 0};
    Refusal refusal = {.status = 0};
    Found found = {.verdict = REQUEST_PARTIAL};
    bool has_head = false;
    for (size_t have = 0; have < size && found.verdict == REQUEST_PARTIAL;) {
        have += MIN(piece, size - have);
        found.verdict = has_head ? REQUEST_WHOLE : request_head_read(&head, bytes, have, &refusal);
        if (found.verdict != REQUEST_WHOLE)
            continue;
        has_head = true;
        found.verdict = request_body_find_end(&head, bytes, have, &found.end, &refusal);
        require(head.size <= have && head.body_length <= JSON_BODY_MAX_BYTES);
    }
    require(found.end <= size);
    require((found.verdict == REQUEST_REFUSED) == (refusal.status >= 400));
    found.status = refusal.status;
    request_head_clear(&head);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    /* A copy of its exact size: what is read beyond it is seen. */
    g_autofree char *bytes = g_memdup2(data + 1, size - 1);
    const Found whole = feed(bytes, size - 1, size - 1);
    const Found pieces = feed(bytes, size - 1, (size_t)data[0] + 1);
    require(whole.verdict == pieces.verdict && whole.end == pieces.end);
    require(whole.status == pieces.status);
    return 0;
}
