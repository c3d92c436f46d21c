#include "sink/silence.h"

#define FILL_8(byte) byte, byte, byte, byte, byte, byte, byte, byte
#define FILL_32(byte) FILL_8(byte), FILL_8(byte), FILL_8(byte), FILL_8(byte)
#define FILL_160(byte) FILL_32(byte), FILL_32(byte), FILL_32(byte), FILL_32(byte), FILL_32(byte)

/* CELT, full band, 20 ms, stereo no, one frame; its range coder data say "silence" (RFC 6716). */
static const uint8_t opus[] = {0xf8, 0xff, 0xfe};
static const uint8_t pcmu[] = {FILL_160(0xff)}; /* G.711: zero in each law */
static const uint8_t pcma[] = {FILL_160(0xd5)};

/* AAC-LC, a channel pair whose spectra are all zero (ISO 14496-3). */
static const uint8_t aac[] = {0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c};

/* 20 ms of stereo. */
static const uint8_t pcm[960 * 2 * 2];

/* MPEG-1 layer III, 64 kbit/s, 48 kHz, joint stereo, no checksum; no bit of main data (ISO 11172-3
 * 2.4.1). */
static const uint8_t mp3[192] = {0xff, 0xfb, 0x54, 0x44};

typedef struct {
    const uint8_t *data;
    size_t size;
    int64_t samples, rate;
} Silence;

static const Silence silences[CODEC_COUNT] = {
    [CODEC_OPUS] = {opus, sizeof opus, 960, 48000}, [CODEC_AAC] = {aac, sizeof aac, 1024, 48000},
    [CODEC_PCMU] = {pcmu, sizeof pcmu, 160, 8000},  [CODEC_PCMA] = {pcma, sizeof pcma, 160, 8000},
    [CODEC_MP3] = {mp3, sizeof mp3, 1152, 48000},   [CODEC_PCM] = {pcm, sizeof pcm, 960, 48000},
};

int64_t silence_packet_ns(Codec codec)
{
    return silences[codec].samples * 1000000000 / silences[codec].rate;
}

const uint8_t *silence_packet(Codec codec, size_t *ret_size)
{
    *ret_size = silences[codec].size;
    return silences[codec].data;
}
