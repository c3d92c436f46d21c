#include "sink/media_input.h"

#include <libavutil/avstring.h>

#include "base/check.h"

int media_input_open(const char *path, AVFormatContext **ret_format)
{
    AVDictionary *options = NULL;
    *ret_format = NULL;
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
