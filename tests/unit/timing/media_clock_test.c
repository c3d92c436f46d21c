#include <glib.h>

#include "base/clock.h"
#include "simulation.h"
#include "timing_test.h"

#define AUDIO .kind = TRACK_AUDIO, .delay_min_ms = 3, .delay_max_ms = 20
#define VIDEO .kind = TRACK_VIDEO, .fps = 30, .delay_min_ms = 8, .delay_max_ms = 40

typedef struct {
    double av_worst_ms, av_median_ms, wall_worst_ms;
    unsigned sound_breaks;
    unsigned steps;       /* of each track, exactly */
    double head_worst_ms; /* 0 = not judged */
} Bounds;

typedef struct {
    const char *name;
    Simulation simulation;
    Bounds bounds;
} Row;

static const Row rows[] = {
    {"/media_clock/clean",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .first_report_s = 3.1}, {VIDEO, .first_report_s = 3.6}}},
     {2, 1, 40, 0, 0, 1}},
    {"/media_clock/bursts",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .first_report_s = 3.5},
                 {VIDEO, .burst_every = 60, .burst_ms = 80, .first_report_s = 4}}},
     {2, 1, 40, 0, 0, 1}},
    {"/media_clock/first_frame_late",
     {.seconds = 30,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .first_report_s = 3.2},
                 {VIDEO, .first_delay_ms = 300, .first_report_s = 3.9}}},
     {2, 1, 40, 0, 0, 1}},
    {"/media_clock/camera_a_minute_later",
     {.seconds = 120,
      .track_count = 2,
      .judged_from_s = 65,
      .tracks = {{AUDIO, .first_report_s = 3.2},
                 {VIDEO, .start_s = 60.013, .first_report_s = 3.9}}},
     {2, 1, 40, 0, 0, 0}},
    {"/media_clock/no_reports",
     {.seconds = 60, .track_count = 2, .judged_from_s = 5, .tracks = {{AUDIO}, {VIDEO}}},
     {40, 30, 50, 0, 0, 0}},
    {"/media_clock/head_without_reports",
     {.seconds = 30,
      .track_count = 2,
      .judged_from_s = 6,
      .tracks = {{AUDIO}, {VIDEO, .first_delay_ms = 120}}},
     {40, 30, 50, 0, 0, 40}},
    {"/media_clock/head_before_late_reports",
     {.seconds = 30,
      .track_count = 2,
      .judged_from_s = 11,
      .tracks = {{AUDIO, .first_report_s = 8},
                 {VIDEO, .first_delay_ms = 120, .first_report_s = 9}}},
     {2, 1, 40, 0, 0, 40}},
    {"/media_clock/report_of_one_only",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .first_report_s = 3}, {VIDEO}}},
     {40, 30, 50, 0, 0, 0}},
    {"/media_clock/late_reports",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 22,
      .tracks = {{AUDIO, .first_report_s = 20}, {VIDEO, .first_report_s = 20.5}}},
     {2, 1, 40, 0, 0, 0}},
    {"/media_clock/absurd_report",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .first_report_s = 3}, {VIDEO, .first_report_s = 3.2, .absurd_s = 21}}},
     {2, 1, 40, 0, 0, 0}},
    {"/media_clock/drift_300_an_hour",
     {.seconds = 3600,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .drift_ppm = 300, .first_report_s = 3},
                 {VIDEO, .drift_ppm = 300, .first_report_s = 3.5}}},
     {20, 3, 50, 120, 0, 0}},
    {"/media_clock/drift_minus_300_an_hour",
     {.seconds = 3600,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .drift_ppm = -300, .first_report_s = 3},
                 {VIDEO, .drift_ppm = -300, .first_report_s = 3.5}}},
     {20, 3, 50, 120, 0, 0}},
    {"/media_clock/drift_3000",
     {.seconds = 180,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .drift_ppm = 3000, .first_report_s = 3},
                 {VIDEO, .drift_ppm = 3000, .first_report_s = 3.5}}},
     {20, 5, 50, 60, 0, 0}},
    {"/media_clock/drift_minus_3000",
     {.seconds = 180,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .drift_ppm = -3000, .first_report_s = 3},
                 {VIDEO, .drift_ppm = -3000, .first_report_s = 3.5}}},
     {20, 5, 50, 60, 0, 0}},
    {"/media_clock/wrap_in_mid_recording",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .rtp_offset = 0u - 48000 * 20, .first_report_s = 3},
                 {VIDEO, .rtp_offset = 0u - 90000 * 21, .first_report_s = 3.5}}},
     {2, 1, 40, 0, 0, 0}},
    {"/media_clock/mute_60_s",
     {.seconds = 120,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .mute_s = 20, .unmute_s = 80, .first_report_s = 3},
                 {VIDEO, .mute_s = 20, .unmute_s = 80, .first_report_s = 3.5}}},
     {20, 2, 50, 2, 0, 0}},
    {"/media_clock/sound_muted_while_clock_drifts",
     {.seconds = 120,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .drift_ppm = 300, .mute_s = 20, .unmute_s = 80, .first_report_s = 3},
                 {VIDEO, .drift_ppm = 300, .first_report_s = 3.5}}},
     {20, 3, 50, 6, 0, 0}},
    {"/media_clock/rtp_stands_still_in_mute",
     {.seconds = 90,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .mute_s = 20, .unmute_s = 50, .stops_in_mute = true, .first_report_s = 3},
                 {VIDEO, .mute_s = 20, .unmute_s = 50, .stops_in_mute = true,
                  .first_report_s = 3.5}}},
     {20, 2, 50, 4, 1, 0}},
    {"/media_clock/republished",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 35,
      .tracks = {{AUDIO, .first_report_s = 3}, {VIDEO, .republish_s = 30, .first_report_s = 3.5}}},
     {2, 1, 40, 0, 0, 0}},
    {"/media_clock/two_publishers_hours_apart",
     {.seconds = 60,
      .track_count = 4,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .publisher = 1, .ntp_seconds = 3900000000, .first_report_s = 3},
                 {VIDEO, .publisher = 1, .ntp_seconds = 3900000000, .first_report_s = 3.5},
                 {AUDIO, .publisher = 9, .ntp_seconds = 3900020000, .first_report_s = 3.2},
                 {VIDEO, .publisher = 9, .ntp_seconds = 3900020000, .first_report_s = 3.8}}},
     {2, 1, 40, 0, 0, 0}},
    {"/media_clock/head_is_corrected",
     {.seconds = 30,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .first_report_s = 3.2},
                 {VIDEO, .first_delay_ms = 120, .first_report_s = 3.9}}},
     {2, 1, 40, 0, 0, 1}},
    {"/media_clock/noisy_reports",
     {.seconds = 120,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .report_noise_us = 2000, .first_report_s = 3.2},
                 {VIDEO, .report_noise_us = 2000, .first_report_s = 3.9}}},
     {5, 2.5, 40, 0, 0, 5}},
    {"/media_clock/network_stalls",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .stall_s = 20, .stall_end_s = 23, .first_report_s = 3.2},
                 {VIDEO, .stall_s = 20, .stall_end_s = 23, .first_report_s = 3.9}}},
     {2, 1, 40, 0, 0, 1}},
    {"/media_clock/key_frame_paced_out",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .first_report_s = 3.2},
                 {VIDEO, .queue_s = 20, .queue_end_s = 30, .queue_ms = 1900, .drain_ms = 400,
                  .first_report_s = 3.9}}},
     {2, 1, 40, 0, 0, 1}},
    {"/media_clock/key_frame_paced_out_no_reports",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO},
                 {VIDEO, .queue_s = 20, .queue_end_s = 30, .queue_ms = 1900, .drain_ms = 400}}},
     {40, 30, 50, 0, 0, 0}},
    {"/media_clock/link_queues_for_12_s",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .queue_s = 20, .queue_end_s = 32, .queue_ms = 1500, .first_report_s = 3.7},
                 {VIDEO, .queue_s = 20, .queue_end_s = 32, .queue_ms = 1500,
                  .first_report_s = 3.9}}},
     {2, 1, 40, 0, 0, 1}},
    {"/media_clock/link_falls_behind",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .queue_s = 20, .queue_end_s = 32, .drain_ms = -170, .first_report_s = 3.9},
                 {VIDEO, .queue_s = 20, .queue_end_s = 32, .drain_ms = -170,
                  .first_report_s = 3.95}}},
     {15, 1, 80, 10, 0, 1}},
    {"/media_clock/timelines_shifted_at_unmute",
     {.seconds = 60,
      .track_count = 2,
      .judged_from_s = 41,
      .tracks = {{AUDIO, .mute_s = 20, .unmute_s = 40, .unmute_shift_ms = 150, .first_report_s = 3},
                 {VIDEO, .mute_s = 20, .unmute_s = 40, .unmute_shift_ms = -90,
                  .first_report_s = 3.5}}},
     {30, 1, 50, 1, 0, 0}},
    {"/media_clock/first_sound_late",
     {.seconds = 7.5,
      .track_count = 2,
      .judged_from_s = 5,
      .tracks = {{AUDIO, .first_delay_ms = 25, .first_report_s = 3},
                 {VIDEO, .first_report_s = 3.5}}},
     {2, 1, 50, 0, 0, 1}},
    {"/media_clock/few_pictures_in_jitter",
     {.seconds = 600,
      .track_count = 2,
      .judged_from_s = 60,
      .tracks =
          {{.kind = TRACK_AUDIO, .delay_min_ms = 3, .delay_max_ms = 150, .first_report_s = 3.1},
           {.kind = TRACK_VIDEO,
            .fps = 5,
            .delay_min_ms = 8,
            .delay_max_ms = 200,
            .burst_every = 20,
            .burst_ms = 300,
            .first_report_s = 3.6}}},
     {20, 3, 60, 30, 0, 0}},
    {"/media_clock/picture_only",
     {.seconds = 600,
      .track_count = 1,
      .judged_from_s = 5,
      .tracks = {{VIDEO, .drift_ppm = 200, .first_report_s = 3.2}}},
     {0, 0, 60, 0, 0, 0}},
    {"/media_clock/sound_only",
     {.seconds = 600, .track_count = 1, .judged_from_s = 5, .tracks = {{AUDIO}}},
     {0, 0, 40, 0, 0, 0}},
};

