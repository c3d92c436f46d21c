/* Parses one RTP packet out of a datagram (RFC 3550 section 5.1).
 * Thread: net; no allocation. */
#pragma once

#include "flow/packet.h"

/* False for anything that is not a well-formed RTP packet. The view points into `data`; padding is
 * taken off, header extensions are stepped over. */
bool rtp_packet_parse(const uint8_t *data, size_t size, int64_t arrival_ns, RtpPacket *ret_packet);

/* RFC 5761 section 4: tells RTCP from RTP on one port. */
bool rtp_is_rtcp(const uint8_t *data, size_t size);
