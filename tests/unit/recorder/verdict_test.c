#include <glib.h>
#include <string.h>

#include "recorder/verdict.h"
#include "recorder_tests.h"

typedef struct {
    const char *name;
    TrackKind kind;
    bool confirmed, was_unmuted;
    uint64_t flow[STAGE_COUNT][2]; /* in, out */
    uint64_t blank;
    OutcomeCode code;
} TrackRow;

static const TrackRow track_rows[] = {
    {"recorded",
     TRACK_VIDEO,
     true,
     true,
     {{9, 9}, {9, 3}, {3, 3}, {3, 3}, {0}, {3, 3}},
     0,
     CODE_NONE},
    {"never confirmed", TRACK_VIDEO, false, true, {{0}}, 0, CODE_SUBSCRIPTION_TIMEOUT},
    {"no packet", TRACK_AUDIO, true, true, {{0}}, 0, CODE_NO_RTP},
    {"muted", TRACK_AUDIO, true, false, {{0}}, 0, CODE_MUTED_ALL_TIME},
    {"only padding", TRACK_VIDEO, true, true, {{9, 0}}, 0, CODE_NO_RTP},
    {"no key frame", TRACK_VIDEO, true, true, {{9, 9}, {9, 0}}, 0, CODE_RTP_BUT_NO_KEYFRAME},
    {"no whole audio frame", TRACK_AUDIO, true, true, {{9, 9}, {9, 0}}, 0, CODE_NO_RTP},
    {"only blank frames", TRACK_VIDEO, true, true, {{6, 6}, {6, 0}}, 6, CODE_MUTED_ALL_TIME},
    {"no time", TRACK_VIDEO, true, true, {{9, 9}, {9, 3}, {3, 0}}, 0, CODE_WRITE_FAILED},
    {"stuck in the queue",
     TRACK_VIDEO,
     true,
     true,
     {{9, 9}, {9, 3}, {3, 3}, {3, 0}},
     0,
     CODE_WRITE_FAILED},
    {"not written",
     TRACK_VIDEO,
     true,
     true,
     {{9, 9}, {9, 3}, {3, 3}, {3, 3}, {0}, {3, 0}},
     0,
     CODE_WRITE_FAILED},
    {"not encoded",
     TRACK_VIDEO,
     true,
     true,
     {{9, 9}, {9, 3}, {3, 3}, {3, 3}, {3, 0}},
     0,
     CODE_ENCODER_FAILED},
};

static void test_only_in_a_pause(void)
{
    Ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    for (unsigned stage = 0; stage <= STAGE_CLOCK; stage++)
        ledger_add(&ledger.rows[stage].in, 9);
    for (unsigned stage = 0; stage < STAGE_CLOCK; stage++)
        ledger_add(&ledger.rows[stage].out, 9);
    ledger_add(&ledger.rows[STAGE_CLOCK].dropped[DROP_PAUSED], 9);
    const VerdictTrack track = {.name = "x", .kind = TRACK_VIDEO, .ledger = &ledger};
    Outcome outcome;
    verdict_track(&track, &outcome);
    g_assert_cmpint(outcome.kind, ==, OUTCOME_NONE);
    g_assert_cmpint(outcome.code, ==, CODE_NONE);
}

static void test_tracks(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(track_rows); i++) {
        const TrackRow *row = &track_rows[i];
        Ledger ledger;
        memset(&ledger, 0, sizeof ledger);
        for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
            ledger_add(&ledger.rows[stage].in, row->flow[stage][0]);
            ledger_add(&ledger.rows[stage].out, row->flow[stage][1]);
        }
        ledger_add(&ledger.rows[STAGE_DEPAY].dropped[DROP_BLANK_FRAME], row->blank);
        const VerdictTrack track = {
            .name = row->name,
            .kind = row->kind,
            .ledger = &ledger,
            .confirmed = row->confirmed,
            .was_unmuted = row->was_unmuted,
        };
        Outcome outcome;
        verdict_track(&track, &outcome);
        g_test_message("%s: %s", row->name, outcome.sentence);
        g_assert_cmpint(outcome.code, ==, row->code);
        g_assert_cmpint(outcome.kind, ==, row->code == CODE_NONE ? OUTCOME_NONE : OUTCOME_FAILED);
    }
}

