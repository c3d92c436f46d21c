#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sink/inspect.h"
#include "sink/recover.h"
#include "sink/track_set.h"
#include "sink_test.h"
#include "test_output.h"

#define START_NS (5 * NS_PER_SECOND)

/* The set of tracks without threads: the test tells the time. */
typedef struct {
    Pool *pool;
    Mailbox *mailbox;
    char *folder, *stem;
    OutputConfig config;
    OutputEvents events;
    TrackSet *set;
    BoundedQueue *queues[2];
    TrackCounters counters[2];
    TestMedia *media[2];
    int64_t now_ns;
} Bench;

static void on_opened(void *owner, const char *path, Container container)
{
    (void)owner;
    (void)container;
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void on_track(void *owner, unsigned track_id)
{
    (void)owner;
    g_assert_cmpuint(track_id, <, 2);
}

static void on_failed(void *owner, const Outcome *outcome)
{
    (void)owner;
    g_assert_cmpint(outcome->kind, ==, OUTCOME_FAILED);
}

static Bench *bench_new(Container container, Codec video, Codec audio)
{
    Bench *bench = g_new0(Bench, 1);
    const Codec codecs[2] = {video, audio};
    bench->pool = pool_new(64U << 20);
    bench->mailbox = mailbox_new();
    bench->folder = test_folder_new();
    bench->stem = g_build_filename(bench->folder, "take", NULL);
    bench->config = (OutputConfig){.stem = bench->stem, .container = container};
    bench->events = (OutputEvents){.mailbox = bench->mailbox,
                                   .opened = on_opened,
                                   .track_started = on_track,
                                   .need_keyframe = on_track,
                                   .failed = on_failed};
    bench->set = track_set_new(&bench->config, &bench->events);
    for (unsigned i = 0; i < 2; i++) {
        bench->queues[i] = bounded_queue_new(codec_kind(codecs[i]), 500, 8U << 20);
        bench->media[i] = test_media_new(bench->pool, codecs[i], 160, 96);
        track_set_add(bench->set,
                      &(OutputTrack){.id = i,
                                     .kind = codec_kind(codecs[i]),
                                     .expected_codec = codecs[i],
                                     .queue = bench->queues[i],
                                     .counters = &bench->counters[i]},
                      0);
    }
    return bench;
}

static void bench_free(Bench *bench)
{
    mailbox_drain(bench->mailbox);
    track_set_free(bench->set);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(ledger_row_balances(&bench->counters[i].ledger, STAGE_WRITE));
        g_assert_cmpuint(ledger_value(&bench->counters[i].ledger.rows[STAGE_WRITE].held), ==, 0);
        bounded_queue_free(bench->queues[i]);
        test_media_free(bench->media[i]);
    }
    g_assert_cmpuint(pool_usage(bench->pool).in_use_bytes, ==, 0);
    pool_unref(bench->pool);
    mailbox_free(bench->mailbox);
    test_folder_free(bench->folder);
    g_free(bench->stem);
    g_free(bench);
}

static void put(Bench *bench, unsigned track, int64_t shift_ns)
{
    Frame *frame = test_media_next(bench->media[track], START_NS + shift_ns, false);
    bounded_queue_put(bench->queues[track], frame);
}

/* 200 ms of media and of time. */
static void step(Bench *bench)
{
    for (unsigned i = 0; i < 5; i++) {
        put(bench, 0, 0);
        put(bench, 1, 0);
        put(bench, 1, 0);
    }
    bench->now_ns += 200 * NS_PER_MS;
    track_set_drain(bench->set, bench->now_ns);
}

static void finish(Bench *bench)
{
    bounded_queue_end(bench->queues[0]);
    bounded_queue_end(bench->queues[1]);
    g_assert_true(track_set_stop(bench->set, bench->now_ns, false));
}

static const char *part_path_of(const Bench *bench, unsigned index)
{
    Part *const *parts = NULL;
    g_assert_cmpuint(track_set_parts(bench->set, &parts), >, index);
    return parts[index]->path;
}

static void copy_file(const char *from, const char *to)
{
    g_autofree char *contents = NULL;
    gsize size = 0;
    g_assert_true(g_file_get_contents(from, &contents, &size, NULL));
    g_assert_true(g_file_set_contents(to, contents, (gssize)size, NULL));
}

typedef struct {
    const char *name;
    Container container;
    Codec video;
} KillRow;

