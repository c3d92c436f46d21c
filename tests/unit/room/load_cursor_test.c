#include <glib.h>

#include "base/clock.h"
#include "room/load_cursor.h"
#include "room_test.h"

#define FRAMES 64u /* of two groups, a sixteenth of a second each */
#define TICKS 1000u
#define DISTANCE (FRAMES / LOAD_MEDIA_SECONDS / 4)

static LoadTrack new_track(void)
{
    LoadTrack track = {.frames = g_new0(MediaFrame *, FRAMES), .ticks = (uint64_t)FRAMES * TICKS};
    for (; track.count < FRAMES; track.count++)
        track.frames[track.count] = media_frame_new(0, CODEC_H264, (uint64_t)track.count * TICKS,
                                                    track.count % (FRAMES / 2) == 0);
    return track;
}

static void free_track(LoadTrack *track)
{
    for (unsigned i = 0; i < track->count; i++)
        media_frame_unref(track->frames[i]);
    g_free(track->frames);
}

static void skip(LoadCursor *cursor, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        load_cursor_frame(cursor);
        load_cursor_advance(cursor);
    }
}

static void expect_frame(LoadCursor *cursor, const LoadTrack *track, unsigned content, unsigned at)
{
    g_assert_true(load_cursor_frame(cursor) == track->frames[content]);
    g_assert_cmpint(load_cursor_time_ns(cursor), ==,
                    at * LOAD_MEDIA_SECONDS * NS_PER_SECOND / FRAMES);
    g_assert_cmpuint(load_cursor_ticks(cursor), ==, (uint64_t)at * TICKS);
}

static void test_repeats(void)
{
    LoadTrack track = new_track();
    LoadCursor cursor = load_cursor(&track);
    expect_frame(&cursor, &track, 0, 0);
    skip(&cursor, 2 * FRAMES + 5);
    expect_frame(&cursor, &track, 5, 2 * FRAMES + 5);
    free_track(&track);
}

/* The times of frames go on as they were, and what follows the key frame belongs to it. */
static void test_key_frame_is_asked_for(void)
{
    LoadTrack track = new_track();
    LoadCursor cursor = load_cursor(&track);
    skip(&cursor, 10);
    load_cursor_want_key(&cursor);
    expect_frame(&cursor, &track, FRAMES / 2, 10);
    skip(&cursor, 1);
    expect_frame(&cursor, &track, FRAMES / 2 + 1, 11);
    skip(&cursor, FRAMES / 2);
    expect_frame(&cursor, &track, 1, FRAMES / 2 + 11);
    free_track(&track);
}

/* Many who ask at once, or one who asks before the answer is there, get one. */
static void test_key_frames_have_a_distance(void)
{
    LoadTrack track = new_track();
    LoadCursor cursor = load_cursor(&track);
    load_cursor_want_key(&cursor);
    expect_frame(&cursor, &track, 0, 0);
    skip(&cursor, 1);
    expect_frame(&cursor, &track, 1, 1);
    load_cursor_want_key(&cursor);
    expect_frame(&cursor, &track, 1, 1);
    skip(&cursor, DISTANCE - 1);
    expect_frame(&cursor, &track, FRAMES / 2, DISTANCE);
    skip(&cursor, 1);
    expect_frame(&cursor, &track, FRAMES / 2 + 1, DISTANCE + 1);
    free_track(&track);
}

void load_cursor_test_add(void)
{
    g_test_add_func("/room/load-cursor/repeats", test_repeats);
    g_test_add_func("/room/load-cursor/key-frame-is-asked-for", test_key_frame_is_asked_for);
    g_test_add_func("/room/load-cursor/key-frames-have-a-distance",
                    test_key_frames_have_a_distance);
}
