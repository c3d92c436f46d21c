/* Tells by the first bytes of a datagram which protocol it belongs to (RFC 7983 section 7, and RFC
 * 5761 section 4 for RTP and RTCP on one port). ICE's checks were answered before; what is left of
 * STUN are answers to a probe. Thread: any; pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum { DEMUX_STUN, DEMUX_DTLS, DEMUX_RTP, DEMUX_RTCP, DEMUX_UNKNOWN } DemuxClass;

DemuxClass demux_classify(const uint8_t *data, size_t size);
