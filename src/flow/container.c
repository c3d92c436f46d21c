#include "flow/container.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define TAKES(codec) (1U << (codec))
#define TAKES_ALL                                                                                  \
    (TAKES(CODEC_H264) | TAKES(CODEC_H265) | TAKES(CODEC_VP8) | TAKES(CODEC_VP9) |                 \
     TAKES(CODEC_AV1) | TAKES(CODEC_OPUS) | TAKES(CODEC_PCMU) | TAKES(CODEC_PCMA) |                \
     TAKES(CODEC_AAC))

typedef struct {
    const char *name;
    const char *extension;
    unsigned takes;
    bool is_fragmented, has_no_times;
} ContainerRow;

static const ContainerRow containers[CONTAINER_COUNT] = {
    [CONTAINER_AUTO] = {"auto", "", TAKES_ALL, false, false},
    [CONTAINER_MP4] = {"mp4", "mp4",
                       TAKES(CODEC_H264) | TAKES(CODEC_H265) | TAKES(CODEC_VP9) | TAKES(CODEC_AV1) |
                           TAKES(CODEC_OPUS) | TAKES(CODEC_AAC),
                       true, false},
    [CONTAINER_WEBM] = {"webm", "webm",
                        TAKES(CODEC_VP8) | TAKES(CODEC_VP9) | TAKES(CODEC_AV1) | TAKES(CODEC_OPUS),
                        false, false},
    [CONTAINER_MKV] = {"mkv", "mkv", TAKES_ALL, false, false},
    [CONTAINER_OGG] = {"ogg", "ogg", TAKES(CODEC_OPUS), false, false},
    [CONTAINER_MPEGTS] = {"mpegts", "ts", TAKES(CODEC_H264) | TAKES(CODEC_H265) | TAKES(CODEC_AAC),
                          false, false},
    [CONTAINER_M4A] = {"m4a", "m4a", TAKES(CODEC_AAC), true, false},
    [CONTAINER_MP3] = {"mp3", "mp3", TAKES(CODEC_MP3), false, true},
    [CONTAINER_WAV] = {"wav", "wav", TAKES(CODEC_PCM), false, true},
};

const char *container_name(Container container)
{
    return containers[container].name;
}

const char *container_extension(Container container)
{
    return containers[container].extension;
}

bool container_from_name(const char *name, Container *ret_container)
{
    for (Container container = CONTAINER_AUTO; container < CONTAINER_COUNT; container++) {
        if (strcasecmp(name, containers[container].name) == 0) {
            *ret_container = container;
            return true;
        }
    }
    return false;
}

bool container_from_extension(const char *extension, Container *ret_container)
{
    for (Container container = CONTAINER_MP4; container < CONTAINER_COUNT; container++) {
        if (strcasecmp(extension, containers[container].extension) == 0) {
            *ret_container = container;
            return true;
        }
    }
    return false;
}

bool container_holds_pictures(Container container)
{
    return container_takes(container, CODEC_H264) || container_takes(container, CODEC_VP8);
}

bool container_is_fragmented(Container container)
{
    return containers[container].is_fragmented;
}

bool container_keeps_times(Container container)
{
    return !containers[container].has_no_times;
}

bool container_takes(Container container, Codec codec)
{
    return (containers[container].takes & TAKES(codec)) != 0;
}

static bool takes_all(Container container, const Codec *codecs, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!container_takes(container, codecs[i]))
            return false;
    }
    return true;
}

Container container_for(const Codec *codecs, unsigned count)
{
    if (count > 0 && takes_all(CONTAINER_OGG, codecs, count))
        return CONTAINER_OGG;
    for (Container container = CONTAINER_MP4; container < CONTAINER_MKV; container++) {
        if (takes_all(container, codecs, count))
            return container;
    }
    return CONTAINER_MKV;
}

void container_alternatives(const Codec *codecs, unsigned count, char *ret_text, unsigned size)
{
    size_t used = 0;
    if (size == 0)
        return;
    for (Container container = CONTAINER_MP4; container < CONTAINER_COUNT; container++) {
        const char *separator = used > 0 ? ", " : "";
        const char *name = containers[container].name;
        const size_t needed = strlen(separator) + strlen(name);
        if (!takes_all(container, codecs, count) || needed >= size - used)
            continue;
        memcpy(ret_text + used, separator, strlen(separator));
        memcpy(ret_text + used + strlen(separator), name, strlen(name));
        used += needed;
    }
    ret_text[used] = '\0';
}
