#include "flow/format.h"

#include <stdio.h>
#include <strings.h>

#define KEEP(codec) (1U << (codec))
#define KEEP_ALL (~0U)
#define IN_MP4 (KEEP(CODEC_H264) | KEEP(CODEC_H265) | KEEP(CODEC_VP9) | KEEP(CODEC_AV1))
#define IN_WEBM (KEEP(CODEC_VP8) | KEEP(CODEC_VP9) | KEEP(CODEC_AV1) | KEEP(CODEC_OPUS))

static const Format formats[] = {
    {"h264", "H.264 and AAC in MP4", CONTAINER_MP4, KEEP(CODEC_H264), ENCODING_H264, ENCODING_AAC},
    {"av1", "AV1 and AAC in MP4, encoded with libaom", CONTAINER_MP4, KEEP(CODEC_AV1), ENCODING_AV1,
     ENCODING_AAC},
    {"svtav1", "AV1 and AAC in MP4, encoded with SVT-AV1", CONTAINER_MP4, KEEP(CODEC_AV1),
     ENCODING_SVTAV1, ENCODING_AAC},
    {"vp9", "VP9 and Opus in WebM", CONTAINER_WEBM, KEEP(CODEC_VP9) | KEEP(CODEC_OPUS),
     ENCODING_VP9, ENCODING_OPUS},
    {"mp4",
     "MP4: H.264, H.265, VP9 and AV1 as published, the rest as H.264; AAC where a preset is given",
     CONTAINER_MP4, IN_MP4, ENCODING_H264, ENCODING_AAC},
    {"webm", "WebM: VP8, VP9 and AV1 as published, the rest as VP9; Opus", CONTAINER_WEBM, IN_WEBM,
     ENCODING_VP9, ENCODING_OPUS},
    {"mkv", "Matroska: every codec as published, too large pictures as H.264", CONTAINER_MKV,
     KEEP_ALL, ENCODING_H264, ENCODING_OPUS},
    {"mpegts", "H.264 and AAC in MPEG-TS", CONTAINER_MPEGTS, KEEP(CODEC_H264), ENCODING_H264,
     ENCODING_AAC},
    {"ogg", "sound alone: Opus in Ogg", CONTAINER_OGG, KEEP(CODEC_OPUS), ENCODING_NONE,
     ENCODING_OPUS},
    {"m4a", "sound alone: AAC in MP4", CONTAINER_M4A, KEEP(CODEC_AAC), ENCODING_NONE, ENCODING_AAC},
    {"mp3", "sound alone: MP3", CONTAINER_MP3, KEEP(CODEC_MP3), ENCODING_NONE, ENCODING_MP3},
    {"wav", "sound alone: PCM of 16 bits in WAV", CONTAINER_WAV, KEEP(CODEC_PCM), ENCODING_NONE,
     ENCODING_PCM},
    {"auto", "the first of mp4, webm, mkv that takes the codecs; ogg for Opus alone; never encodes",
     CONTAINER_AUTO, KEEP_ALL, ENCODING_NONE, ENCODING_NONE},
};

static const Quality qualities[] = {
    {"low", "up to 720p; what is encoded: 1 Mbit/s and 64 kbit/s", 1280, 720, 1000000, 64000},
    {"medium", "up to 1080p; what is encoded: 2 Mbit/s and 128 kbit/s", 1920, 1080, 2000000,
     128000},
    {"high", "up to 1080p; what is encoded: 4 Mbit/s and 192 kbit/s", 1920, 1080, 4000000, 192000},
    {"source", "the best published layer, nothing is encoded", 0, 0, 0, 0},
};

static const Quality unnamed = {"default", "the best published layer", 0, 0, 4000000, 192000};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const Format *format_at(unsigned index)
{
    return index < COUNT(formats) ? &formats[index] : NULL;
}

const Format *format_find(const char *name)
{
    for (unsigned i = 0; i < COUNT(formats); i++) {
        if (strcasecmp(name, formats[i].name) == 0)
            return &formats[i];
    }
    return NULL;
}

const Format *format_for(Container container)
{
    return format_find(container_name(container));
}

const Quality *quality_at(unsigned index)
{
    return index < COUNT(qualities) ? &qualities[index] : NULL;
}

const Quality *quality_find(const char *name)
{
    for (unsigned i = 0; i < COUNT(qualities); i++) {
        if (strcasecmp(name, qualities[i].name) == 0)
            return &qualities[i];
    }
    return NULL;
}

const Quality *quality_default(void)
{
    return &unnamed;
}

/* Opus goes into MP4, but little outside browsers plays it there, and AAC costs little beside a
 * picture: so only who names no preset, or `source`, gets it as published. */
static bool keeps_sound(const Format *format, const Quality *quality, Codec codec)
{
    const bool is_preset = quality->video_bitrate > 0 && quality->max_height > 0;
    const bool is_strict = format->keeps != IN_MP4;
    const bool wants_aac = format->audio == ENCODING_AAC && (is_preset || is_strict);
    if (quality->audio_bitrate == 0 || !wants_aac)
        return container_takes(format->container, codec);
    return codec == CODEC_AAC;
}

bool format_keeps(const Format *format, const Quality *quality, Codec codec)
{
    if (codec_kind(codec) == TRACK_AUDIO)
        return keeps_sound(format, quality, codec);
    return container_takes(format->container, codec) && (format->keeps & KEEP(codec)) != 0;
}

Encoding format_encoding(const Format *format, const Quality *quality, TrackKind kind)
{
    if (quality->video_bitrate == 0)
        return ENCODING_NONE;
    return kind == TRACK_VIDEO ? format->video : format->audio;
}

Encoding format_main_encoding(const Format *format)
{
    return format->video != ENCODING_NONE ? format->video : format->audio;
}

bool format_encodes(const Format *format)
{
    return format->video != ENCODING_NONE || format->audio != ENCODING_NONE;
}

bool format_is_sound_alone(const Format *format)
{
    return !container_holds_pictures(format->container);
}

void format_list(char *ret_text, unsigned size)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (unsigned i = 0; i < COUNT(formats) && used < size; i++)
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 formats[i].name);
}