static const KillRow kill_rows[] = {
    {"mp4-h264", CONTAINER_MP4, CODEC_H264},
    {"mp4-vp9", CONTAINER_MP4, CODEC_VP9},
    {"webm-vp8", CONTAINER_WEBM, CODEC_VP8},
    {"mkv-h264", CONTAINER_MKV, CODEC_H264},
};

/* Killed at any moment, the file plays to within a second before. */
static void test_kill(const void *data)
{
    const KillRow *row = data;
    Bench *bench = bench_new(row->container, row->video, CODEC_OPUS);
    g_autofree char *copy = g_build_filename(bench->folder, "copy", NULL);
    for (unsigned i = 1; i <= 20; i++) {
        step(bench);
        copy_file(part_path_of(bench, 0), copy);
        const TestJudgement judgement = test_media_judge(copy);
        g_assert_cmpuint(judgement.errors, ==, 0);
        g_assert_cmpfloat(judgement.last_video, >, 0.2 * i - 1.0);
        g_assert_cmpfloat(judgement.last_audio, >, 0.2 * i - 1.0);
    }
    finish(bench);
    const TestJudgement judgement = test_media_judge(part_path_of(bench, 0));
    g_assert_cmpuint(judgement.video_frames, ==, 100);
    g_assert_cmpuint(judgement.errors, ==, 0);
    bench_free(bench);
}

static void cut_file(const char *path, int64_t bytes)
{
    GStatBuf status;
    g_assert_cmpint(g_stat(path, &status), ==, 0);
    g_assert_cmpint(truncate(path, status.st_size - bytes), ==, 0);
}

/* What a kill left gets its index and keeps every packet that can be read; a hindrance leaves it.
 */
static void test_recover(const void *data)
{
    const KillRow *row = data;
    Bench *bench = bench_new(row->container, row->video, CODEC_OPUS);
    g_autofree char *copy =
        g_strdup_printf("%s/killed.%s", bench->folder, container_extension(row->container));
    for (unsigned i = 0; i < 12; i++)
        step(bench);
    for (unsigned cut = 0; cut <= 300; cut += 100) {
        copy_file(part_path_of(bench, 0), copy);
        cut_file(copy, cut);
        Inspection before, after;
        char error[200] = "";
        g_assert_true(inspect_file(copy, &before, error, sizeof error));
        g_assert_false(before.has_index);
        OutputFile file = {0};
        g_assert_false(recover_file_now(copy, 1000, &file));
        g_assert_nonnull(strstr(file.reason, "finalize_max_bytes (1000)"));
        file = (OutputFile){0};
        g_assert_true(recover_file_now(copy, 0, &file));
        g_assert_cmpstr(file.reason, ==, "");
        g_assert_true(inspect_file(copy, &after, error, sizeof error));
        g_assert_true(after.has_index);
        g_assert_cmpuint(file.bytes, ==, after.bytes);
        g_assert_cmpint(ABS(after.duration_ns - before.duration_ns), <, 100 * NS_PER_MS);
        for (unsigned i = 0; i < 2; i++) {
            g_assert_cmpuint(after.tracks[i].packets, <=, before.tracks[i].packets);
            g_assert_cmpuint(after.tracks[i].packets + (cut > 0), >=, before.tracks[i].packets);
        }
        const TestJudgement judgement = test_media_judge(copy);
        g_assert_cmpuint(judgement.errors, ==, 0);
        g_unlink(copy);
    }
    finish(bench);
    bench_free(bench);
}

static void damage_file(const char *path, int64_t from, size_t bytes)
{
    g_autofree char *contents = NULL;
    gsize size = 0;
    g_assert_true(g_file_get_contents(path, &contents, &size, NULL));
    g_assert_cmpuint((gsize)from + bytes, <, size);
    memset(contents + from, 0xa5, bytes);
    g_assert_true(g_file_set_contents(path, contents, (gssize)size, NULL));
}

/* Damage is no cut: wherever it is, a file is left as it is unless all that plays is in the copy.
 */
