#include <stdlib.h>

#include "base/check.h"
#include "sdp/session_description.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SessionDescription *offer = session_description_parse((const char *)data, size, NULL);
    if (!offer)
        return 0;
    const SdpAnswerOptions options = {
        .ice_ufrag = "u", .ice_pwd = "p", .fingerprint_value = "AA", .setup = SDP_SETUP_ACTIVE};
    char *answer = session_description_answer(offer, &options);
    require(answer);
    free(answer);
    session_description_free(offer);
    return 0;
}
