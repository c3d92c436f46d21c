#include "sink/media_input.h"

#include <libavutil/avstring.h>
#include <libavutil/mem.h>

#include "base/check.h"

/* A box of a few bytes can claim four billion samples; this is the index of five days of sound. */
#define ALLOCATION_MAX_BYTES ((size_t)512 << 20)

int media_input_open(const char *path, AVFormatContext **ret_format)
{
    AVDictionary *options = NULL;
    *ret_format = NULL;
    av_max_alloc(ALLOCATION_MAX_BYTES);
    av_dict_set_int(&options, "max_streams", MEDIA_INPUT_MAX_STREAMS, 0);
    /* A name is a file, never another protocol; playlists would open further files. */
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    av_dict_set(&options, "format_whitelist",
                "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,wav,mp3,mpegts", 0);
    char *url = av_asprintf("file:%s", path);
    require(url != NULL);
    const int error = avformat_open_input(ret_format, url, NULL, &options);
    av_free(url);
    av_dict_free(&options);
    return error;
}
