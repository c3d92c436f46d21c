/* What FFmpeg's libraries have to say goes to our log, as debug lines, instead of past it to
 * standard error.
 * Thread: main, once, before anything else of this folder; the lines come from any. */
#pragma once

void av_lines_to_log(void);
