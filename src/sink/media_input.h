/* Opens a file of this machine for reading: never another protocol, no playlist, no format but
 * those that recordings have, of MEDIA_INPUT_MAX_STREAMS streams at most. FFmpeg's single
 * allocations are bounded by 512 MiB from then on, for the whole process. Thread: any; blocks. The
 * file is untrusted. Errors are FFmpeg's numbers (negative). */
#pragma once

#include <libavformat/avformat.h>

#define MEDIA_INPUT_MAX_STREAMS 64

/* `ret_format` is NULL on an error, else the caller's (avformat_close_input). */
int media_input_open(const char *path, AVFormatContext **ret_format);
