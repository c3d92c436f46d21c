#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "recorder/recorder_private.h"
#include "recorder/verdict.h"

#define NET_STOP_DEADLINE_NS (5 * NS_PER_SECOND)
#define FILES_STOP_DEADLINE_NS (60 * NS_PER_SECOND)
#define UNNOTICED_LOSS_NS NS_PER_SECOND /* an end so soon after a loss may be its reason */

/* ---- judging ---- */

static bool has_media(const WebRTCRecorder *recorder)
{
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        const OutputSlot *slot = recorder->outputs->pdata[i];
        if (slot->file_count > 0)
            return true;
    }
    return false;
}

/* A track that was asked for moments before the end had no time to fail. */
static bool had_time(const WebRTCRecorder *recorder, const TrackContext *track)
{
    return track->asked &&
           recorder->stopped_ns - track->asked_ns >= recorder->environment.config->subscription_ns;
}

/* Published and removed so quickly that nothing could come of it. */
static bool was_taken_back(const WebRTCRecorder *recorder, const TrackContext *track)
{
    const int64_t lasted_ns = track->removed_ns - track->asked_ns;
    return !track->published && track->result.frames == 0 && lasted_ns >= 0 &&
           lasted_ns < recorder->environment.config->subscription_ns;
}

static void judge_track(const WebRTCRecorder *recorder, TrackContext *track)
{
    if (track->result.frames > 0) {
        if (track->outcome.code == CODE_NONE)
            track->outcome = track->encoder_outcome;
        if (track->outcome.code != CODE_NONE)
            track->outcome.kind = OUTCOME_PARTIAL;
        else
            outcome_set(&track->outcome, OUTCOME_COMPLETE, CODE_NONE, "%s", "");
        return;
    }
    if (track->outcome.code != CODE_NONE)
        return;
    g_autofree char *name = recorder_track_name(track);
    const VerdictTrack facts = {
        .name = name,
        .kind = track->kind,
        .ledger = &track->counters.ledger,
        .plis = ledger_value(&track->counters.plis),
        .confirmed = track->confirmed,
        .was_unmuted = track->was_unmuted,
    };
    Outcome outcome;
    verdict_track(&facts, &outcome);
    const bool is_early = outcome.code == CODE_NO_RTP || outcome.code == CODE_SUBSCRIPTION_TIMEOUT;
    if (is_early && was_taken_back(recorder, track))
        outcome_set(&track->outcome, OUTCOME_FAILED, CODE_NO_RTP,
                    "The %s was removed %.3f s after it was published, before anything of it came.",
                    name, (double)(track->removed_ns - track->asked_ns) / (double)NS_PER_SECOND);
    else if (!is_early || had_time(recorder, track))
        track->outcome = outcome;
}

static void judge(WebRTCRecorder *recorder)
{
    g_autofree Outcome *tracks = g_new0(Outcome, recorder->tracks->len + 1);
    g_autofree Outcome *files = g_new0(Outcome, recorder->outputs->len + 1);
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        judge_track(recorder, track);
        /* Which says so itself, and takes nothing away from what was recorded. */
        if (!has_media(recorder) || !was_taken_back(recorder, track))
            tracks[i] = track->outcome;
    }
    for (unsigned i = 0; i < recorder->outputs->len; i++)
        files[i] = ((OutputSlot *)recorder->outputs->pdata[i])->failure;
    const VerdictRecording facts = {
        .has_media = has_media(recorder),
        .was_stopped = recorder->end_reason == END_STOPPED,
        .cause = recorder->cause,
        .tracks = tracks,
        .track_count = recorder->tracks->len,
        .files = files,
        .file_count = recorder->outputs->len,
    };
    verdict_recording(&facts, &recorder->outcome);
}

/* ---- what stays on disk ---- */

