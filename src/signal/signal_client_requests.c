#include "signal/requests.h"
#include "signal/signal_client_private.h"

void signal_client_send(SignalClient *client, GBytes *request)
{
    if (client->socket != NULL)
        signal_socket_send(client->socket, request);
    else
        g_bytes_unref(request);
}

void signal_client_subscribe(SignalClient *client, const char *participant_sid,
                             const char *track_sid, bool subscribe)
{
    sync_state_subscribe(client->sync, track_sid, subscribe);
    signal_client_send(client, request_subscribe(participant_sid, track_sid, subscribe));
}

void signal_client_track_settings(SignalClient *client, const char *track_sid, bool disabled,
                                  uint32_t width, uint32_t height)
{
    sync_state_disable(client->sync, track_sid, disabled);
    signal_client_send(client, request_track_settings(track_sid, disabled, width, height));
}

void signal_client_answer(SignalClient *client, const char *sdp, uint32_t id)
{
    sync_state_answer(client->sync, sdp, id);
    signal_client_send(client, request_answer(sdp, id));
}

void signal_client_candidate(SignalClient *client, const char *candidate)
{
    /* the server waits for no end of our candidates */
    if (candidate != NULL && candidate[0] != '\0')
        signal_client_send(client, request_candidate(candidate));
}
