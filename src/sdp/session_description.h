/* Reads an offer of a LiveKit subscriber connection and writes the answer to it (RFC 8866, 8829).
 * Thread: net; pure. Lines that are not understood are skipped; limits are fixed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/codec.h"

#define SDP_MAX_SIZE (4u * 1024 * 1024)
#define SDP_MAX_SECTIONS 1024
#define SDP_MAX_PAYLOADS 48
#define SDP_MAX_CANDIDATES 64
#define SDP_MAX_EXTENSIONS 16
#define SDP_TOKEN_MAX 256

typedef enum { SDP_AUDIO, SDP_VIDEO, SDP_APPLICATION, SDP_OTHER } SdpMedia;
typedef enum { SDP_INACTIVE, SDP_SENDONLY, SDP_RECVONLY, SDP_SENDRECV } SdpDirection;
typedef enum { SDP_SETUP_NONE, SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE } SdpSetup;

typedef struct {
    uint8_t payload_type;
    Codec codec; /* CODEC_UNKNOWN for rtx, red and what we do not take */
    bool is_rtx;
    uint8_t apt; /* is_rtx: the payload type it repeats */
    char *name;  /* rtpmap text: "VP8/90000" */
    char *fmtp;  /* or NULL */
    bool nack, nack_pli, ccm_fir;
} SdpPayload;

typedef struct {
    SdpMedia media;
    char *protocol; /* "UDP/TLS/RTP/SAVPF" */
    char *mid;
    bool rejected; /* port 0 */
    SdpDirection direction;
    SdpSetup setup;
    SdpPayload *payloads;
    unsigned payload_count;
    uint32_t ssrc, rtx_ssrc;    /* 0 = none; from ssrc-group FID, or the first a=ssrc */
    char *stream_id, *track_id; /* a=msid; NULL when the section is empty */
    uint16_t sctp_port;
} SdpSection;

typedef struct {
    SdpSection *sections;
    unsigned section_count;
    char *ice_ufrag, *ice_pwd;
    bool ice_lite;
    bool has_tcp_candidate;
    char *fingerprint_hash;  /* "sha-256" */
    char *fingerprint_value; /* "AA:BB:..." upper case */
    SdpSetup setup;          /* of the first section that has one */
    char **candidates;       /* "candidate:..." */
    unsigned candidate_count;
} SessionDescription;

/* NULL with a sentence in `ret_error` (static text, may be NULL) for text that is no usable
 * description: no section, no ICE credentials, no fingerprint, too large. */
SessionDescription *session_description_parse(const char *text, size_t size,
                                              const char **ret_error);
void session_description_free(SessionDescription *description);

typedef struct {
    const char *ice_ufrag, *ice_pwd;
    const char *fingerprint_value; /* sha-256 */
    SdpSetup setup;                /* SDP_SETUP_ACTIVE unless the offer says active */
    const char *const *candidates; /* "candidate:..." lines without "a=" */
    unsigned candidate_count;
    bool end_of_candidates; /* no others follow by trickle */
    uint64_t session_id;
    unsigned session_version;
} SdpAnswerOptions;

/* The answer's text: every section in its place with its mid, every codec of ours and its rtx
 * accepted (never RED), recvonly where the offer sends, inactive where it is empty, no header
 * extensions, nack and nack pli where offered, no REMB and no transport-cc. Free with free(). */
char *session_description_answer(const SessionDescription *offer, const SdpAnswerOptions *options);
