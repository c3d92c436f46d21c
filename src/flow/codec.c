#include "flow/codec.h"

#include <stddef.h>
#include <strings.h>

typedef struct {
    const char *name;
    TrackKind kind;
    uint32_t clock_rate;
} CodecRow;

static const CodecRow codecs[CODEC_COUNT] = {
    [CODEC_UNKNOWN] = {"unknown", TRACK_VIDEO, 0}, [CODEC_H264] = {"H264", TRACK_VIDEO, 90000},
    [CODEC_H265] = {"H265", TRACK_VIDEO, 90000},   [CODEC_VP8] = {"VP8", TRACK_VIDEO, 90000},
    [CODEC_VP9] = {"VP9", TRACK_VIDEO, 90000},     [CODEC_AV1] = {"AV1", TRACK_VIDEO, 90000},
    [CODEC_OPUS] = {"opus", TRACK_AUDIO, 48000},   [CODEC_PCMU] = {"PCMU", TRACK_AUDIO, 8000},
    [CODEC_PCMA] = {"PCMA", TRACK_AUDIO, 8000},    [CODEC_AAC] = {"AAC", TRACK_AUDIO, 48000},
    [CODEC_MP3] = {"MP3", TRACK_AUDIO, 48000},     [CODEC_PCM] = {"PCM", TRACK_AUDIO, 48000},
};

const char *track_kind_name(TrackKind kind)
{
    return kind == TRACK_AUDIO ? "audio" : "video";
}

const char *codec_name(Codec codec)
{
    return codecs[codec].name;
}

TrackKind codec_kind(Codec codec)
{
    return codecs[codec].kind;
}

uint32_t codec_clock_rate(Codec codec)
{
    return codecs[codec].clock_rate;
}

/* "video/VP8" is also the name of a VP8 track; "audio/VP8" is not. */
static const char *without_kind(const char *name, TrackKind kind)
{
    const char *prefix = kind == TRACK_AUDIO ? "audio/" : "video/";
    return strncasecmp(name, prefix, 6) == 0 ? name + 6 : name;
}

Codec codec_from_name(const char *name)
{
    if (name == NULL)
        return CODEC_UNKNOWN;
    for (Codec codec = CODEC_UNKNOWN + 1; codec <= CODEC_PCMA; codec++) {
        if (strcasecmp(without_kind(name, codecs[codec].kind), codecs[codec].name) == 0)
            return codec;
    }
    return CODEC_UNKNOWN;
}

int64_t codec_decoder_delay_ns(Codec codec)
{
    return codec == CODEC_OPUS ? INT64_C(6500000) : 0;
}
