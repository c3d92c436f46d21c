#include "sink/av_lines.h"

#include <libavutil/log.h>
#include <stddef.h>

#include "base/log.h"

#define LINE_MAX_BYTES 512

/* Lines that come in pieces stay in pieces: they are rare and for developers only. */
static void take_line(void *object, int level, const char *format, va_list arguments)
{
    if (level > AV_LOG_WARNING || !log_enabled(LOG_DEBUG))
        return;
    char line[LINE_MAX_BYTES];
    int has_prefix = 1;
    int length =
        av_log_format_line2(object, level, format, arguments, line, sizeof line, &has_prefix);
    if (length >= (int)sizeof line)
        length = (int)sizeof line - 1;
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == ' '))
        line[--length] = '\0';
    if (length > 0)
        log_line(LOG_DEBUG, "ffmpeg", NULL, "%s", line);
}

void av_lines_to_log(void)
{
    av_log_set_callback(take_line);
}
