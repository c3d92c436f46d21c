/* Sends a subscriber what no good server sends, and what takes nothing away from the good packets.
 * Thread: net. */
#pragma once

#include "room/packet_link.h"
#include "room/rtp_sender.h"
#include "transport/peer.h"

typedef struct {
    Peer *peer;
    PacketLink *link; /* for its random numbers */
    int socket;       /* -1 until needed */
} Garbage;

/* Both are borrowed. */
void garbage_init(Garbage *garbage, Peer *peer, PacketLink *link);
void garbage_clear(Garbage *garbage); /* also one that was never initialised, all zero */

/* In turn: a payload type that was never negotiated, which takes a sequence number of `sender`; a
 * foreign source; padding that is longer than its packet. */
void garbage_send_rtp(Garbage *garbage, RtpSender *sender, uint8_t payload_type);
/* 64 KiB, under the right keys, of a foreign source. */
void garbage_send_huge_extension(Garbage *garbage, uint8_t payload_type);
void garbage_send_rtcp(Garbage *garbage);

/* To the subscriber's own port, from one that it does not know. */
void garbage_send_datagram(Garbage *garbage);
