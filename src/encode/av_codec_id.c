#include "encode/av_codec_id.h"

enum AVCodecID av_codec_id(Codec codec)
{
    switch (codec) {
    case CODEC_H264:
        return AV_CODEC_ID_H264;
    case CODEC_H265:
        return AV_CODEC_ID_HEVC;
    case CODEC_VP8:
        return AV_CODEC_ID_VP8;
    case CODEC_VP9:
        return AV_CODEC_ID_VP9;
    case CODEC_AV1:
        return AV_CODEC_ID_AV1;
    case CODEC_OPUS:
        return AV_CODEC_ID_OPUS;
    case CODEC_PCMU:
        return AV_CODEC_ID_PCM_MULAW;
    case CODEC_PCMA:
        return AV_CODEC_ID_PCM_ALAW;
    case CODEC_AAC:
        return AV_CODEC_ID_AAC;
    case CODEC_MP3:
        return AV_CODEC_ID_MP3;
    case CODEC_PCM:
        return AV_CODEC_ID_PCM_S16LE;
    case CODEC_UNKNOWN:
    case CODEC_COUNT:
        break;
    }
    return AV_CODEC_ID_NONE;
}
