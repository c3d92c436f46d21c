#include "sink_test.h"
#include "test_output.h"

#define START_NS (10 * NS_PER_SECOND)
#define EPSILON 0.002

static const OutputFile *only_file(const TestOutput *test)
{
    g_assert_cmpstr(test->result.outcome.sentence, ==, "");
    g_assert_cmpuint(test->result.file_count, ==, 1);
    return &test->result.files[0];
}

static unsigned files_in(const char *folder)
{
    unsigned count = 0;
    GDir *dir = g_dir_open(folder, 0, NULL);
    while (g_dir_read_name(dir) != NULL)
        count++;
    g_dir_close(dir);
    return count;
}

/* A picture that begins 0.7 s after the sound does so in the file too. */
static void test_late_start(const void *data)
{
    const bool finalize = GPOINTER_TO_INT(data) != 0;
    TestOutput *test = test_output_new(CONTAINER_MP4);
    const unsigned audio = test_output_add(test, CODEC_OPUS, false);
    const unsigned video = test_output_add(test, CODEC_H264, false);
    test_output_feed(test, audio, START_NS, 3);
    test_output_feed(test, video, START_NS + 700 * NS_PER_MS, 2.3);
    test_output_stop(test, finalize);
    const OutputFile *file = only_file(test);
    g_assert_cmpint(file->fragmented, ==, !finalize);
    const TestJudgement judgement = test_media_judge(file->path);
    g_assert_cmpuint(judgement.errors, ==, 0);
    g_assert_cmpfloat_with_epsilon(judgement.first_audio, 0, EPSILON);
    g_assert_cmpfloat_with_epsilon(judgement.first_video, 0.7, EPSILON);
    g_assert_cmpfloat_with_epsilon(judgement.last_video, 2.96, 0.05);
    test_output_free(test);
}

/* Somebody joins muted, and unmutes after two seconds. */
static void test_muted(void)
{
    TestOutput *test = test_output_new(CONTAINER_AUTO);
    const unsigned video = test_output_add(test, CODEC_H264, false);
    const unsigned audio = test_output_add(test, CODEC_OPUS, true);
    test_output_feed(test, video, START_NS, 2);
    test_output_wait(test, &test->started, 1);
    output_set_muted(test->output, audio, false);
    test_output_feed(test, audio, START_NS + 2 * NS_PER_SECOND, 1);
    test_output_feed(test, video, START_NS, 1);
    test_output_stop(test, true);
    const TestJudgement judgement = test_media_judge(only_file(test)->path);
    g_assert_cmpuint(judgement.errors, ==, 0);
    g_assert_cmpuint(judgement.audio_packets, ==, 150);
    g_assert_cmpfloat_with_epsilon(judgement.first_audio, 0, EPSILON);
    g_assert_cmpuint(test->opened, ==, 1);
    const OutputTrackResult *result = &test->result.tracks[audio];
    g_assert_cmpint(result->silence_ns, ==, 2 * NS_PER_SECOND);
    g_assert_cmpuint(result->gap_count, ==, 1);
    g_assert_cmpint(result->first_pts_ns, ==, START_NS + 2 * NS_PER_SECOND);
    g_assert_cmpint(ledger_value(&test->tracks[audio].counters.silence_ns), ==, 2 * NS_PER_SECOND);
    test_output_free(test);
}

typedef struct {
    const char *name;
    Codec video, audio;
    bool finalize;
    Container merged;
    unsigned files;
    int after_s;
} LateRow;

static const LateRow late_rows[] = {
    {"h264-merged", CODEC_H264, CODEC_OPUS, true, CONTAINER_MP4, 1, 3},
    {"vp8-merged", CODEC_VP8, CODEC_OPUS, true, CONTAINER_WEBM, 1, 3},
    {"h264-pcmu-merged", CODEC_H264, CODEC_PCMU, true, CONTAINER_MKV, 1, 3},
    {"h264-parts", CODEC_H264, CODEC_OPUS, false, CONTAINER_MP4, 2, 3},
    {"h264-minute", CODEC_H264, CODEC_OPUS, true, CONTAINER_MP4, 1, 60},
    {"vp8-minute", CODEC_VP8, CODEC_OPUS, true, CONTAINER_WEBM, 1, 60},
};

