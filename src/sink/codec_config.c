#include "sink/codec_config.h"

#include <libavutil/channel_layout.h>
#include <libavutil/mem.h>
#include <libavutil/pixfmt.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "flow/nal_units.h"
#include "flow/obu.h"

#define MAX_EXTRADATA 4096
#define MP3_DELAY_SAMPLES 1105 /* of LAME and its decoder together */

enum AVCodecID codec_config_id(Codec codec)
{
    static const enum AVCodecID ids[CODEC_COUNT] = {
        [CODEC_H264] = AV_CODEC_ID_H264,      [CODEC_H265] = AV_CODEC_ID_HEVC,
        [CODEC_VP8] = AV_CODEC_ID_VP8,        [CODEC_VP9] = AV_CODEC_ID_VP9,
        [CODEC_AV1] = AV_CODEC_ID_AV1,        [CODEC_OPUS] = AV_CODEC_ID_OPUS,
        [CODEC_PCMU] = AV_CODEC_ID_PCM_MULAW, [CODEC_PCMA] = AV_CODEC_ID_PCM_ALAW,
        [CODEC_AAC] = AV_CODEC_ID_AAC,        [CODEC_MP3] = AV_CODEC_ID_MP3,
        [CODEC_PCM] = AV_CODEC_ID_PCM_S16LE,
    };
    return ids[codec];
}

Codec codec_config_codec(enum AVCodecID id)
{
    for (unsigned codec = CODEC_UNKNOWN + 1; codec < CODEC_COUNT; codec++) {
        if (codec_config_id(codec) == id)
            return codec;
    }
    return CODEC_UNKNOWN;
}

static void set_extradata(AVCodecParameters *parameters, const ByteWriter *bytes)
{
    parameters->extradata = av_mallocz(bytes->size + AV_INPUT_BUFFER_PADDING_SIZE);
    require(parameters->extradata != NULL);
    memcpy(parameters->extradata, bytes->data, bytes->size);
    parameters->extradata_size = (int)bytes->size;
}

/* One bit for each kind of parameter set; 0 for other NAL units (H.264 7.4.1, H.265 7.4.2.2). */
static unsigned parameter_set(Codec codec, uint8_t first_byte)
{
    if (codec == CODEC_H264) {
        const unsigned type = first_byte & 0x1f;
        return type == 7 ? 1 : type == 8 ? 2 : 0;
    }
    const unsigned type = (first_byte >> 1) & 0x3f;
    return type == 33 ? 1 : type == 34 ? 2 : type == 32 ? 4 : 0;
}

static bool fill_parameter_sets(AVCodecParameters *parameters, const Frame *frame)
{
    uint8_t buffer[MAX_EXTRADATA];
    ByteWriter bytes = byte_writer(buffer, sizeof buffer);
    unsigned seen = 0;
    NalUnit unit = nal_unit_first(frame->data, frame->size);
    for (; unit.data != NULL; unit = nal_unit_next(&unit)) {
        const unsigned kind = unit.size > 1 ? parameter_set(frame->codec, unit.data[0]) : 0;
        if (kind == 0)
            continue;
        seen |= kind;
        bytes_write_u32(&bytes, 1);
        bytes_write_span(&bytes, unit.data, unit.size);
    }
    if (bytes.failed || seen != (frame->codec == CODEC_H264 ? 3U : 7U))
        return false;
    set_extradata(parameters, &bytes);
    return true;
}

/* The sequence header OBU (AV1 5.3), from which the muxer makes its av1C. */
static bool fill_sequence_header(AVCodecParameters *parameters, const Frame *frame)
{
    uint8_t buffer[MAX_EXTRADATA];
    ByteReader reader = byte_reader(frame->data, frame->size);
    Obu obu;
    while (obu_next(&reader, &obu)) {
        if (obu.type != OBU_SEQUENCE_HEADER || obu.payload_size > 0x7f)
            continue;
        ByteWriter bytes = byte_writer(buffer, sizeof buffer);
        bytes_write_u8(&bytes, 0x0a);
        bytes_write_u8(&bytes, (uint8_t)obu.payload_size);
        bytes_write_span(&bytes, obu.payload, obu.payload_size);
        set_extradata(parameters, &bytes);
        return true;
    }
    return false;
}