static void keep_failed_sidecar(WebRTCRecorder *recorder)
{
    const char *directory = recorder->request->directory ? recorder->request->directory
                                                         : recorder->environment.config->output_dir;
    const OutputPathValues values = {
        .room_name = recorder->room_name ? recorder->room_name : "",
        .room_id = "",
        .publisher_identity = "",
        .track_id = "",
        .track_type = "",
        .track_source = "",
        .mint_id = recorder->request->mint_id,
        .time_wall_ns = recorder->requested_wall_ns,
    };
    Container ignored;
    g_autoptr(GError) error = NULL;
    g_autofree char *stem =
        output_path_stem(directory, "{mint_id}-{time}", &values, &ignored, &error);
    OutputSlot *slot = output_slot_new(recorder->outputs->len, "", false, 0);
    if (stem)
        slot->sidecar = sidecar_new(stem, &error);
    if (!slot->sidecar) {
        log_warning("recorder", recorder->request->mint_id, "%s", error->message);
        output_slot_free(slot);
        return;
    }
    g_ptr_array_add(recorder->outputs, slot);
}

/* Those files that were finished before somebody asked for that; outputs remove their own. */
static void remove_files(const WebRTCRecorder *recorder)
{
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        OutputSlot *slot = recorder->outputs->pdata[i];
        for (unsigned k = 0; k < slot->file_count; k++) {
            if (unlink(slot->files[k].path) != 0)
                log_warning("recorder", recorder->request->mint_id, "Cannot remove %s: %s.",
                            slot->files[k].path, g_strerror(errno));
            g_free(slot->files[k].path);
        }
        slot->file_count = 0;
    }
}

static void close_sidecars(WebRTCRecorder *recorder)
{
    const bool may_keep = recorder->request->keep_failed_sidecar && !recorder->is_discarded;
    bool must_keep = may_keep && !has_media(recorder);
    if (must_keep && recorder->outputs->len == 0)
        keep_failed_sidecar(recorder);
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        OutputSlot *slot = recorder->outputs->pdata[i];
        if (slot->file_count == 0 && !must_keep)
            sidecar_close(g_steal_pointer(&slot->sidecar), false);
        must_keep = must_keep && slot->file_count > 0;
    }
    recorder_write_sidecars(recorder);
    recorder->lacks_sidecar = recorder->lacks_sidecar || recorder->outputs->len == 0;
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        OutputSlot *slot = recorder->outputs->pdata[i];
        if (!slot->sidecar)
            continue;
        g_autofree char *path = g_strdup(sidecar_path(slot->sidecar));
        sidecar_close(g_steal_pointer(&slot->sidecar), true);
        recorder->out.sidecar_closed(recorder->out.owner, path);
    }
}

static void conclude(WebRTCRecorder *recorder)
{
    recorder_end_encoders(recorder);
    judge(recorder);
    if (recorder->is_discarded) {
        remove_files(recorder);
        outcome_set(&recorder->outcome, OUTCOME_FAILED, CODE_CANCELLED,
                    "The recording was discarded, as asked.");
    }
    recorder->ended_wall_ns = recorder_wall_ns(recorder);
    close_sidecars(recorder);
    if (recorder->outcome.code == CODE_NONE)
        log_info("recorder", recorder->request->mint_id, "Recording complete (%s).",
                 end_reason_name(recorder->end_reason));
    else
        log_warning("recorder", recorder->request->mint_id, "Recording %s: %s: %s",
                    outcome_kind_name(recorder->outcome.kind),
                    outcome_code_name(recorder->outcome.code), recorder->outcome.sentence);
    recorder_set_state(recorder, EVENT_CLEANED_UP);
}

/* ---- stopping, step by step ---- */

static bool all_outputs_finished(const WebRTCRecorder *recorder)
{
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        const OutputSlot *slot = recorder->outputs->pdata[i];
        if (!slot->finished)
            return false;
    }
    return true;
}

static void begin_stop(WebRTCRecorder *recorder)
{
    recorder->stopped_ns = clock_monotonic_ns();
    recorder->stop_deadline_ns = recorder->stopped_ns + NET_STOP_DEADLINE_NS;
    recorder_set_state(recorder, EVENT_STOP);
    reconnection_done(&recorder->reconnection, recorder->stopped_ns);
    recorder_forget_offers(recorder);
    recorder_leave(recorder);
    if (recorder->net)
        net_session_stop(recorder->net);
    else
        recorder_net_stopped(recorder);
}

