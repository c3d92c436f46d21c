#include "flow/track.h"

const char *track_source_name(TrackSource source)
{
    switch (source) {
    case SOURCE_CAMERA:
        return "camera";
    case SOURCE_MICROPHONE:
        return "microphone";
    case SOURCE_SCREEN_SHARE:
        return "screen_share";
    case SOURCE_SCREEN_SHARE_AUDIO:
        return "screen_share_audio";
    case SOURCE_UNKNOWN:
        break;
    }
    return "unknown";
}

const char *treatment_name(Treatment treatment)
{
    static const char *const names[] = {
        [TREATMENT_PASSTHROUGH] = "passthrough",
        [TREATMENT_LAYER] = "layer",
        [TREATMENT_TRANSCODE] = "transcode",
        [TREATMENT_REFUSED] = "refused",
    };
    return names[treatment];
}

void track_counters_hot_memory(const TrackCounters *counters, HotMemory *hot)
{
    for (Stage stage = STAGE_RECEIVE; stage <= STAGE_QUEUE; stage++)
        hot_memory_add(hot, &counters->ledger.rows[stage], offsetof(LedgerRow, dropped));
    hot_memory_add(hot, &counters->packets,
                   offsetof(TrackCounters, frames_written) - offsetof(TrackCounters, packets));
}