static void test_recover_damaged(const void *data)
{
    const KillRow *row = data;
    Bench *bench = bench_new(row->container, row->video, CODEC_OPUS);
    g_autofree char *copy =
        g_strdup_printf("%s/damaged.%s", bench->folder, container_extension(row->container));
    for (unsigned i = 0; i < 12; i++)
        step(bench);
    GStatBuf status;
    g_assert_cmpint(g_stat(part_path_of(bench, 0), &status), ==, 0);
    for (unsigned place = 1; place < 10; place++) {
        Inspection before = {0}, after = {0};
        char error[200] = "";
        OutputFile file = {0};
        copy_file(part_path_of(bench, 0), copy);
        damage_file(copy, status.st_size * place / 10, (size_t)status.st_size / 20);
        inspect_file(copy, &before, error, sizeof error);
        const bool is_done = recover_file_now(copy, 0, &file);
        g_assert_true(g_file_test(copy, G_FILE_TEST_IS_REGULAR));
        inspect_file(copy, &after, error, sizeof error);
        if (is_done)
            g_assert_cmpuint(before.tracks[0].packets, >=, 40); /* of 55 */
        else
            g_assert_cmpuint(after.bytes, ==, before.bytes);
        for (unsigned i = 0; i < before.track_count; i++)
            g_assert_cmpuint(after.tracks[i].packets + 1, >=, before.tracks[i].packets);
        g_unlink(copy);
    }
    finish(bench);
    bench_free(bench);
}

/* What is no media file, or none of ours, is not touched. */
static void test_recover_nothing(void)
{
    char *folder = test_folder_new();
    static const char *const names[] = {"a.mp4", "b.mkv", "c.txt", "d"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_autofree char *contents = NULL;
        OutputFile file = {0};
        g_assert_true(g_file_set_contents(path, "no media", -1, NULL));
        g_assert_false(recover_file_now(path, 0, &file));
        g_assert_cmpstr(file.reason, !=, "");
        g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
        g_assert_cmpstr(contents, ==, "no media");
    }
    test_folder_free(folder);
}

static void test_disk_full(const void *data)
{
    const KillRow *row = data;
    Bench *bench = bench_new(row->container, row->video, CODEC_OPUS);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit former;
    getrlimit(RLIMIT_FSIZE, &former);
    for (unsigned i = 0; i < 10; i++)
        step(bench);
    const uint64_t whole_bytes = track_set_progress(bench->set).bytes;
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){whole_bytes + 2000, former.rlim_max});
    for (unsigned i = 0; i < 10; i++)
        step(bench);
    finish(bench);
    setrlimit(RLIMIT_FSIZE, &former);
    const Outcome *outcome = track_set_outcome(bench->set);
    g_assert_cmpint(outcome->kind, ==, OUTCOME_FAILED);
    g_assert_cmpint(outcome->code, ==, CODE_DISK_FULL);
    g_assert_nonnull(strstr(outcome->sentence, part_path_of(bench, 0)));
    GStatBuf status;
    g_assert_cmpint(g_stat(part_path_of(bench, 0), &status), ==, 0);
    g_assert_cmpint(status.st_size, ==, whole_bytes);
    const TestJudgement judgement = test_media_judge(part_path_of(bench, 0));
    g_assert_cmpuint(judgement.errors, ==, 0);
    g_assert_cmpuint(judgement.video_frames, ==,
                     ledger_value(&bench->counters[0].ledger.rows[STAGE_WRITE].out));
    g_assert_cmpuint(
        ledger_value(&bench->counters[0].ledger.rows[STAGE_WRITE].dropped[DROP_WRITE_FAILED]), >,
        0);
    bench_free(bench);
}

/* A hole in the picture keeps its length in a growing file, a hole in the sound is filled. */
static void test_hole(const void *data)
{
    const KillRow *row = data;
    Bench *bench = bench_new(row->container, row->video, CODEC_OPUS);
    for (unsigned i = 0; i < 5; i++)
        step(bench);
    const int64_t hole_ns = 4 * NS_PER_SECOND;
    for (unsigned i = 0; i < 25; i++) {
        put(bench, 0, hole_ns);
        put(bench, 1, hole_ns);
        put(bench, 1, hole_ns);
    }
    finish(bench);
    const TestJudgement judgement = test_media_judge(part_path_of(bench, 0));
    g_assert_cmpuint(judgement.errors, ==, 0);
    g_assert_cmpuint(judgement.video_frames, ==, 50);
    g_assert_cmpfloat_with_epsilon(judgement.last_video, 5.96, 0.01);
    g_assert_cmpuint(judgement.audio_packets, ==, 300);
    Inspection inspection;
    char error[200] = "";
    g_assert_true(inspect_file(part_path_of(bench, 0), &inspection, error, sizeof error));
    g_assert_cmpuint(inspection.tracks[0].gap_count, ==, 1);
    g_assert_cmpfloat_with_epsilon((double)inspection.tracks[0].gaps[0].end_ns / NS_PER_SECOND, 5,
                                   0.002);
    SinkTrack *const *tracks = NULL;
    track_set_tracks(bench->set, &tracks);
    g_assert_cmpuint(tracks[0]->result.gap_count, ==, 1);
    g_assert_cmpint(tracks[0]->result.gaps[0].start_ns, ==, START_NS + 960 * NS_PER_MS);
    g_assert_cmpint(tracks[1]->result.silence_ns, ==, hole_ns);
    bench_free(bench);
}