static void play_row(gconstpointer data)
{
    const Row *row = data;
    const SimulationResult result = simulation_run(&row->simulation);
    g_test_message("av worst %.2f median %.2f ms, wall worst %.2f ms, %u sound breaks, "
                   "head %.2f ms, drift %lld ppb",
                   result.av_worst_ms, result.av_median_ms, result.wall_worst_ms,
                   result.sound_breaks, result.head_error_ms,
                   (long long)result.tracks[0].drift_ppb);
    g_assert_cmpuint(result.backwards, ==, 0);
    g_assert_cmpfloat(result.av_worst_ms, <=, row->bounds.av_worst_ms);
    g_assert_cmpfloat(result.av_median_ms, <=, row->bounds.av_median_ms);
    g_assert_cmpfloat(result.wall_worst_ms, <=, row->bounds.wall_worst_ms);
    if (row->bounds.head_worst_ms > 0)
        g_assert_cmpfloat(result.head_error_ms, <=, row->bounds.head_worst_ms);
    g_assert_cmpuint(result.sound_breaks, <=, row->bounds.sound_breaks);
    for (unsigned i = 0; i < row->simulation.track_count; i++)
        g_assert_cmpuint(result.tracks[i].steps, ==, row->bounds.steps);
}

typedef struct {
    const char *name;
    double by_s;
    double picture_worst_ms; /* a short way back could be a picture out of order at first */
} Jump;