/* A camera comes seconds, or a minute, after the microphone, unannounced. */
static void test_late_camera(const void *data)
{
    const LateRow *row = data;
    TestOutput *test = test_output_new(CONTAINER_AUTO);
    const unsigned audio = test_output_add(test, row->audio, false);
    test_output_feed(test, audio, START_NS, row->after_s);
    test_output_wait(test, &test->started, 1);
    const unsigned video = test_output_add(test, row->video, false);
    test_output_feed(test, video, START_NS + row->after_s * NS_PER_SECOND, 2);
    test_output_feed(test, audio, START_NS, 2);
    test_output_stop(test, row->finalize);
    g_assert_cmpuint(test->result.file_count, ==, row->files);
    g_assert_cmpuint(files_in(test->folder), ==, row->files);
    g_assert_cmpuint(test->opened, ==, 2);
    g_assert_cmpuint(test->result.tracks[video].frames, ==, 50);
    const OutputFile *file = &test->result.files[row->files - 1];
    g_assert_true(g_str_has_suffix(file->path, container_extension(row->merged)));
    const TestJudgement judgement = test_media_judge(file->path);
    g_assert_cmpuint(judgement.errors, ==, 0);
    g_assert_cmpuint(judgement.video_frames, ==, 50);
    const double zero = (double)(file->zero_ns - START_NS) / NS_PER_SECOND;
    g_assert_cmpfloat_with_epsilon(zero + judgement.first_video, row->after_s, 0.02);
    g_assert_cmpfloat_with_epsilon(zero + (double)file->duration_ns / NS_PER_SECOND,
                                   row->after_s + 2, 0.05);
    if (row->files == 1)
        g_assert_cmpfloat(zero, ==, 0);
    if (row->files == 1)
        g_assert_cmpuint(judgement.audio_packets, ==, (unsigned)(row->after_s + 2) * 50);
    test_output_free(test);
}

/* A second camera comes: the first goes over to the part at its next key frame; no frame is lost.
 */
static void test_second_camera(const void *data)
{
    const bool finalize = GPOINTER_TO_INT(data) != 0;
    TestOutput *test = test_output_new(CONTAINER_MP4);
    const unsigned first = test_output_add(test, CODEC_H264, false);
    test_output_feed(test, first, START_NS, 2.4);
    test_output_wait(test, &test->started, 1);
    const unsigned second = test_output_add(test, CODEC_H264, false);
    test_output_feed(test, second, START_NS + 2400 * NS_PER_MS, 2);
    test_output_wait(test, &test->started, 2);
    test_output_feed(test, first, START_NS, 2);
    test_output_stop(test, finalize);
    g_assert_cmpuint(test->keyframes_wanted, ==, 1);
    g_assert_cmpuint(test->result.file_count, ==, finalize ? 1 : 2);
    unsigned frames = 0;
    for (unsigned i = 0; i < test->result.file_count; i++) {
        const TestJudgement judgement = test_media_judge(test->result.files[i].path);
        g_assert_cmpuint(judgement.errors, ==, 0);
        frames += judgement.video_frames;
    }
    g_assert_cmpuint(frames, ==, 110 + 50);
    test_output_free(test);
}

/* The publisher goes over from VP8 to H.264: two files, since one stream has one codec. */
static void test_codec_change(void)
{
    TestOutput *test = test_output_new(CONTAINER_AUTO);
    const unsigned video = test_output_add(test, CODEC_VP8, false);
    const unsigned audio = test_output_add(test, CODEC_OPUS, false);
    test_output_feed(test, video, START_NS, 2);
    test_output_feed(test, audio, START_NS, 2);
    test_output_wait(test, &test->started, 2);
    test_media_free(test->tracks[video].media);
    test->tracks[video].media = test_media_new(test->pool, CODEC_H264, 160, 96);
    test_output_feed(test, video, START_NS + 2 * NS_PER_SECOND, 2);
    test_output_feed(test, audio, START_NS, 2);
    test_output_stop(test, true);
    g_assert_cmpuint(test->result.file_count, ==, 2);
    const TestJudgement before = test_media_judge(test->result.files[0].path);
    const TestJudgement after = test_media_judge(test->result.files[1].path);
    g_assert_cmpuint(before.errors + after.errors, ==, 0);
    g_assert_cmpuint(before.video_frames, ==, 50);
    g_assert_cmpuint(after.video_frames, ==, 50);
    g_assert_cmpuint(before.audio_packets + after.audio_packets, ==, 200);
    g_assert_true(g_str_has_suffix(test->result.files[1].path, "take.part2.mp4"));
    g_assert_cmpfloat_with_epsilon(after.first_video, 0, EPSILON);
    g_assert_cmpint(test->result.files[1].zero_ns, ==, START_NS + 2 * NS_PER_SECOND);
    test_output_free(test);
}