/* Sound whose times jitter, stand still or step back never ends the file. */
static void test_jitter(void)
{
    static const int shifts_ms[] = {0, 5, -5, 5, -20, -20, -21, 0, 9, -2000, 0, 30, -30, 0};
    Bench *bench = bench_new(CONTAINER_MP4, CODEC_H264, CODEC_OPUS);
    for (unsigned i = 0; i < G_N_ELEMENTS(shifts_ms); i++) {
        put(bench, 0, 0);
        put(bench, 1, shifts_ms[i] * NS_PER_MS);
    }
    finish(bench);
    g_assert_cmpint(track_set_outcome(bench->set)->kind, ==, OUTCOME_NONE);
    const TestJudgement judgement = test_media_judge(part_path_of(bench, 0));
    g_assert_cmpuint(judgement.errors, ==, 0);
    const LedgerRow *row = &bench->counters[1].ledger.rows[STAGE_WRITE];
    g_assert_cmpuint(ledger_value(&row->out), ==, G_N_ELEMENTS(shifts_ms) - 1);
    g_assert_cmpuint(ledger_dropped(row), ==, 1);
    bench_free(bench);
}

/* A picture whose time lies over a second back has no place; the next key frame goes on. */
static void test_back_step(void)
{
    Bench *bench = bench_new(CONTAINER_MP4, CODEC_H264, CODEC_OPUS);
    for (unsigned i = 0; i < 15; i++)
        step(bench);
    put(bench, 0, -1500 * NS_PER_MS);
    for (unsigned i = 0; i < 30; i++)
        put(bench, 0, 0);
    finish(bench);
    const TestJudgement judgement = test_media_judge(part_path_of(bench, 0));
    g_assert_cmpuint(judgement.errors, ==, 0);
    const LedgerRow *row = &bench->counters[0].ledger.rows[STAGE_WRITE];
    g_assert_cmpuint(ledger_value(&row->dropped[DROP_NO_TIME]), ==, 1);
    /* Key frames are every 25: frame 75 is dropped, up to frame 99 what refers to it as well. */
    g_assert_cmpuint(ledger_value(&row->dropped[DROP_BROKEN_REFERENCE]), ==, 24);
    g_assert_cmpuint(ledger_value(&row->out), ==, 75 + 6);
    bench_free(bench);
}

static void test_existing_file(void)
{
    TestOutput *test = test_output_new(CONTAINER_MP4);
    g_autofree char *path = g_strconcat(test->stem, ".mp4", NULL);
    g_assert_true(g_file_set_contents(path, "mine", -1, NULL));
    test_output_add(test, CODEC_H264, false);
    test_output_feed(test, 0, START_NS, 1);
    test_output_stop(test, true);
    g_autofree char *contents = NULL;
    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    g_assert_cmpstr(contents, ==, "mine");
    g_assert_cmpuint(test->failed, ==, 1);
    g_assert_cmpint(test->failure.code, ==, CODE_OUTPUT_EXISTS);
    g_assert_cmpint(test->result.outcome.code, ==, CODE_OUTPUT_EXISTS);
    g_assert_cmpuint(test->result.file_count, ==, 0);
    test_output_free(test);
}

