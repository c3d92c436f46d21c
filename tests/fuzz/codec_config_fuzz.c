/* The first frame of a track, out of which a container's header is made. */
#include <libavutil/log.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "sink/codec_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Codec codecs[] = {CODEC_H264, CODEC_H265, CODEC_VP8, CODEC_VP9, CODEC_AV1,
                                   CODEC_OPUS, CODEC_PCMU, CODEC_AAC, CODEC_MP3, CODEC_PCM};
    if (size < 6)
        return 0;
    av_log_set_level(AV_LOG_QUIET);
    uint8_t *bytes = malloc(size - 5);
    require(bytes);
    memcpy(bytes, data + 5, size - 5);
    const Frame frame = {
        .codec = codecs[data[0] % (sizeof codecs / sizeof *codecs)],
        .is_key = true,
        .width = (uint16_t)(data[1] << 8 | data[2]),
        .height = (uint16_t)(data[3] << 8 | data[4]),
        .data = bytes,
        .size = size - 5,
        .capacity = size - 5,
    };
    AVCodecParameters *parameters = codec_config_new(&frame);
    avcodec_parameters_free(&parameters);
    free(bytes);
    return 0;
}
