/* The payload types of one source: which codec each is, and which retransmits which (RFC 4588).
 * Thread: net; no allocation. */
#pragma once

#include "flow/codec.h"
#include "flow/ledger.h"
#include "flow/packet.h"

#define RECEIVER_MAX_PAYLOAD_TYPES 16
#define PAYLOAD_TYPES 128

typedef struct {
    uint8_t payload_type;
    Codec codec;
    uint8_t rtx_payload_type; /* 0 = none */
} ReceiverPayload;

typedef struct {
    uint8_t codec[PAYLOAD_TYPES];  /* Codec, or CODEC_COUNT */
    uint8_t rtx_of[PAYLOAD_TYPES]; /* the payload type that it retransmits, or PAYLOAD_TYPES */
} PayloadTable;

PayloadTable payload_table(const ReceiverPayload *payloads, unsigned count);

/* False when it was not negotiated. */
bool payload_table_codec(const PayloadTable *table, const RtpPacket *packet, Codec *ret_codec);

/* The packet of `ssrc` that a retransmission carries: the original number, then the original
 * payload (RFC 4588 section 4); it points into `packet`. Else why it is none; DROP_COUNT means that
 * it is. */
DropReason payload_table_unwrap(const PayloadTable *table, const RtpPacket *packet, uint32_t ssrc,
                                RtpPacket *ret_original);