typedef struct {
    const char *name;
    bool has_media, was_stopped;
    OutcomeCode cause, track, file;
    OutcomeKind kind;
    OutcomeCode code;
} RecordingRow;

static const RecordingRow recording_rows[] = {
    {"wanted end", true, true, CODE_NONE, CODE_NONE, CODE_NONE, OUTCOME_COMPLETE, CODE_NONE},
    {"muted beside media", true, true, CODE_NONE, CODE_MUTED_ALL_TIME, CODE_NONE, OUTCOME_COMPLETE,
     CODE_NONE},
    {"lost connection", true, false, CODE_RECONNECT_FAILED, CODE_NONE, CODE_NONE, OUTCOME_PARTIAL,
     CODE_RECONNECT_FAILED},
    {"disk full", true, true, CODE_NONE, CODE_NONE, CODE_DISK_FULL, OUTCOME_PARTIAL,
     CODE_DISK_FULL},
    {"one track failed", true, true, CODE_NONE, CODE_NO_RTP, CODE_NONE, OUTCOME_PARTIAL,
     CODE_NO_RTP},
    {"stopped at once", false, true, CODE_NONE, CODE_NONE, CODE_NONE, OUTCOME_FAILED,
     CODE_CANCELLED},
    {"stopped while waiting", false, true, CODE_NONE, CODE_NO_RTP, CODE_NONE, OUTCOME_FAILED,
     CODE_CANCELLED},
    {"stopped, all muted", false, true, CODE_NONE, CODE_MUTED_ALL_TIME, CODE_NONE, OUTCOME_FAILED,
     CODE_MUTED_ALL_TIME},
    {"no media came", false, false, CODE_NONE, CODE_NO_RTP, CODE_NONE, OUTCOME_FAILED, CODE_NO_RTP},
    {"never connected", false, false, CODE_ICE_FAILED, CODE_NONE, CODE_NONE, OUTCOME_FAILED,
     CODE_ICE_FAILED},
    {"never written", false, false, CODE_NONE, CODE_NO_RTP, CODE_DISK_FULL, OUTCOME_FAILED,
     CODE_DISK_FULL},
};

static Outcome outcome_of(OutcomeCode code)
{
    Outcome outcome = {0};
    if (code != CODE_NONE)
        outcome_set(&outcome, OUTCOME_FAILED, code, "Because of %s.", outcome_code_name(code));
    return outcome;
}

static void test_recordings(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(recording_rows); i++) {
        const RecordingRow *row = &recording_rows[i];
        const Outcome track = outcome_of(row->track);
        const Outcome file = outcome_of(row->file);
        const VerdictRecording recording = {
            .has_media = row->has_media,
            .was_stopped = row->was_stopped,
            .cause = outcome_of(row->cause),
            .tracks = &track,
            .track_count = 1,
            .files = &file,
            .file_count = 1,
        };
        Outcome outcome;
        verdict_recording(&recording, &outcome);
        g_test_message("%s: %s", row->name, outcome.sentence);
        g_assert_cmpint(outcome.kind, ==, row->kind);
        g_assert_cmpint(outcome.code, ==, row->code);
        g_assert_cmpint(*outcome.sentence == '\0', ==, row->code == CODE_NONE);
    }
}

void verdict_test_add(void)
{
    g_test_add_func("/recorder/verdict/tracks", test_tracks);
    g_test_add_func("/recorder/verdict/only-in-a-pause", test_only_in_a_pause);
    g_test_add_func("/recorder/verdict/recordings", test_recordings);
}
