/* The codecs that a room can carry, under LiveKit's names, and those of files alone.
 * Thread: any; values only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum { TRACK_AUDIO, TRACK_VIDEO } TrackKind;

typedef enum {
    CODEC_UNKNOWN,
    CODEC_H264,
    CODEC_H265,
    CODEC_VP8,
    CODEC_VP9,
    CODEC_AV1,
    CODEC_OPUS,
    CODEC_PCMU,
    CODEC_PCMA,
    /* of files only */
    CODEC_AAC,
    CODEC_MP3,
    CODEC_PCM, /* 16 bit */
    CODEC_COUNT,
} Codec;

const char *track_kind_name(TrackKind kind); /* "audio", "video" */
const char *codec_name(Codec codec);         /* "H264", "opus", ...; as in an SDP rtpmap */
TrackKind codec_kind(Codec codec);
uint32_t codec_clock_rate(Codec codec); /* RTP ticks a second */

/* How much later than its timestamp says the content of a packet comes out of a decoder: an Opus
 * encoder looks 312 samples ahead (RFC 7845 section 5.1 calls it pre-skip). */
int64_t codec_decoder_delay_ns(Codec codec);

/* "video/VP8" or "VP8", any case; CODEC_UNKNOWN for what a room does not carry. */
Codec codec_from_name(const char *name);
