/* What a server's WebSocket brings, cut into reads: however it is cut, the same is counted. The
 * first byte is the size of the reads. */
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "signal/frame_meter.h"

static const char *take_all(FrameMeter *meter, const uint8_t *data, size_t size, size_t step)
{
    const char *reason = NULL;
    frame_meter_init(meter, 0);
    for (size_t at = 0; at < size && reason == NULL; at += step)
        reason = frame_meter_take(meter, data + at, size - at < step ? size - at : step, 0);
    return reason;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    FrameMeter whole, cut;
    const char *reason = take_all(&whole, data + 1, size - 1, size - 1);
    require(take_all(&cut, data + 1, size - 1, data[0] + 1U) == reason);
    require(whole.message_bytes <= FRAME_METER_MESSAGE_BYTES);
    require(cut.message_bytes == whole.message_bytes && cut.pong_bytes == whole.pong_bytes);
    require(cut.window_messages == whole.window_messages);
    require(cut.window_controls == whole.window_controls);
    return 0;
}