/* Profile and pixel format from the uncompressed header (VP9 6.2, color_config 6.2.2). */
static bool fill_vp9(AVCodecParameters *parameters, const Frame *frame)
{
    BitReader bits = bit_reader(frame->data, frame->size);
    if (bits_read(&bits, 2) != 2)
        return false;
    const uint32_t low = bits_read(&bits, 1);
    const uint32_t profile = low | bits_read(&bits, 1) << 1;
    if (profile == 3)
        bits_read(&bits, 1);
    const bool shows_existing = bits_read(&bits, 1) != 0;
    const bool is_inter = bits_read(&bits, 1) != 0;
    bits_read(&bits, 2);
    if (shows_existing || is_inter || bits_read(&bits, 24) != 0x498342)
        return false;
    const bool is_12_bit = profile >= 2 && bits_read(&bits, 1) != 0;
    if (bits_failed(&bits))
        return false;
    parameters->profile = (int)profile;
    if (profile >= 2)
        parameters->format = is_12_bit ? AV_PIX_FMT_YUV420P12 : AV_PIX_FMT_YUV420P10;
    else
        parameters->format = profile == 1 ? AV_PIX_FMT_YUV444P : AV_PIX_FMT_YUV420P;
    return true;
}

static bool fill_video(AVCodecParameters *parameters, const Frame *frame)
{
    parameters->width = frame->width;
    parameters->height = frame->height;
    parameters->format = AV_PIX_FMT_YUV420P;
    if (frame->width == 0 || frame->height == 0)
        return false;
    if (frame->codec == CODEC_H264 || frame->codec == CODEC_H265)
        return fill_parameter_sets(parameters, frame);
    if (frame->codec == CODEC_AV1)
        return fill_sequence_header(parameters, frame);
    if (frame->codec == CODEC_VP9)
        return fill_vp9(parameters, frame);
    return true;
}

static void fill_opus(AVCodecParameters *parameters)
{
    uint8_t buffer[19];
    ByteWriter bytes = byte_writer(buffer, sizeof buffer);
    bytes_write_span(&bytes, (const uint8_t *)"OpusHead", 8);
    bytes_write_u8(&bytes, 1);
    bytes_write_u8(&bytes, 2);
    /* No pre-skip: these packets come from the middle of an encoder's stream, and muxers would move
     * the sound by it. */
    bytes_write_u16(&bytes, 0);
    bytes_write_u32(&bytes, 0x80bb0000); /* 48000, little-endian */
    bytes_write_u16(&bytes, 0);
    bytes_write_u8(&bytes, 0);
    set_extradata(parameters, &bytes);
}

static AVCodecParameters *parameters_new(Codec codec)
{
    AVCodecParameters *parameters = avcodec_parameters_alloc();
    require(parameters != NULL);
    parameters->codec_id = codec_config_id(codec);
    parameters->codec_type =
        codec_kind(codec) == TRACK_VIDEO ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO;
    return parameters;
}

/* AudioSpecificConfig (ISO 14496-3 1.6): AAC-LC, 48 kHz, stereo. */
static void fill_aac(AVCodecParameters *parameters)
{
    static const uint8_t config[] = {0x11, 0x90};
    ByteWriter bytes = byte_writer((uint8_t[sizeof config]){0}, sizeof config);
    bytes_write_span(&bytes, config, sizeof config);
    set_extradata(parameters, &bytes);
    parameters->profile = FF_PROFILE_AAC_LOW;
    parameters->frame_size = 1024;
}

/* The encoder's delay, which the file tells so that players leave it out. */
static void fill_mp3(AVCodecParameters *parameters)
{
    parameters->frame_size = 1152;
    parameters->initial_padding = MP3_DELAY_SAMPLES;
}

static void fill_pcm(AVCodecParameters *parameters)
{
    const int bits = parameters->codec_id == AV_CODEC_ID_PCM_S16LE ? 16 : 8;
    const int channels = parameters->ch_layout.nb_channels;
    parameters->bits_per_coded_sample = bits;
    parameters->block_align = channels * bits / 8;
    parameters->bit_rate = (int64_t)parameters->sample_rate * channels * bits;
}

AVCodecParameters *codec_config_new_audio(Codec codec)
{
    const bool is_g711 = codec == CODEC_PCMU || codec == CODEC_PCMA;
    if (codec_kind(codec) != TRACK_AUDIO)
        return NULL;
    AVCodecParameters *parameters = parameters_new(codec);
    av_channel_layout_default(&parameters->ch_layout, is_g711 ? 1 : 2);
    parameters->sample_rate = (int)codec_clock_rate(codec);
    if (codec == CODEC_OPUS) {
        parameters->frame_size = 960;
        fill_opus(parameters);
    } else if (codec == CODEC_AAC) {
        fill_aac(parameters);
    } else if (codec == CODEC_MP3) {
        fill_mp3(parameters);
    } else {
        fill_pcm(parameters);
    }
    return parameters;
}

AVCodecParameters *codec_config_new(const Frame *frame)
{
    if (codec_kind(frame->codec) == TRACK_AUDIO)
        return codec_config_new_audio(frame->codec);
    if (!frame->is_key)
        return NULL;
    AVCodecParameters *parameters = parameters_new(frame->codec);
    if (!fill_video(parameters, frame))
        avcodec_parameters_free(&parameters);
    return parameters;
}
