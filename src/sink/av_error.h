/* Says in an Outcome what an error of FFmpeg or of the system means for a file.
 * Thread: any. */
#pragma once

#include "flow/outcome.h"

/* `error` is FFmpeg's (negative). `action` begins the sentence: "Cannot write". A full disk, quota
 * or file size limit is CODE_DISK_FULL, an existing file CODE_OUTPUT_EXISTS, all else
 * CODE_WRITE_FAILED. */
void av_error_outcome(Outcome *outcome, int error, const char *action, const char *path);