static const Jump jumps[] = {
    {"an_hour_on", 3600, 5},   {"an_hour_back", -3600, 5}, {"4_s_on", 4, 5},
    {"3_s_back", -3, 5},       {"800_ms_on", 0.8, 5},      {"800_ms_back", -0.8, 5},
    {"300_ms_on", 0.3, 5},     {"300_ms_back", -0.3, 5},   {"100_ms_on", 0.1, 5},
    {"100_ms_back", -0.1, 70},
};

/* The RTP time of one track is set to another one; nothing moves on the timeline. */
static void play_jump(const Jump *row, TrackKind kind)
{
    Simulation simulation = {
        .seconds = 60,
        .track_count = 2,
        .judged_from_s = 5,
        .tracks = {{AUDIO, .first_report_s = 3.1}, {VIDEO, .first_report_s = 3.6}},
    };
    const unsigned moved = kind == TRACK_AUDIO ? 0 : 1;
    simulation.tracks[moved].jump_s = 20;
    simulation.tracks[moved].jump_by_s = row->by_s;
    const SimulationResult result = simulation_run(&simulation);
    g_test_message("av worst %.2f median %.2f ms, wall worst %.2f ms", result.av_worst_ms,
                   result.av_median_ms, result.wall_worst_ms);
    const double worst_ms = kind == TRACK_VIDEO ? row->picture_worst_ms : 5;
    g_assert_cmpuint(result.backwards, ==, 0);
    g_assert_cmpfloat(result.av_worst_ms, <=, worst_ms);
    g_assert_cmpfloat(result.wall_worst_ms, <=, worst_ms + 10);
    g_assert_cmpfloat(result.av_median_ms, <=, 1);
    g_assert_cmpuint(result.tracks[moved].steps, ==, 1);
    g_assert_cmpuint(result.tracks[1 - moved].steps, ==, 0);
}

