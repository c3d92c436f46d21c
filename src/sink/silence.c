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

int64_t silence_packet_ns(Codec codec)
{
    return codec == CODEC_AAC ? INT64_C(1024) * 1000000000 / 48000 : INT64_C(20) * 1000000;
}

const uint8_t *silence_packet(Codec codec, size_t *ret_size)
{
    if (codec == CODEC_OPUS) {
        *ret_size = sizeof opus;
        return opus;
    }
    if (codec == CODEC_AAC) {
        *ret_size = sizeof aac;
        return aac;
    }
    if (codec == CODEC_PCMU || codec == CODEC_PCMA) {
        *ret_size = sizeof pcmu;
        return codec == CODEC_PCMU ? pcmu : pcma;
    }
    return NULL;
}