/* Sound alone, then with H.264, then with VP8: what one container holds becomes one file. */
static void test_codec_change_after_a_part(void)
{
    TestOutput *test = test_output_new(CONTAINER_AUTO);
    const unsigned audio = test_output_add(test, CODEC_OPUS, false);
    test_output_feed(test, audio, START_NS, 2);
    test_output_wait(test, &test->started, 1);
    const unsigned video = test_output_add(test, CODEC_H264, false);
    test_output_feed(test, video, START_NS + 2 * NS_PER_SECOND, 2);
    test_output_feed(test, audio, START_NS, 2);
    test_output_wait(test, &test->started, 2);
    test_media_free(test->tracks[video].media);
    test->tracks[video].media = test_media_new(test->pool, CODEC_VP8, 160, 96);
    test_output_feed(test, video, START_NS + 4 * NS_PER_SECOND, 2);
    test_output_feed(test, audio, START_NS, 2);
    test_output_stop(test, true);
    g_assert_cmpuint(test->result.file_count, ==, 2);
    g_assert_true(g_str_has_suffix(test->result.files[0].path, "/take.mp4"));
    g_assert_true(g_str_has_suffix(test->result.files[1].path, "/take.part3.webm"));
    g_assert_cmpuint(files_in(test->folder), ==, 2);
    const TestJudgement before = test_media_judge(test->result.files[0].path);
    const TestJudgement after = test_media_judge(test->result.files[1].path);
    g_assert_cmpuint(before.errors + after.errors, ==, 0);
    g_assert_cmpuint(before.video_frames, ==, 50);
    g_assert_cmpuint(after.video_frames, ==, 50);
    g_assert_cmpuint(before.audio_packets + after.audio_packets, ==, 300);
    test_output_free(test);
}

/* A layer switch: the picture's size changes in the stream, the file goes on. */
static void test_size_change(const void *data)
{
    const Codec codec = (Codec)GPOINTER_TO_INT(data);
    TestOutput *test = test_output_new(CONTAINER_AUTO);
    const unsigned video = test_output_add(test, codec, false);
    test_output_feed(test, video, START_NS, 1);
    test_media_free(test->tracks[video].media);
    test->tracks[video].media = test_media_new(test->pool, codec, 320, 192);
    test_output_feed(test, video, START_NS + NS_PER_SECOND, 1);
    test_output_stop(test, true);
    const TestJudgement judgement = test_media_judge(only_file(test)->path);
    g_assert_cmpuint(judgement.errors, ==, 0);
    g_assert_cmpuint(judgement.video_frames, ==, 50);
    g_assert_cmpint(judgement.width, ==, 320);
    g_assert_cmpuint(test->result.tracks[video].width, ==, 320);
    test_output_free(test);
}

/* What the first sender reports taught moves the head of the picture. */
static void test_head_correction(const void *data)
{
    const Container container = (Container)GPOINTER_TO_INT(data);
    TestOutput *test = test_output_new(container);
    const unsigned video =
        test_output_add(test, container == CONTAINER_WEBM ? CODEC_VP8 : CODEC_H264, false);
    const unsigned audio = test_output_add(test, CODEC_OPUS, false);
    test_output_feed(test, video, START_NS + 80 * NS_PER_MS, 3);
    test_output_feed(test, audio, START_NS, 3);
    output_set_head_correction(test->output, video, -80 * NS_PER_MS, START_NS + NS_PER_SECOND,
                               START_NS + 2 * NS_PER_SECOND);
    test_output_stop(test, true);
    const TestJudgement judgement = test_media_judge(only_file(test)->path);
    g_assert_cmpuint(judgement.errors, ==, 0);
    g_assert_cmpfloat_with_epsilon(judgement.first_video, 0, EPSILON);
    g_assert_cmpfloat_with_epsilon(judgement.last_video, 0.08 + 74 * 0.04, EPSILON);
    test_output_free(test);
}

void parts_test_add(void)
{
    g_test_add_data_func("/parts/late-start/fragmented", GINT_TO_POINTER(0), test_late_start);
    g_test_add_data_func("/parts/late-start/plain", GINT_TO_POINTER(1), test_late_start);
    g_test_add_func("/parts/muted", test_muted);
    for (size_t i = 0; i < G_N_ELEMENTS(late_rows); i++) {
        g_autofree char *path = g_strdup_printf("/parts/late-camera/%s", late_rows[i].name);
        g_test_add_data_func(path, &late_rows[i], test_late_camera);
    }
    g_test_add_data_func("/parts/second-camera/parts", GINT_TO_POINTER(0), test_second_camera);
    g_test_add_data_func("/parts/second-camera/merged", GINT_TO_POINTER(1), test_second_camera);
    g_test_add_func("/parts/codec-change", test_codec_change);
    g_test_add_func("/parts/codec-change/after-a-part", test_codec_change_after_a_part);
    g_test_add_data_func("/parts/size-change/h264", GINT_TO_POINTER(CODEC_H264), test_size_change);
    g_test_add_data_func("/parts/size-change/vp8", GINT_TO_POINTER(CODEC_VP8), test_size_change);
    g_test_add_data_func("/parts/head-correction/mp4", GINT_TO_POINTER(CONTAINER_MP4),
                         test_head_correction);
    g_test_add_data_func("/parts/head-correction/webm", GINT_TO_POINTER(CONTAINER_WEBM),
                         test_head_correction);
}