static void play_picture_jump(gconstpointer data)
{
    play_jump(data, TRACK_VIDEO);
}

static void play_sound_jump(gconstpointer data)
{
    play_jump(data, TRACK_AUDIO);
}

static void add_jumps(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(jumps); i++) {
        g_autofree char *picture = g_strdup_printf("/media_clock/jump/picture/%s", jumps[i].name);
        g_autofree char *sound = g_strdup_printf("/media_clock/jump/sound/%s", jumps[i].name);
        g_test_add_data_func(picture, &jumps[i], play_picture_jump);
        g_test_add_data_func(sound, &jumps[i], play_sound_jump);
    }
}

static void tracks_out_of_range_are_refused(void)
{
    MediaClock *clock = media_clock_new(0);
    MediaClockTrack track;
    int64_t pts_ns = 5;
    g_assert_false(media_clock_register_track(clock, MEDIA_CLOCK_MAX_TRACKS, 0, TRACK_AUDIO, 48000,
                                              0, NS_PER_SECOND));
    g_assert_false(media_clock_register_track(clock, 0, 0, TRACK_AUDIO, 0, 0, NS_PER_SECOND));
    g_assert_false(media_clock_rtp_to_pts(clock, 0, 0, NS_PER_SECOND, &pts_ns));
    g_assert_false(media_clock_rtp_to_pts(clock, 100000, 0, NS_PER_SECOND, &pts_ns));
    g_assert_cmpint(pts_ns, ==, 5);
    media_clock_sender_report(clock, 3, 1, 1, 0);
    g_assert_false(media_clock_track(clock, 3, &track));
    media_clock_free(clock);
    media_clock_free(NULL);
}

static void time_before_zero_is_refused(void)
{
    MediaClock *clock = media_clock_new(10 * NS_PER_SECOND);
    int64_t pts_ns;
    media_clock_register_track(clock, 0, 0, TRACK_VIDEO, 90000, 0, 9 * NS_PER_SECOND);
    g_assert_false(media_clock_rtp_to_pts(clock, 0, 0, 9 * NS_PER_SECOND, &pts_ns));
    g_assert_true(media_clock_rtp_to_pts(clock, 0, 90000, 10 * NS_PER_SECOND, &pts_ns));
    g_assert_cmpint(pts_ns, ==, 0);
    media_clock_free(clock);
}

static int64_t pts_at(MediaClock *clock, uint32_t rtp, int64_t arrival_ms)
{
    int64_t pts_ns;
    g_assert_true(media_clock_rtp_to_pts(clock, 0, rtp, arrival_ms * NS_PER_MS, &pts_ns));
    return pts_ns;
}

static void older_and_equal_timestamps_still_move_on(void)
{
    MediaClock *clock = media_clock_new(0);
    media_clock_register_track(clock, 0, 0, TRACK_VIDEO, 90000, 9000, NS_PER_SECOND);
    const int64_t first = pts_at(clock, 9000, 1000);
    const int64_t second = pts_at(clock, 9000 + 3000, 1033);
    const int64_t equal = pts_at(clock, 9000 + 3000, 1034);
    const int64_t older = pts_at(clock, 9000 + 1500, 1040);
    const int64_t next = pts_at(clock, 9000 + 9000, 1100);
    g_assert_cmpint(first, ==, NS_PER_SECOND);
    g_assert_cmpint(second, >, first);
    g_assert_cmpint(equal, >, second);
    g_assert_cmpint(older, >, equal);
    g_assert_cmpint(next, ==, 1100 * NS_PER_MS);
    media_clock_free(clock);
}

