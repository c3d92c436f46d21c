/* A media file from a stranger, through `inspect` and all that opens a file again. */
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "sink/inspect.h"

#define FILE_MAX_BYTES (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Inspection inspection;
    char error[256];
    if (size > FILE_MAX_BYTES)
        return 0;
    av_log_set_level(AV_LOG_QUIET);
    if (!inspect_file(fuzz_file(data, size), &inspection, error, sizeof error)) {
        require(strlen(error) > 0);
        return 0;
    }
    require(inspection.track_count > 0 && inspection.track_count <= INSPECT_MAX_TRACKS);
    require(inspection.bytes == size);
    for (unsigned i = 0; i < inspection.track_count; i++)
        require(inspection.tracks[i].duration_ns >= 0);
    return 0;
}
