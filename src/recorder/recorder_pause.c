#include "base/clock.h"
#include "recorder/recorder_private.h"

/* ---- asked for ---- */

static bool check_state(const WebRTCRecorder *recorder, const char *what, Outcome *ret_refusal)
{
    if (recorder->state == RECORDING_RECORDING)
        return true;
    outcome_set(ret_refusal, OUTCOME_FAILED, CODE_WRONG_STATE,
                "The recording '%.100s' cannot be %s: its state is %s, not recording.",
                recorder->request->mint_id, what, recording_state_name(recorder->state));
    return false;
}

bool webrtc_recorder_pause(WebRTCRecorder *recorder, bool holds, Outcome *ret_refusal)
{
    if (!check_state(recorder, "paused", ret_refusal))
        return false;
    if (!recorder->pauses.is_asked)
        net_session_pause(recorder->net, holds);
    recorder->pauses.is_asked = true;
    return true;
}

bool webrtc_recorder_resume(WebRTCRecorder *recorder, Outcome *ret_refusal)
{
    if (!check_state(recorder, "resumed", ret_refusal))
        return false;
    if (recorder->pauses.is_asked)
        net_session_resume(recorder->net);
    recorder->pauses.is_asked = false;
    return true;
}

/* ---- come about ---- */

static void show_black(const WebRTCRecorder *recorder, int64_t file_ns)
{
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        const TrackContext *track = recorder->tracks->pdata[i];
        if (track->encoder && track->kind == TRACK_VIDEO)
            track_encoder_show_black(track->encoder, file_ns);
    }
}

void recorder_paused(WebRTCRecorder *recorder, const GatePause *pause)
{
    RecorderPauses *pauses = &recorder->pauses;
    pauses->is_open = true;
    pauses->last = *pause;
    if (pauses->count < STATUS_MAX_PAUSES)
        pauses->list[pauses->count++] = (StatusPause){pause->start_ns, INT64_MAX, pause->holds};
    recorder_note(recorder, pause->holds ? "Paused; the time is kept in the file."
                                         : "Paused; the time is cut out.");
    if (pause->holds)
        show_black(recorder, pause->start_ns - pauses->cut_ns);
}

/* What was subscribed meanwhile had nothing to begin with. */
static void renew_patience(WebRTCRecorder *recorder)
{
    const int64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        if (!track->started)
            track->asked_ns = now_ns;
    }
}

void recorder_resumed(WebRTCRecorder *recorder, const GatePause *pause)
{
    RecorderPauses *pauses = &recorder->pauses;
    StatusPause *listed = &pauses->list[pauses->count - 1];
    pauses->is_open = false;
    pauses->total_ns += pause->end_ns - pause->start_ns;
    pauses->cut_ns += pause->cut_ns;
    if (listed->start_ns == pause->start_ns)
        listed->end_ns = pause->end_ns;
    renew_patience(recorder);
    recorder_note(recorder, "Resumed after %.3f s.",
                  (double)(pause->end_ns - pause->start_ns) / (double)NS_PER_SECOND);
}

/* ---- how long ---- */

static int64_t open_ns(const WebRTCRecorder *recorder, int64_t now_ns)
{
    const RecorderPauses *pauses = &recorder->pauses;
    const int64_t end_ns = recorder->stopped_ns > 0 ? recorder->stopped_ns : now_ns;
    return pauses->is_open ? MAX(end_ns - recorder->origin_ns - pauses->last.start_ns, 0) : 0;
}

int64_t recorder_cut_ns(const WebRTCRecorder *recorder, int64_t now_ns)
{
    const RecorderPauses *pauses = &recorder->pauses;
    return pauses->cut_ns + (pauses->last.holds ? 0 : open_ns(recorder, now_ns));
}

int64_t recorder_held_until_ns(const WebRTCRecorder *recorder)
{
    const RecorderPauses *pauses = &recorder->pauses;
    if (!pauses->is_open || !pauses->last.holds)
        return 0;
    return recorder->stopped_ns - recorder->origin_ns - pauses->cut_ns;
}

void recorder_copy_pauses(const WebRTCRecorder *recorder, RecordingStatus *status, int64_t now_ns)
{
    const RecorderPauses *pauses = &recorder->pauses;
    status->paused = pauses->is_asked && recorder->ended_wall_ns == 0;
    status->paused_ns = pauses->total_ns + open_ns(recorder, now_ns);
    status->pauses = calloc(pauses->count + 1, sizeof *status->pauses);
    status->pause_count = pauses->count;
    for (unsigned i = 0; i < pauses->count; i++) {
        status->pauses[i] = pauses->list[i];
        if (recorder->stopped_ns > 0 && status->pauses[i].end_ns == INT64_MAX)
            status->pauses[i].end_ns = recorder->stopped_ns - recorder->origin_ns;
    }
}