static void a_new_registration_goes_on_behind(void)
{
    MediaClock *clock = media_clock_new(0);
    media_clock_register_track(clock, 0, 0, TRACK_VIDEO, 90000, 0, NS_PER_SECOND);
    const int64_t before = pts_at(clock, 90000, 2000);
    media_clock_register_track(clock, 0, 4, TRACK_VIDEO, 90000, 77, 1990 * NS_PER_MS);
    const int64_t after = pts_at(clock, 77, 1990);
    g_assert_cmpint(after, >, before);
    g_assert_cmpint(pts_at(clock, 77 + 90000, 2990), ==, 2990 * NS_PER_MS);
    media_clock_free(clock);
}

static void a_wild_timestamp_does_not_spoil_the_rest(void)
{
    MediaClock *clock = media_clock_new(0);
    MediaClockTrack track;
    media_clock_register_track(clock, 0, 0, TRACK_VIDEO, 90000, 0, NS_PER_SECOND);
    for (uint32_t i = 0; i < 300; i++)
        pts_at(clock, i * 3000, 1000 + i * 100 / 3);
    pts_at(clock, 0x70000000, 11000);
    for (uint32_t i = 301; i < 600; i++) {
        const int64_t arrival_ms = 1000 + i * 100 / 3;
        const int64_t pts_ns = pts_at(clock, i * 3000, arrival_ms);
        g_assert_cmpint(llabs(pts_ns - arrival_ms * NS_PER_MS), <, 50 * NS_PER_MS);
    }
    g_assert_true(media_clock_track(clock, 0, &track));
    g_assert_cmpuint(track.steps, ==, 2);
    media_clock_free(clock);
}

/* What a server moves a timeline by in a pause says nothing of the publisher's clock. */
static void a_pause_is_no_drift(void)
{
    MediaClock *clock = media_clock_new(0);
    MediaClockTrack track;
    int64_t pts_ns;
    media_clock_register_track(clock, 0, 0, TRACK_AUDIO, 48000, 0, NS_PER_SECOND);
    for (uint32_t i = 0; i < 6000; i++) {
        const bool is_behind = i >= 2000;
        const int64_t sent_ms = 1000 + 20 * (int64_t)i + (is_behind ? 20000 : 0);
        const uint32_t rtp = 960 * i + (is_behind ? 48 * 20007 : 0);
        media_clock_rtp_to_pts(clock, 0, rtp, sent_ms * NS_PER_MS, &pts_ns);
        if (i % 500 != 0)
            continue;
        g_assert_true(media_clock_track(clock, 0, &track));
        g_assert_cmpint(llabs(track.drift_ppb), <, 20000);
    }
    media_clock_free(clock);
}

/* Ten seconds that are read at once, after twenty for which the process was stopped, are where
 * their RTP time puts them; what really comes late afterwards still counts as late. */
static void backlog_of_a_standstill_is_not_late(void)
{
    MediaClock *clock = media_clock_new(0);
    MediaClockTrack track;
    int64_t pts_ns = 0;
    media_clock_register_track(clock, 0, 0, TRACK_AUDIO, 48000, 0, NS_PER_SECOND);
    for (uint32_t i = 0; i < 100; i++)
        media_clock_rtp_to_pts(clock, 0, 960 * i, (1000 + 20 * (int64_t)i) * NS_PER_MS, &pts_ns);
    media_clock_stood_still(clock, 3 * NS_PER_SECOND, 23 * NS_PER_SECOND);
    for (uint32_t i = 100; i < 600; i++) {
        g_assert_true(media_clock_rtp_to_pts(clock, 0, 960 * i, 23 * NS_PER_SECOND, &pts_ns));
        g_assert_cmpint(pts_ns, ==, (1000 + 20 * (int64_t)i) * NS_PER_MS);
    }
    for (uint32_t i = 1100; i < 1200; i++) {
        media_clock_rtp_to_pts(clock, 0, 960 * i, (1000 + 20 * (int64_t)i) * NS_PER_MS, &pts_ns);
        g_assert_cmpint(pts_ns, ==, (1000 + 20 * (int64_t)i) * NS_PER_MS);
    }
    g_assert_true(media_clock_track(clock, 0, &track));
    g_assert_cmpuint(track.steps, ==, 0);
    for (uint32_t i = 1200; i < 1600; i++)
        media_clock_rtp_to_pts(clock, 0, 960 * i, (6000 + 20 * (int64_t)i) * NS_PER_MS, &pts_ns);
    g_assert_true(media_clock_track(clock, 0, &track));
    g_assert_cmpuint(track.steps, ==, 1);
    media_clock_free(clock);
}

