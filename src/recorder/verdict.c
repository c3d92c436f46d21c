#include "recorder/verdict.h"

#include <inttypes.h>
#include <string.h>

static bool swallowed(const Ledger *ledger, Stage stage)
{
    const LedgerRow *row = &ledger->rows[stage];
    return ledger_value(&row->in) > 0 && ledger_value(&row->out) == 0;
}

static uint64_t into(const Ledger *ledger, Stage stage)
{
    return ledger_value(&ledger->rows[stage].in);
}

static void nothing_received(const VerdictTrack *track, Outcome *ret_outcome)
{
    if (!track->was_unmuted)
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_MUTED_ALL_TIME,
                    "The %s was muted the whole time, so there was nothing to record.",
                    track->name);
    else if (!track->confirmed)
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_SUBSCRIPTION_TIMEOUT,
                    "The server did not confirm the subscription to the %s in time; check the "
                    "server's log for this track.",
                    track->name);
    else
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_NO_RTP,
                    "The %s was subscribed but no media packet arrived; check that its publisher "
                    "sends and that no firewall drops UDP from the server.",
                    track->name);
}

static void no_frame(const VerdictTrack *track, Outcome *ret_outcome)
{
    const LedgerRow *row = &track->ledger->rows[STAGE_DEPAY];
    const uint64_t blank = ledger_value(&row->dropped[DROP_BLANK_FRAME]);
    if (blank > 0 && blank == ledger_dropped(row)) {
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_MUTED_ALL_TIME,
                    "The %s sent nothing but the server's blank frames.", track->name);
        return;
    }
    outcome_set(ret_outcome, OUTCOME_FAILED,
                track->kind == TRACK_VIDEO ? CODE_RTP_BUT_NO_KEYFRAME : CODE_NO_RTP,
                "%" PRIu64 " packets of the %s arrived but no %s among them (%" PRIu64
                " key frame requests were sent); check the publisher's encoder.",
                into(track->ledger, STAGE_DEPAY), track->name,
                track->kind == TRACK_VIDEO ? "key frame" : "whole frame", track->plis);
}

/* It was there in a pause only: nothing is missing. */
static bool was_kept_out(const Ledger *ledger)
{
    const LedgerRow *row = &ledger->rows[STAGE_CLOCK];
    return swallowed(ledger, STAGE_CLOCK) && ledger_value(&row->dropped[DROP_PAUSED]) > 0;
}

void verdict_track(const VerdictTrack *track, Outcome *ret_outcome)
{
    memset(ret_outcome, 0, sizeof *ret_outcome);
    const Ledger *ledger = track->ledger;
    if (was_kept_out(ledger))
        return;
    if (into(ledger, STAGE_RECEIVE) == 0) {
        nothing_received(track, ret_outcome);
        return;
    }
    if (swallowed(ledger, STAGE_RECEIVE))
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_NO_RTP,
                    "%" PRIu64 " packets of the %s arrived but none of them could be used.",
                    into(ledger, STAGE_RECEIVE), track->name);
    else if (swallowed(ledger, STAGE_DEPAY))
        no_frame(track, ret_outcome);
    else if (swallowed(ledger, STAGE_CLOCK))
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_WRITE_FAILED,
                    "None of the %" PRIu64 " frames of the %s had a usable time.",
                    into(ledger, STAGE_CLOCK), track->name);
    else if (swallowed(ledger, STAGE_ENCODE))
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_ENCODER_FAILED,
                    "The encoder made nothing of the %" PRIu64 " frames of the %s.",
                    into(ledger, STAGE_ENCODE), track->name);
    else if (swallowed(ledger, STAGE_QUEUE) || swallowed(ledger, STAGE_WRITE))
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_WRITE_FAILED,
                    "None of the %" PRIu64 " frames of the %s reached a file.",
                    into(ledger, STAGE_QUEUE), track->name);
}

static const Outcome *first_failure(const Outcome *outcomes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (outcomes[i].code != CODE_NONE)
            return &outcomes[i];
    }
    return NULL;
}

/* Somebody who never spoke is no fault of a recording that has media. */
static const Outcome *first_track_failure(const VerdictRecording *recording)
{
    for (unsigned i = 0; i < recording->track_count; i++) {
        const OutcomeCode code = recording->tracks[i].code;
        if (code != CODE_NONE && code != CODE_MUTED_ALL_TIME)
            return &recording->tracks[i];
    }
    return NULL;
}

static bool tells_more_than_cancelled(const Outcome *outcome)
{
    return outcome->code != CODE_SUBSCRIPTION_TIMEOUT && outcome->code != CODE_NO_RTP;
}

static void failed_with(const Outcome *cause, Outcome *ret_outcome)
{
    outcome_set(ret_outcome, OUTCOME_FAILED, cause->code, "%s", cause->sentence);
}

static void without_media(const VerdictRecording *recording, Outcome *ret_outcome)
{
    const Outcome *file = first_failure(recording->files, recording->file_count);
    const Outcome *track = first_failure(recording->tracks, recording->track_count);
    if (recording->cause.code != CODE_NONE)
        failed_with(&recording->cause, ret_outcome);
    else if (file)
        failed_with(file, ret_outcome);
    else if (track && (!recording->was_stopped || tells_more_than_cancelled(track)))
        failed_with(track, ret_outcome);
    else if (recording->was_stopped)
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_CANCELLED,
                    "The recording was stopped before any media arrived.");
    else
        outcome_set(ret_outcome, OUTCOME_FAILED, CODE_NO_TRACK_PUBLISHED,
                    "The recording ended before anybody had published a track.");
}

void verdict_recording(const VerdictRecording *recording, Outcome *ret_outcome)
{
    memset(ret_outcome, 0, sizeof *ret_outcome);
    if (!recording->has_media) {
        without_media(recording, ret_outcome);
        return;
    }
    const Outcome *cause = &recording->cause;
    if (cause->code == CODE_NONE)
        cause = first_failure(recording->files, recording->file_count);
    if (!cause)
        cause = first_track_failure(recording);
    if (!cause) {
        outcome_set(ret_outcome, OUTCOME_COMPLETE, CODE_NONE, "%s", "");
        return;
    }
    outcome_set(ret_outcome, OUTCOME_PARTIAL, cause->code, "%s", cause->sentence);
}
