#include <glib.h>
#include <string.h>

#include "recorder/checklist.h"
#include "recorder_tests.h"

static TrackStatus track_status(TrackKind kind)
{
    TrackStatus track = {.kind = kind, .published = true};
    g_strlcpy(track.identity, "alice", sizeof track.identity);
    return track;
}

static void test_before_joining(void)
{
    CheckItem items[CHECK_COUNT] = {0};
    const RecordingStatus status = {0};
    const ChecklistFacts facts = {0};
    checklist_update(items, &status, &facts, 1);
    for (unsigned i = 0; i < CHECK_COUNT; i++)
        g_assert_cmpint(items[i].state, ==, CHECK_NOT_YET);
}

static void test_healthy(void)
{
    TrackStatus tracks[] = {track_status(TRACK_VIDEO), track_status(TRACK_AUDIO)};
    for (unsigned i = 0; i < G_N_ELEMENTS(tracks); i++) {
        tracks[i].subscribed = true;
        tracks[i].packets = 10;
        tracks[i].frames = tracks[i].frames_written = 5;
    }
    tracks[0].keyframes = 1;
    CheckItem items[CHECK_COUNT] = {0};
    const RecordingStatus status = {.tracks = tracks, .track_count = 2, .audio_frames = 5};
    const ChecklistFacts facts = {.joined = true, .peer_connected = true};
    checklist_update(items, &status, &facts, 7);
    for (unsigned i = 0; i < CHECK_COUNT; i++)
        g_assert_cmpint(items[i].state, ==, CHECK_OK);
    checklist_update(items, &status, &facts, 9);
    g_assert_cmpint(items[CHECK_SUBSCRIBED].since_wall_ns, ==, 7);
}

static void test_muted(void)
{
    TrackStatus track = track_status(TRACK_AUDIO);
    track.muted = true;
    track.subscribed = true;
    CheckItem items[CHECK_COUNT] = {0};
    const RecordingStatus status = {.tracks = &track, .track_count = 1};
    const ChecklistFacts facts = {.joined = true, .peer_connected = true};
    checklist_update(items, &status, &facts, 1);
    g_assert_cmpint(items[CHECK_SUBSCRIBED].state, ==, CHECK_OK);
    g_assert_cmpint(items[CHECK_FIRST_RTP].state, ==, CHECK_NOT_YET);
    g_assert_nonnull(strstr(items[CHECK_FIRST_RTP].why, "not yet, muted: 1"));
}

static void test_failures(void)
{
    TrackStatus track = track_status(TRACK_VIDEO);
    track.subscribed = true;
    track.packets = 50;
    track.plis = 3;
    outcome_set(&track.outcome, OUTCOME_FAILED, CODE_RTP_BUT_NO_KEYFRAME, "No key frame came.");
    CheckItem items[CHECK_COUNT] = {0};
    const RecordingStatus status = {.tracks = &track, .track_count = 1};
    const ChecklistFacts facts = {
        .joined = true, .connection_failed = true, .connection_why = "ICE failed."};
    checklist_update(items, &status, &facts, 1);
    g_assert_cmpint(items[CHECK_ROOM_CONNECTED].state, ==, CHECK_FAILED);
    g_assert_cmpstr(items[CHECK_ROOM_CONNECTED].why, ==, "ICE failed.");
    g_assert_cmpint(items[CHECK_FIRST_RTP].state, ==, CHECK_OK);
    g_assert_cmpint(items[CHECK_KEYFRAME].state, ==, CHECK_FAILED);
    g_assert_cmpint(items[CHECK_RTCP_FEEDBACK].state, ==, CHECK_FAILED);
}

void checklist_test_add(void)
{
    g_test_add_func("/recorder/checklist/before-joining", test_before_joining);
    g_test_add_func("/recorder/checklist/healthy", test_healthy);
    g_test_add_func("/recorder/checklist/muted", test_muted);
    g_test_add_func("/recorder/checklist/failures", test_failures);
}
