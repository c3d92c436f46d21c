#include <libavformat/avformat.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sink/inspect.h"
#include "sink_test.h"
#include "test_output.h"

typedef struct {
    const char *name;
    Container wanted, got;
    Codec video, audio; /* CODEC_UNKNOWN = none */
    bool finalize;
    const char *layout;
} FormatRow;

static const FormatRow format_rows[] = {
    {"h264-opus-mp4", CONTAINER_AUTO, CONTAINER_MP4, CODEC_H264, CODEC_OPUS, true, "plain"},
    {"h264-opus-fragmented", CONTAINER_MP4, CONTAINER_MP4, CODEC_H264, CODEC_OPUS, false,
     "fragmented"},
    {"h265-opus-mp4", CONTAINER_MP4, CONTAINER_MP4, CODEC_H265, CODEC_OPUS, true, "plain"},
    {"vp9-opus-mp4", CONTAINER_MP4, CONTAINER_MP4, CODEC_VP9, CODEC_OPUS, true, "plain"},
    {"av1-opus-mp4", CONTAINER_MP4, CONTAINER_MP4, CODEC_AV1, CODEC_OPUS, true, "plain"},
    {"vp8-opus-webm", CONTAINER_AUTO, CONTAINER_WEBM, CODEC_VP8, CODEC_OPUS, true, "clusters"},
    {"vp9-opus-webm", CONTAINER_WEBM, CONTAINER_WEBM, CODEC_VP9, CODEC_OPUS, true, "clusters"},
    {"av1-opus-webm", CONTAINER_WEBM, CONTAINER_WEBM, CODEC_AV1, CODEC_OPUS, true, "clusters"},
    {"vp8-opus-mkv", CONTAINER_MKV, CONTAINER_MKV, CODEC_VP8, CODEC_OPUS, true, "clusters"},
    {"h264-opus-mkv", CONTAINER_MKV, CONTAINER_MKV, CODEC_H264, CODEC_OPUS, true, "clusters"},
    {"h265-opus-mkv", CONTAINER_MKV, CONTAINER_MKV, CODEC_H265, CODEC_OPUS, true, "clusters"},
    {"vp8-pcmu-mkv", CONTAINER_AUTO, CONTAINER_MKV, CODEC_VP8, CODEC_PCMU, true, "clusters"},
    {"pcma-mkv", CONTAINER_AUTO, CONTAINER_MKV, CODEC_UNKNOWN, CODEC_PCMA, true, "clusters"},
    {"opus-ogg", CONTAINER_AUTO, CONTAINER_OGG, CODEC_UNKNOWN, CODEC_OPUS, true, "pages"},
    {"h264-aac-mpegts", CONTAINER_MPEGTS, CONTAINER_MPEGTS, CODEC_H264, CODEC_AAC, true,
     "streamed"},
    {"aac-m4a", CONTAINER_M4A, CONTAINER_M4A, CODEC_UNKNOWN, CODEC_AAC, true, "plain"},
    {"aac-m4a-fragmented", CONTAINER_M4A, CONTAINER_M4A, CODEC_UNKNOWN, CODEC_AAC, false,
     "fragmented"},
    {"mp3", CONTAINER_MP3, CONTAINER_MP3, CODEC_UNKNOWN, CODEC_MP3, true, "streamed"},
    {"wav", CONTAINER_WAV, CONTAINER_WAV, CODEC_UNKNOWN, CODEC_PCM, true, "streamed"},
    {"opus-mp4", CONTAINER_MP4, CONTAINER_MP4, CODEC_UNKNOWN, CODEC_OPUS, true, "plain"},
};

static void check_inspection(const FormatRow *row, const char *path)
{
    Inspection inspection = {0};
    char error[200] = "";
    g_assert_true(inspect_file(path, &inspection, error, sizeof error));
    g_assert_cmpstr(inspection.container, ==, container_name(row->got));
    g_assert_cmpstr(inspection.layout, ==, row->layout);
    g_assert_cmpfloat_with_epsilon((double)inspection.duration_ns / NS_PER_SECOND, 2, 0.05);
    g_assert_cmpint(inspection.start_offset_ns, ==, 0);
    g_assert_cmpuint(inspection.data_errors, ==, 0);
}

static void test_format(const void *data)
{
    const FormatRow *row = data;
    TestOutput *test = test_output_new(row->wanted);
    if (row->video != CODEC_UNKNOWN)
        test_output_add(test, row->video, false);
    test_output_add(test, row->audio, false);
    const unsigned tracks = test->track_count;
    for (unsigned i = 0; i < tracks; i++)
        test_output_feed(test, i, 3 * NS_PER_SECOND, 2);
    test_output_stop(test, row->finalize);

    const OutputResult *result = &test->result;
    g_assert_cmpint(result->outcome.kind, ==, OUTCOME_NONE);
    g_assert_cmpuint(result->file_count, ==, 1);
    g_assert_cmpint(test->opened_container, ==, row->got);
    g_assert_cmpuint(test->started, ==, tracks);
    g_assert_cmpint(result->files[0].zero_ns, ==, 3 * NS_PER_SECOND);
    g_assert_true(g_str_has_suffix(result->files[0].path, container_extension(row->got)));
    const TestJudgement judgement = test_media_judge(result->files[0].path);
    g_assert_cmpuint(judgement.errors, ==, 0);
    g_assert_cmpuint(judgement.tracks, ==, tracks);
    g_assert_cmpuint(judgement.video_frames, ==, tracks == 2 ? 50 : 0);
    const int64_t step_ns = test_media_step_ns(test->tracks[tracks - 1].media);
    if (row->got != CONTAINER_WAV) /* which keeps samples, not packets */
        g_assert_cmpuint(judgement.audio_packets, ==, (2 * NS_PER_SECOND + step_ns - 1) / step_ns);
    check_inspection(row, result->files[0].path);
    test_output_free(test);
}

