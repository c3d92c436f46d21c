#include "signal/access_token.h"
#include "signal/messages.h"
#include "signal/room_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(Livekit__SignalRequest) request = signal_request_parse(data, size);
    g_autoptr(Livekit__SignalResponse) response = signal_response_parse(data, size);
    if (response != NULL && response->message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE) {
        const RoomViewOut out = {0};
        RoomView *view = room_view_new(out);
        room_view_update(view, response->update->participants, response->update->n_participants);
        room_view_free(view);
    }
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *candidate = candidate_init_parse(text);
    g_autoptr(AccessTokenClaims) claims = access_token_claims(text, NULL);
    return 0;
}
