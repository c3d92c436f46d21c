/* Receives one RTP source: undoes retransmission, puts packets in order, asks for missing ones
 * (RFC 4585, RFC 4588) and keeps the statistics of RFC 3550 section 6.4 and appendix A.
 * Thread: net. Allocates only in receiver_new(); packets after a hole are copied into slots. */
#pragma once

#include "flow/packet.h"
#include "flow/track.h"
#include "rtp/payload_table.h"
#include "rtp/round_trip.h"
#include "rtp/rtcp.h"

typedef struct Receiver Receiver;

typedef struct {
    uint32_t ssrc;
    uint32_t rtx_ssrc; /* 0 = none */
    TrackKind kind;
    unsigned window_packets; /* reorder slots; 0 = default for the kind */
    TrackCounters *counters; /* STAGE_RECEIVE and the packet counters are kept here */
    ReceiverPayload payloads[RECEIVER_MAX_PAYLOAD_TYPES];
    unsigned payload_count;
} ReceiverConfig;

typedef struct {
    void *owner;
    /* Next packet in order, of a codec that was negotiated. `lost_before` packets in front of it
     * were given up. Valid during the call. */
    void (*packet)(void *owner, const RtpPacket *packet, Codec codec, unsigned lost_before);
} ReceiverOut;

Receiver *receiver_new(const ReceiverConfig *config, ReceiverOut out);
void receiver_free(Receiver *receiver);

/* Any packet of its SSRC or RTX SSRC. The packet stays the caller's. */
void receiver_push(Receiver *receiver, const RtpPacket *packet);
void receiver_sender_report(Receiver *receiver, const RtcpSenderReport *report, int64_t now_ns);

/* Gives up on holes whose last repetition can no longer come (rtp/nack_timing.h); returns when to
 * call again (CLOCK_NEVER when nothing waits). The time is not in the future while NACKs are due
 * that were not taken. */
int64_t receiver_advance(Receiver *receiver, int64_t now_ns);

/* Sequences to ask for now, at most `max`; each is marked as asked. */
unsigned receiver_take_nacks(Receiver *receiver, int64_t now_ns, uint16_t *sequences, unsigned max);

bool receiver_report_block(Receiver *receiver, int64_t now_ns, RtcpReportBlock *ret_block);

/* By which NACKs are spaced and holes given up from now on. */
void receiver_set_round_trip(Receiver *receiver, const RoundTrip *round_trip);

/* True for a packet of media, or one in a retransmission, that a receiver of these SSRCs takes: as
 * it was sent at first. It points into `packet`. */
bool receiver_original(const Receiver *receiver, const RtpPacket *packet, RtpPacket *ret_original,
                       Codec *ret_codec);

/* Nobody needs what is missing before the frame of `sequence`, which is here: it is given up, and
 * the rest handed out. So many packets in front of it may be that frame's, too. */
void receiver_skip_to(Receiver *receiver, uint16_t sequence, unsigned in_front);

/* The sender is deaf to NACKs until then: nothing is given up before. */
void receiver_hold(Receiver *receiver, int64_t until_ns);

/* Several NACKs in a row got no answer at all, longer than loss explains. Counted anew from each
 * retransmission and receiver_ask_again() on. */
bool receiver_is_unheard(const Receiver *receiver, int64_t now_ns);

/* The sender was deaf to NACKs until now: asks again for all that is missing. */
void receiver_ask_again(Receiver *receiver, int64_t now_ns);

/* Whether packets had to be asked for in the last seconds: what is sent may get lost, too. */
bool receiver_is_lossy(const Receiver *receiver, int64_t now_ns);

/* Hands out everything held, holes counted as lost; for the end of the track. */
void receiver_flush(Receiver *receiver);

/* Adds what a packet touches of it when none is missing. */
void receiver_hot_memory(const Receiver *receiver, HotMemory *hot);
