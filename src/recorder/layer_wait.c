#include "recorder/layer_wait.h"

#include "base/clock.h"

#define PATIENCE_NS (3 * NS_PER_SECOND)

bool layer_wait_refuses(LayerWait *wait, const Frame *frame)
{
    if (wait->longest == 0)
        return false;
    if (wait->deadline_ns == 0)
        wait->deadline_ns = frame->arrival_ns + PATIENCE_NS;
    const uint32_t longest = frame->width > frame->height ? frame->width : frame->height;
    const bool is_it = longest <= wait->longest;
    const bool is_late = frame->arrival_ns >= wait->deadline_ns;
    if (!frame->is_key || (!is_it && !is_late))
        return true;
    wait->longest = 0;
    return false;
}
