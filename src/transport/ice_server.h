/* Reads the URL of a STUN or TURN server (RFC 7064, 7065).
 * Thread: any. */
#pragma once

#include "transport/peer.h"

typedef enum { ICE_SERVER_STUN, ICE_SERVER_TURN_UDP, ICE_SERVER_TURN_TCP } IceServerKind;

typedef struct {
    IceServerKind kind;
    char *host;
    uint16_t port;
    char *username, *credential; /* never NULL */
} IceServer;

/* False with PEER_ERROR_CONFIG, for `turns:` and `stuns:` too. */
bool ice_server_parse(const PeerIceServer *text, IceServer *ret_server, GError **error);
void ice_server_clear(IceServer *server);
bool ice_server_is_loopback(const IceServer *server); /* by its address; names are not looked up */
