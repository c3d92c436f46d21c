#include "test_output.h"

#include <poll.h>
#include <string.h>

#define PATIENCE_MS 20000

static void on_opened(void *owner, const char *path, Container container)
{
    TestOutput *test = owner;
    test->opened++;
    test->opened_container = container;
    g_free(test->opened_path);
    test->opened_path = g_strdup(path);
}

static void on_track_started(void *owner, unsigned track_id)
{
    TestOutput *test = owner;
    g_assert_cmpuint(track_id, <, test->track_count);
    test->started++;
}

static void on_need_keyframe(void *owner, unsigned track_id)
{
    TestOutput *test = owner;
    g_assert_cmpuint(track_id, <, test->track_count);
    test->keyframes_wanted++;
}

static void on_failed(void *owner, const Outcome *outcome)
{
    TestOutput *test = owner;
    test->failed++;
    test->failure = *outcome;
}

static void on_track_failed(void *owner, unsigned track_id, const Outcome *outcome)
{
    TestOutput *test = owner;
    g_assert_cmpuint(track_id, <, test->track_count);
    test->track_failed++;
    test->track_failure = *outcome;
}

static void on_finished(void *owner, const OutputResult *result)
{
    TestOutput *test = owner;
    g_assert_false(test->is_finished);
    test->is_finished = true;
    test->result = *result;
    test->result.files = g_new0(OutputFile, result->file_count + 1);
    for (unsigned i = 0; i < result->file_count; i++) {
        test->result.files[i] = result->files[i];
        test->result.files[i].path = g_strdup(result->files[i].path);
    }
}

TestOutput *test_output_new(Container container)
{
    TestOutput *test = g_new0(TestOutput, 1);
    test->pool = pool_new(64U << 20);
    test->queue_items = 4000;
    test->sink_pool = sink_pool_new(1);
    test->mailbox = mailbox_new();
    test->folder = test_folder_new();
    test->stem = g_build_filename(test->folder, "take", NULL);
    const OutputConfig config = {.stem = test->stem,
                                 .container = container,
                                 .title = "Room",
                                 .started_at_wall_ns = 1700000000 * NS_PER_SECOND};
    test->output = output_new(test->sink_pool, &config,
                              (OutputEvents){.owner = test,
                                             .mailbox = test->mailbox,
                                             .opened = on_opened,
                                             .track_started = on_track_started,
                                             .need_keyframe = on_need_keyframe,
                                             .failed = on_failed,
                                             .track_failed = on_track_failed,
                                             .finished = on_finished});
    return test;
}

void test_output_free(TestOutput *test)
{
    output_free(test->output);
    sink_pool_free(test->sink_pool);
    for (unsigned i = 0; i < test->track_count; i++) {
        const LedgerRow *row = &test->tracks[i].counters.ledger.rows[STAGE_WRITE];
        g_assert_true(ledger_row_balances(&test->tracks[i].counters.ledger, STAGE_WRITE));
        g_assert_cmpuint(ledger_value(&row->held), ==, 0);
        bounded_queue_free(test->tracks[i].queue);
        test_media_free(test->tracks[i].media);
    }
    g_assert_cmpuint(pool_usage(test->pool).in_use_bytes, ==, 0);
    pool_unref(test->pool);
    mailbox_free(test->mailbox);
    for (unsigned i = 0; i < test->result.file_count; i++)
        g_free(test->result.files[i].path);
    g_free(test->result.files);
    test_folder_free(test->folder);
    g_free(test->stem);
    g_free(test->opened_path);
    g_free(test);
}

unsigned test_output_add(TestOutput *test, Codec codec, bool muted)
{
    const unsigned id = test->track_count++;
    test->tracks[id].queue = bounded_queue_new(codec_kind(codec), test->queue_items, 32U << 20);
    test->tracks[id].media = test_media_new(test->pool, codec, 160, 96);
    const OutputTrack track = {.id = id,
                               .kind = codec_kind(codec),
                               .expected_codec = codec,
                               .muted = muted,
                               .queue = test->tracks[id].queue,
                               .counters = &test->tracks[id].counters,
                               .language = "und",
                               .title = "alice"};
    g_assert_true(output_add_track(test->output, &track));
    return id;
}

void test_output_feed(TestOutput *test, unsigned track, int64_t start_ns, double seconds)
{
    TestMedia *media = test->tracks[track].media;
    Frame *frame = test_media_next(media, start_ns, false);
    const int64_t end_ns = frame->pts_ns + (int64_t)(seconds * NS_PER_SECOND);
    const int64_t step_ns = frame->duration_ns > 0 ? frame->duration_ns : NS_PER_SECOND / 25;
    while (true) {
        const int64_t next_ns = frame->pts_ns + step_ns;
        g_assert_true(bounded_queue_put(test->tracks[track].queue, frame).accepted);
        if (next_ns >= end_ns)
            break;
        frame = test_media_next(media, start_ns, false);
    }
}

static void run_mailbox(TestOutput *test)
{
    struct pollfd waiting = {.fd = mailbox_fd(test->mailbox), .events = POLLIN};
    g_assert_cmpint(poll(&waiting, 1, PATIENCE_MS), ==, 1);
    mailbox_drain(test->mailbox);
}

void test_output_wait(TestOutput *test, const unsigned *count, unsigned wanted)
{
    while (*count < wanted)
        run_mailbox(test);
}

void test_output_stop(TestOutput *test, bool finalize)
{
    for (unsigned i = 0; i < test->track_count; i++)
        bounded_queue_end(test->tracks[i].queue);
    output_stop(test->output, finalize);
    while (!test->is_finished)
        run_mailbox(test);
}