/* Sound alone that is muted at the end is silent up to it; elsewhere the picture tells how long. */
static bool ends_silent(const WebRTCRecorder *recorder, const OutputSlot *slot)
{
    for (unsigned i = 0; i < recorder->tracks->len && recorder->request->audio_only; i++) {
        const TrackContext *track = recorder->tracks->pdata[i];
        if (track->output == slot->index && track->started && track->published && track->muted)
            return true;
    }
    return false;
}

static int64_t lasts_until_ns(const WebRTCRecorder *recorder, const OutputSlot *slot)
{
    const int64_t held_until_ns = recorder_held_until_ns(recorder);
    if (held_until_ns > 0 || recorder->pauses.is_open || !ends_silent(recorder, slot))
        return held_until_ns;
    return recorder->stopped_ns - recorder->origin_ns - recorder->pauses.cut_ns;
}

void recorder_net_stopped(WebRTCRecorder *recorder)
{
    recorder->net_stopped = true;
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        if (!track->encoder)
            bounded_queue_end(track->queue);
    }
    recorder->stop_deadline_ns = clock_monotonic_ns() + FILES_STOP_DEADLINE_NS;
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        OutputSlot *slot = recorder->outputs->pdata[i];
        slot->stopping = true;
        output_hold_until(slot->output, lasts_until_ns(recorder, slot));
        output_stop(slot->output, true);
    }
    if (recorder->outputs->len == 0)
        conclude(recorder);
}

void recorder_discard_outputs(WebRTCRecorder *recorder)
{
    recorder_end_encoders(recorder);
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        OutputSlot *slot = recorder->outputs->pdata[i];
        if (slot->output)
            output_discard(slot->output);
    }
}

static void take_track_result(WebRTCRecorder *recorder, const OutputTrackResult *result)
{
    TrackContext *track = recorder_track(recorder, result->track_id);
    if (!track)
        return;
    track->result = *result;
    track->has_result = true;
}

void recorder_output_finished(WebRTCRecorder *recorder, OutputSlot *slot,
                              const OutputResult *result)
{
    for (unsigned i = 0; i < result->track_count; i++)
        take_track_result(recorder, &result->tracks[i]);
    output_slot_finish(slot, result);
    if (all_outputs_finished(recorder))
        conclude(recorder);
}

/* Nothing can be taken from a thread that hangs: the step is named, and waited for. */
void recorder_check_stop_deadline(WebRTCRecorder *recorder, int64_t now_ns)
{
    if (now_ns < recorder->stop_deadline_ns)
        return;
    recorder->stop_deadline_ns = now_ns + FILES_STOP_DEADLINE_NS;
    recorder_note(recorder, "The stop waits for %s.",
                  recorder->net_stopped ? "the files to be finished"
                                        : "the media connection to be closed");
}

/* A wanted end does not make up for what did not come before it. */
static void note_lost_end(WebRTCRecorder *recorder)
{
    if (!recorder_is_reconnecting(recorder) || !recorder->started)
        return;
    const int64_t missing_ns = clock_monotonic_ns() - recorder->reconnection.begun_ns;
    if (missing_ns > UNNOTICED_LOSS_NS)
        outcome_set(&recorder->cause, OUTCOME_FAILED, CODE_RECONNECT_FAILED,
                    "The connection to the room was lost and had not come back: the last %.1f s "
                    "are missing.",
                    (double)missing_ns / (double)NS_PER_SECOND);
}

void recorder_end(WebRTCRecorder *recorder, EndReason reason)
{
    if (recorder_is_ending(recorder))
        return;
    recorder->end_reason = reason;
    note_lost_end(recorder);
    begin_stop(recorder);
}

void recorder_fail(WebRTCRecorder *recorder, OutcomeCode code, const char *format, ...)
{
    if (recorder_is_ending(recorder))
        return;
    char sentence[OUTCOME_SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    g_vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    outcome_set(&recorder->cause, OUTCOME_FAILED, code, "%s", sentence);
    begin_stop(recorder);
}
