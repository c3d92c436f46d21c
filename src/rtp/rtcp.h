/* Parses compound RTCP packets and builds the feedback that a receiver sends (RFC 3550 section 6,
 * RFC 4585 section 6, RFC 3611 sections 4.4 and 4.5).
 * Thread: net; no allocation. */
#pragma once

#include "base/bytes.h"

typedef struct {
    uint32_t ssrc;
    uint64_t ntp; /* 32.32 fixed point seconds since 1900, the publisher's clock */
    uint32_t rtp_timestamp;
    uint32_t packets, bytes;
} RtcpSenderReport;

typedef struct {
    void *owner;
    void (*sender_report)(void *owner, const RtcpSenderReport *report);
    void (*bye)(void *owner, uint32_t ssrc);
    /* The answer to a receiver's reference time, or NULL: the middle 32 bits of it, and how long it
     * lay there in 1/65536 s. */
    void (*reference_answer)(void *owner, uint32_t receiver_ssrc, uint32_t reference,
                             uint32_t delay);
    /* What a sender hears; NULL where the caller only receives. */
    void (*nack)(void *owner, uint32_t media_ssrc, uint16_t sequence);
    void (*keyframe_request)(void *owner, uint32_t media_ssrc); /* PLI or FIR */
    void (*receiver_report)(void *owner, uint32_t ssrc, uint8_t fraction_lost, uint32_t lost);
    void (*reference_time)(void *owner, uint32_t receiver_ssrc, uint64_t ntp);
} RtcpHandler;

/* False at the first malformed block; what came before it was handled. */
bool rtcp_parse(const uint8_t *data, size_t size, const RtcpHandler *handler);

typedef struct {
    uint32_t ssrc;
    uint8_t fraction_lost;
    int32_t total_lost;
    uint32_t highest_sequence; /* extended */
    uint32_t jitter;
    uint32_t last_sr;        /* middle 32 bits of its NTP time; 0 = none */
    uint32_t delay_since_sr; /* 1/65536 s */
} RtcpReportBlock;

/* A receiver report with at most 31 blocks, and its SDES CNAME (a compound packet needs one). */
void rtcp_write_receiver_report(ByteWriter *writer, uint32_t sender_ssrc,
                                const RtcpReportBlock *blocks, unsigned count, const char *cname);
/* A reference time report, 32.32 fixed point seconds of any clock of the receiver's: the sender
 * answers with reference_answer, which tells the round trip. Not compound by itself. */
void rtcp_write_reference_time(ByteWriter *writer, uint32_t sender_ssrc, uint64_t ntp);
/* Sequences sorted ascending (modulo 2^16); packs 17 to an entry. */
void rtcp_write_nack(ByteWriter *writer, uint32_t sender_ssrc, uint32_t media_ssrc,
                     const uint16_t *sequences, unsigned count);
void rtcp_write_pli(ByteWriter *writer, uint32_t sender_ssrc, uint32_t media_ssrc);
/* For senders: the answer to a reference time that came just now. */
void rtcp_write_reference_answer(ByteWriter *writer, uint32_t sender_ssrc, uint32_t receiver_ssrc,
                                 uint32_t reference);
/* For senders: a sender report with SDES CNAME. */
void rtcp_write_sender_report(ByteWriter *writer, const RtcpSenderReport *report,
                              const char *cname);
