/* What tests do to a peer and nobody else.
 * Thread: net. */
#pragma once

#include "transport/peer.h"

/* As if the datagram had come over the selected pair. */
void peer_inject_for_test(Peer *peer, uint8_t *data, size_t size);

/* Loses the SCTP association without a word to the other side, as does a server that forgets it. */
void peer_lose_sctp_for_test(Peer *peer);
