/* Sends one track to one subscriber as the SFU's down track does: sequence numbers and timestamps
 * (RFC 3550), a history that answers NACKs with RTX packets (RFC 4588; audio is sent again as it
 * was), sender reports.
 * Video begins with a key frame. As on the SFU, a packet is sent again at most three times (or as
 * set), not sooner than 100 ms (two round trips once a receiver report tells them, where that is
 * less) after the last time, and not between a PLI and the next key frame. Thread: net. Allocates
 * only in new.
 */
#pragma once

#include "base/bytes.h"
#include "room/media_frame.h"

#define RTP_SENDER_MAX_PACKET 1400u

typedef struct {
    uint8_t payload_type, rtx_payload_type; /* 0 = the codec was not negotiated */
} RtpSenderPayload;

typedef struct {
    uint32_t ssrc, rtx_ssrc;
    TrackKind kind;
    RtpSenderPayload payloads[CODEC_COUNT];
    const char *cname; /* copied */
    uint16_t first_sequence;
    uint32_t timestamp_offset;
} RtpSenderConfig;

typedef struct {
    void *owner;
    /* `packet` has room for RTP_SENDER_MAX_PACKET bytes. */
    void (*packet)(void *owner, uint8_t *packet, size_t size);
} RtpSenderOut;

typedef struct RtpSender RtpSender;

RtpSender *rtp_sender_new(const RtpSenderConfig *config, RtpSenderOut out);
void rtp_sender_free(RtpSender *sender);

uint32_t rtp_sender_ssrc(const RtpSender *sender);
bool rtp_sender_waits_for_key(const RtpSender *sender);
/* The picture numbers of a stream without key frames are sent all the same. */
void rtp_sender_skip_key(RtpSender *sender);

/* What is sent and reported from now on has its timestamps moved by so much against the
 * configuration's. */
void rtp_sender_shift_timestamps(RtpSender *sender, uint32_t ticks);

/* False when it was not sent: no key frame yet, or a codec that was not negotiated. */
bool rtp_sender_frame(RtpSender *sender, MediaFrame *frame, int64_t now_ns);

/* True when the packet was sent again. */
bool rtp_sender_nack(RtpSender *sender, uint16_t sequence, int64_t now_ns);
/* How often a packet is, instead of three times. */
void rtp_sender_set_repeats(RtpSender *sender, unsigned repeats);
void rtp_sender_on_keyframe_request(RtpSender *sender);
void rtp_sender_on_receiver_report(RtpSender *sender, int64_t round_trip_ns);

/* A packet of its own between two frames, with any payload type; takes a sequence number. */
void rtp_sender_stray(RtpSender *sender, uint8_t payload_type, const uint8_t *payload, size_t size);

/* Nothing is written before the first packet. */
void rtp_sender_report(const RtpSender *sender, uint64_t ntp, uint64_t ticks, ByteWriter *writer);