/* A network that was cut for eight seconds; the last four of them are sent again when it is back.
 */
static void what_is_sent_again_keeps_its_time(void)
{
    MediaClock *clock = media_clock_new(0);
    MediaClockTrack track;
    int64_t pts_ns;
    media_clock_register_track(clock, 0, 0, TRACK_AUDIO, 48000, 0, NS_PER_SECOND);
    for (uint32_t i = 0; i < 1500; i++) {
        const int64_t sent_ns = (1000 + 20 * (int64_t)i) * NS_PER_MS;
        if (i >= 500 && i < 700)
            continue;
        if (i >= 700 && i < 900)
            g_assert_true(media_clock_late_rtp_to_pts(clock, 0, 960 * i, &pts_ns));
        else
            g_assert_true(media_clock_rtp_to_pts(clock, 0, 960 * i, sent_ns, &pts_ns));
        g_assert_cmpint(llabs(pts_ns - sent_ns), <, NS_PER_MS);
    }
    g_assert_true(media_clock_track(clock, 0, &track));
    g_assert_cmpuint(track.steps, ==, 0);
    g_assert_false(media_clock_late_rtp_to_pts(clock, 1, 0, &pts_ns));
    media_clock_free(clock);
}

static void absurd_reports_are_rejected(void)
{
    MediaClock *clock = media_clock_new(0);
    MediaClockTrack track;
    const uint64_t ntp = UINT64_C(3900000000) << 32;
    media_clock_register_track(clock, 0, 0, TRACK_AUDIO, 48000, 0, NS_PER_SECOND);
    pts_at(clock, 0, 1000);
    media_clock_sender_report(clock, 0, 0, 0, NS_PER_SECOND);               /* no NTP time */
    media_clock_sender_report(clock, 0, ntp, 48000 * 60, NS_PER_SECOND);    /* RTP time far off */
    media_clock_sender_report(clock, 0, ntp, 0, NS_PER_SECOND);             /* good */
    media_clock_sender_report(clock, 0, ntp - 1, 96000, 3 * NS_PER_SECOND); /* backwards */
    media_clock_sender_report(clock, 0, ntp + (UINT64_C(9) << 32), 96000, 3 * NS_PER_SECOND);
    media_clock_sender_report(clock, 0, ntp + (UINT64_C(3) << 32), 48000 * 3, 4 * NS_PER_SECOND);
    g_assert_true(media_clock_track(clock, 0, &track));
    g_assert_cmpuint(track.reports, ==, 2);
    g_assert_cmpuint(track.rejected_reports, ==, 4);
    media_clock_free(clock);
}

void media_clock_test_add(void)
{
    g_test_add_func("/media_clock/range", tracks_out_of_range_are_refused);
    g_test_add_func("/media_clock/before_zero", time_before_zero_is_refused);
    g_test_add_func("/media_clock/older", older_and_equal_timestamps_still_move_on);
    g_test_add_func("/media_clock/new_registration", a_new_registration_goes_on_behind);
    g_test_add_func("/media_clock/wild_timestamp", a_wild_timestamp_does_not_spoil_the_rest);
    g_test_add_func("/media_clock/pause_is_no_drift", a_pause_is_no_drift);
    g_test_add_func("/media_clock/standstill", backlog_of_a_standstill_is_not_late);
    g_test_add_func("/media_clock/sent_again", what_is_sent_again_keeps_its_time);
    g_test_add_func("/media_clock/absurd_reports", absurd_reports_are_rejected);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        g_test_add_data_func(rows[i].name, &rows[i], play_row);
    add_jumps();
}
