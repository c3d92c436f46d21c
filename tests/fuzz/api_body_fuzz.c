/* Request bodies as a hostile caller could send them, through the strict parser and the fields. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_body.h"
#include "api/start_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(JsonObject) body = json_body_parse((const char *)data, size, NULL);
    if (body == NULL)
        return 0;
    g_autoptr(RecordingRequest) request = recording_request_new();
    Outcome refusal;
    bool wait, flag;
    if (start_request_read(body, NULL, request, &wait, &refusal) && strlen(request->mint_id) > 256)
        abort();
    g_free(stop_request_read(body, &flag, &refusal));
    g_free(pause_request_read(body, &flag, &refusal));
    g_free(resume_request_read(body, &refusal));
    return 0;
}
