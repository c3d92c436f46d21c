/* Writes the offers of a subscriber connection in livekit-server's layout, with its payload types
 * (RFC 8866, 8829, 8843).
 * Thread: any; values only. */
#pragma once

#include "room/rtp_sender.h"

typedef struct {
    TrackKind kind;
    Codec codec; /* CODEC_UNKNOWN for RED, which nobody here sends */
    uint8_t payload_type, rtx_payload_type;
    const char *name; /* "VP8/90000" */
    const char *fmtp; /* or NULL */
} OfferPayload;

#define OFFER_PAYLOADS 15u

const OfferPayload *offer_payloads(void); /* OFFER_PAYLOADS entries */

typedef enum { OFFER_AUDIO, OFFER_VIDEO, OFFER_DATA } OfferMedia;

typedef struct {
    OfferMedia media;
    const char *stream_id, *track_id; /* NULL = the section is empty */
    uint32_t ssrc, rtx_ssrc;
} OfferSection;

typedef struct {
    const char *ice_ufrag, *ice_pwd;
    const char *fingerprint;       /* sha-256, "AA:BB:..." */
    const char *const *candidates; /* "candidate:...", NULL-terminated; or NULL */
    uint64_t session_id;
    unsigned session_version;
    const OfferSection *sections; /* the mid is the index */
    unsigned section_count;
    const bool *payloads; /* OFFER_PAYLOADS: which are still on offer */
} Offer;

/* Free with g_free(). */
char *offer_write(const Offer *offer);

/* Where each codec goes among the accepted payload types; the first of a codec is taken, for H.264
 * packetization mode 1 of constrained baseline is preferred. */
void offer_choose_payloads(const bool *accepted, TrackKind kind,
                           RtpSenderPayload ret_payloads[CODEC_COUNT]);
