#include "base/clock.h"
#include "recorder/recorder_private.h"

#define SIZE_WINDOW_NS NS_PER_SECOND

/* From the moment on when all the tracks of the beginning were there; not from RECORDING, which
 * comes two seconds later where a header waits for a track that sends nothing. */
static int64_t counted_from_ns(const WebRTCRecorder *recorder)
{
    if (!recorder->started)
        return recorder->subscribed_ns;
    int64_t from_ns = 0;
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        const TrackContext *track = recorder->tracks->pdata[i];
        const int64_t first_ns = atomic_load(&track->counters.first_frame_ns);
        if (first_ns <= recorder->started_ns && first_ns > from_ns)
            from_ns = first_ns;
    }
    return from_ns > 0 ? from_ns : recorder->started_ns;
}

void recorder_check_duration(WebRTCRecorder *recorder, int64_t now_ns)
{
    const int64_t limit_ns = recorder->request->max_duration_ns;
    const int64_t from_ns = counted_from_ns(recorder);
    if (limit_ns > 0 && from_ns > 0 &&
        now_ns - from_ns - recorder_cut_ns(recorder, now_ns) >= limit_ns)
        recorder_end(recorder, END_DURATION);
}

/* ---- size ---- */

static uint64_t file_bytes(const WebRTCRecorder *recorder)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        const OutputSlot *slot = recorder->outputs->pdata[i];
        if (slot->output)
            bytes += output_progress(slot->output).final_bytes;
    }
    return bytes;
}

static uint64_t received_bytes(const WebRTCRecorder *recorder)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        const TrackContext *track = recorder->tracks->pdata[i];
        bytes += ledger_value(&track->counters.bytes);
    }
    return bytes;
}

/* What the encoders may bring in a second. */
static uint64_t encoded_bytes(const WebRTCRecorder *recorder)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        const TrackContext *track = recorder->tracks->pdata[i];
        if (track->encoder)
            bytes += track->encoder_settings.bitrate / 8;
    }
    return bytes;
}

/* Files grow by half-second fragments, so that what came in the last one or two seconds stands for
 * what is not written yet, and the largest burst for what comes before the next look. */
void recorder_check_size(WebRTCRecorder *recorder, int64_t now_ns)
{
    SizeWindow *window = &recorder->size_window;
    const uint64_t limit = recorder->request->max_size;
    if (limit == 0 || !recorder->started)
        return;
    const uint64_t file = file_bytes(recorder), received = received_bytes(recorder);
    const uint64_t grown = MAX(file - window->file, received - window->received);
    window->largest = MAX(window->largest, received - window->seen);
    window->seen = received;
    const uint64_t coming = grown + window->former + window->largest + encoded_bytes(recorder);
    if (file + coming >= limit) {
        recorder_end(recorder, END_MAX_SIZE);
        return;
    }
    if (now_ns - window->since_ns < SIZE_WINDOW_NS)
        return;
    window->since_ns = now_ns;
    window->file = file;
    window->received = received;
    window->former = grown;
}