/* As a player reads it: the last picture lasts as long as its track says. */
static double seconds_of(const char *path)
{
    AVFormatContext *format = NULL;
    g_assert_cmpint(avformat_open_input(&format, path, NULL, NULL), ==, 0);
    const double seconds = (double)format->duration / AV_TIME_BASE;
    avformat_close_input(&format);
    return seconds;
}

/* Stopped in a pause that keeps its time: silence and the last picture up to the stop. */
static void test_held_until(const void *data)
{
    const bool has_sound = GPOINTER_TO_INT(data);
    TestOutput *test = test_output_new(CONTAINER_MP4);
    test_output_add(test, CODEC_H264, false);
    if (has_sound)
        test_output_add(test, CODEC_OPUS, false);
    for (unsigned i = 0; i < test->track_count; i++)
        test_output_feed(test, i, 3 * NS_PER_SECOND, 2);
    output_hold_until(test->output, 12 * NS_PER_SECOND);
    test_output_stop(test, true);
    g_assert_cmpint(test->result.outcome.kind, ==, OUTCOME_NONE);
    g_assert_cmpuint(test->result.file_count, ==, 1);
    g_assert_false(test->result.files[0].fragmented);
    g_assert_cmpfloat_with_epsilon(seconds_of(test->result.files[0].path), 9, 0.05);
    const TestJudgement judgement = test_media_judge(test->result.files[0].path);
    g_assert_cmpuint(judgement.errors, ==, 0);
    g_assert_cmpuint(judgement.video_frames, ==, 50);
    g_assert_cmpuint(judgement.audio_packets, ==, has_sound ? 450 : 0);
    test_output_free(test);
}

static unsigned files_in(const char *folder)
{
    unsigned count = 0;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    while (g_dir_read_name(dir) != NULL)
        count++;
    return count;
}

static void test_discard(void)
{
    TestOutput *test = test_output_new(CONTAINER_MP4);
    test_output_add(test, CODEC_H264, false);
    test_output_feed(test, 0, 3 * NS_PER_SECOND, 2);
    test_output_wait(test, &test->opened, 1);
    g_assert_cmpuint(files_in(test->folder), ==, 1);
    output_discard(test->output);
    test_output_stop(test, true);
    g_assert_cmpuint(test->result.file_count, ==, 0);
    g_assert_cmpuint(test->result.tracks[0].frames, ==, 50);
    g_assert_cmpuint(files_in(test->folder), ==, 0);
    test_output_free(test);
}

/* A backlog is written as fast as it comes, not a queue's worth each time the sink looks. */
static void test_backlog(void)
{
    TestOutput *test = test_output_new(CONTAINER_MP4);
    test->queue_items = 20;
    test_output_add(test, CODEC_OPUS, false);
    BoundedQueue *queue = test->tracks[0].queue;
    int64_t waited_ns = 0;
    for (unsigned i = 0; i < 1000; i++) {
        Frame *frame = test_media_next(test->tracks[0].media, 3 * NS_PER_SECOND, false);
        const int64_t begin_ns = clock_monotonic_ns();
        g_assert_true(bounded_queue_wait_room(queue, frame, 2 * NS_PER_SECOND));
        waited_ns += clock_monotonic_ns() - begin_ns;
        g_assert_cmpuint(bounded_queue_put(queue, frame).dropped, ==, 0);
    }
    g_assert_cmpint(waited_ns, <, NS_PER_SECOND);
    test_output_stop(test, true);
    g_assert_cmpuint(test->result.tracks[0].frames, ==, 1000);
    test_output_free(test);
}

/* What the file will be at most is told before it is finished. */
static void test_final_bytes(void)
{
    TestOutput *test = test_output_new(CONTAINER_MP4);
    test_output_add(test, CODEC_OPUS, false);
    test_output_feed(test, 0, 3 * NS_PER_SECOND, 30);
    test_output_stop(test, true);
    const OutputProgress progress = output_progress(test->output);
    g_assert_cmpuint(test->result.files[0].bytes, <=, progress.final_bytes + 2048);
    g_assert_cmpuint(test->result.files[0].bytes, >, progress.final_bytes / 2);
    test_output_free(test);
}

void output_test_add(void)
{
    g_test_add_data_func("/output/held-until/picture", GINT_TO_POINTER(false), test_held_until);
    g_test_add_data_func("/output/held-until/with-sound", GINT_TO_POINTER(true), test_held_until);
    g_test_add_func("/output/discard", test_discard);
    g_test_add_func("/output/backlog", test_backlog);
    g_test_add_func("/output/final-bytes", test_final_bytes);
    for (size_t i = 0; i < G_N_ELEMENTS(format_rows); i++) {
        g_autofree char *path = g_strdup_printf("/output/format/%s", format_rows[i].name);
        g_test_add_data_func(path, &format_rows[i], test_format);
    }
}