static void test_codec_unsupported(void)
{
    TestOutput *test = test_output_new(CONTAINER_WEBM);
    test_output_add(test, CODEC_H264, false);
    test_output_add(test, CODEC_OPUS, false);
    test_output_feed(test, 0, START_NS, 1);
    test_output_feed(test, 1, START_NS, 1);
    test_output_stop(test, true);
    g_assert_cmpuint(test->track_failed, ==, 1);
    g_assert_cmpuint(test->failed, ==, 0);
    g_assert_cmpint(test->track_failure.code, ==, CODE_CODEC_UNSUPPORTED);
    g_assert_nonnull(strstr(test->track_failure.sentence, "mp4, mkv"));
    g_assert_cmpuint(test->result.file_count, ==, 1);
    g_assert_cmpuint(test_media_judge(test->result.files[0].path).audio_packets, ==, 50);
    const LedgerRow *row = &test->tracks[0].counters.ledger.rows[STAGE_WRITE];
    g_assert_cmpuint(ledger_value(&row->dropped[DROP_CODEC_UNSUPPORTED]), ==, 25);
    test_output_free(test);

    test = test_output_new(CONTAINER_OGG);
    test_output_add(test, CODEC_VP8, false);
    test_output_feed(test, 0, START_NS, 1);
    test_output_stop(test, true);
    g_assert_cmpuint(test->failed, ==, 1);
    g_assert_cmpint(test->failure.code, ==, CODE_CODEC_UNSUPPORTED);
    g_assert_cmpuint(test->result.file_count, ==, 0);
    test_output_free(test);
}

static unsigned open_files(void)
{
    unsigned count = 0;
    GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
    while (dir != NULL && g_dir_read_name(dir) != NULL)
        count++;
    if (dir != NULL)
        g_dir_close(dir);
    return count;
}

/* Nothing came: no file, no failure, no descriptor left open. */
static void test_nothing(void)
{
    const unsigned before = open_files();
    TestOutput *test = test_output_new(CONTAINER_AUTO);
    test_output_add(test, CODEC_H264, false);
    test_output_stop(test, true);
    g_assert_cmpint(test->result.outcome.kind, ==, OUTCOME_NONE);
    g_assert_cmpuint(test->result.file_count, ==, 0);
    g_assert_cmpuint(test->opened, ==, 0);
    test_output_free(test);
    test = test_output_new(CONTAINER_AUTO);
    test_output_add(test, CODEC_H264, false);
    test_output_feed(test, 0, START_NS, 1);
    test_output_stop(test, true);
    test_output_free(test);
    g_assert_cmpuint(open_files(), ==, before);
}

static void test_not_finalized(void)
{
    TestOutput *test = test_output_new(CONTAINER_MP4);
    test_output_add(test, CODEC_H264, false);
    test_output_feed(test, 0, START_NS, 1);
    test_output_stop(test, false);
    g_assert_true(test->result.files[0].fragmented);
    g_assert_cmpstr(test->result.files[0].reason, !=, "");
    test_output_free(test);
}

/* The last packet of sound ends with the picture only by chance. */
static void test_even_end_is_no_gap(void)
{
    TestOutput *test = test_output_new(CONTAINER_MP4);
    test_output_add(test, CODEC_H264, false);
    test_output_add(test, CODEC_OPUS, false);
    test_output_feed(test, 0, START_NS + 65 * NS_PER_MS, 2);
    test_output_feed(test, 1, START_NS, 2);
    test_output_stop(test, true);
    for (unsigned i = 0; i < test->result.track_count; i++)
        g_assert_cmpuint(test->result.tracks[i].gap_count, ==, 0);
    test_output_free(test);
}

void robust_test_add(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kill_rows); i++) {
        g_autofree char *kill_path = g_strdup_printf("/robust/kill/%s", kill_rows[i].name);
        g_autofree char *full_path = g_strdup_printf("/robust/disk-full/%s", kill_rows[i].name);
        g_autofree char *hole_path = g_strdup_printf("/robust/hole/%s", kill_rows[i].name);
        g_test_add_data_func(kill_path, &kill_rows[i], test_kill);
        g_autofree char *recover_path = g_strdup_printf("/robust/recover/%s", kill_rows[i].name);
        g_test_add_data_func(recover_path, &kill_rows[i], test_recover);
        g_autofree char *damaged_path = g_strdup_printf("/robust/damaged/%s", kill_rows[i].name);
        g_test_add_data_func(damaged_path, &kill_rows[i], test_recover_damaged);
        g_test_add_data_func(full_path, &kill_rows[i], test_disk_full);
        g_test_add_data_func(hole_path, &kill_rows[i], test_hole);
    }
    g_test_add_func("/robust/recover/nothing", test_recover_nothing);
    g_test_add_func("/robust/jitter", test_jitter);
    g_test_add_func("/robust/back-step", test_back_step);
    g_test_add_func("/robust/existing-file", test_existing_file);
    g_test_add_func("/robust/codec-unsupported", test_codec_unsupported);
    g_test_add_func("/robust/nothing", test_nothing);
    g_test_add_func("/robust/not-finalized", test_not_finalized);
    g_test_add_func("/robust/even-end", test_even_end_is_no_gap);
}
