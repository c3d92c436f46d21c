#include "transport/peer.h"

G_DEFINE_QUARK(peer - error, peer_error)

const char *peer_state_name(PeerState state)
{
    switch (state) {
    case PEER_NEW:
        return "new";
    case PEER_CHECKING:
        return "checking";
    case PEER_HANDSHAKE:
        return "handshake";
    case PEER_CONNECTED:
        return "connected";
    case PEER_DISCONNECTED:
        return "disconnected";
    case PEER_FAILED:
        return "failed";
    case PEER_CLOSED:
        return "closed";
    }
    return "";
}
