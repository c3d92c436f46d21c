#include "signal/join_message.h"

#include <string.h>

#define ICE_TEXT_MAX_BYTES 1024

static bool ice_text_fits(const char *text)
{
    return strnlen(text, ICE_TEXT_MAX_BYTES + 1) <= ICE_TEXT_MAX_BYTES &&
           g_utf8_validate(text, -1, NULL);
}

unsigned join_message_ice_servers(Livekit__ICEServer *const *servers, size_t count,
                                  SignalIceServer ret_servers[JOIN_MAX_ICE_SERVERS])
{
    unsigned found = 0;
    for (size_t i = 0; i < count; i++) {
        const Livekit__ICEServer *server = servers[i];
        if (!ice_text_fits(server->username) || !ice_text_fits(server->credential))
            continue;
        for (size_t j = 0; j < server->n_urls && found < JOIN_MAX_ICE_SERVERS; j++) {
            if (!ice_text_fits(server->urls[j]))
                continue;
            ret_servers[found++] = (SignalIceServer){
                .url = server->urls[j],
                .username = server->username,
                .credential = server->credential,
            };
        }
    }
    return found;
}

bool join_message_may_subscribe(const Livekit__JoinResponse *join)
{
    const Livekit__ParticipantInfo *self = join->participant;
    return self == NULL || self->permission == NULL || self->permission->can_subscribe;
}
