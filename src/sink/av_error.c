#include "sink/av_error.h"

#include <errno.h>
#include <libavutil/error.h>

static OutcomeCode code_of(int error)
{
    switch (AVUNERROR(error)) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return CODE_DISK_FULL;
    case EEXIST:
        return CODE_OUTPUT_EXISTS;
    default:
        return CODE_WRITE_FAILED;
    }
}

void av_error_outcome(Outcome *outcome, int error, const char *action, const char *path)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, reason, sizeof reason);
    const OutcomeCode code = code_of(error);
    const bool is_gone = AVUNERROR(error) == ENOENT;
    const char *advice = is_gone                      ? " The file, or its folder, was removed."
                         : code == CODE_DISK_FULL     ? " Free some space and record again."
                         : code == CODE_OUTPUT_EXISTS ? " Choose another name."
                                                      : "";
    outcome_set(outcome, OUTCOME_FAILED, code, "%s %s: %s.%s", action, path, reason, advice);
}
