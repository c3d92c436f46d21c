#include "base/clock.h"
#include "depay_test.h"

static const struct {
    unsigned size;
    uint8_t data[3];
    int64_t duration_us;
} opus_cases[] = {
    {1, {0 << 3}, 10000},           {1, {1 << 3}, 20000},
    {1, {2 << 3}, 40000},           {1, {3 << 3}, 60000},
    {1, {11 << 3}, 60000},          {1, {12 << 3}, 10000},
    {1, {15 << 3}, 20000},          {1, {16 << 3}, 2500},
    {1, {17 << 3}, 5000},           {1, {30 << 3}, 10000},
    {3, {0xf8, 0xff, 0xfe}, 20000}, /* the server's silence */
    {1, {31 << 3 | 1}, 40000},      {1, {3 << 3 | 2}, 120000},
    {2, {31 << 3 | 3, 1}, 20000},   {2, {31 << 3 | 3, 0xc0 | 6}, 120000},
    {2, {16 << 3 | 3, 48}, 120000},
};

static void test_opus(void)
{
    Bench *bench = bench_new(CODEC_OPUS);
    for (unsigned i = 0; i < G_N_ELEMENTS(opus_cases); i++) {
        bench_push(bench, opus_cases[i].data, opus_cases[i].size, i % 2 == 0);
        g_assert_cmpuint(bench->frame_count, ==, i + 1);
        const Frame *frame = bench->frames[i];
        bench_expect_frame(bench, i, opus_cases[i].data, opus_cases[i].size);
        g_assert_cmpint(frame->duration_ns, ==, opus_cases[i].duration_us * NS_PER_US);
        g_assert_true(frame->is_key);
        g_assert_cmpuint(frame->packets, ==, 1);
    }
    bench_free(bench);
}

static void test_opus_malformed(void)
{
    static const uint8_t no_count[] = {0xfb}, no_frames[] = {0xfb, 0}, too_long[] = {0xfb, 7},
                         far_too_long[] = {0x1b, 63};
    Bench *bench = bench_new(CODEC_OPUS);
    bench_push(bench, no_count, 1, true);
    bench_push(bench, no_frames, 2, true);
    bench_push(bench, too_long, 2, true);
    bench_push(bench, far_too_long, 2, true);
    bench_push(bench, too_long, 0, true);
    g_assert_cmpuint(bench_dropped(bench, DROP_MALFORMED), ==, 4);
    g_assert_cmpuint(bench_dropped(bench, DROP_EMPTY), ==, 1);
    g_assert_cmpuint(bench->frame_count, ==, 0);
    g_assert_cmpuint(bench->requests, ==, 0);
    bench_free(bench);
}

/* Loss and broken references mean nothing to audio. */
static void test_loss(void)
{
    Bench *bench = bench_new(CODEC_OPUS);
    bench_push_after_loss(bench, "\xf8", 1, false, 9);
    depayloader_break_references(bench->depay);
    bench_push_after_loss(bench, "\xf8", 1, false, 1);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    g_assert_cmpuint(bench->requests, ==, 0);
    g_assert_false(depayloader_waits_for_keyframe(bench->depay));
    bench_free(bench);
}

static void test_pcm(void)
{
    static const uint8_t samples[160] = {0xff};
    Bench *bench = bench_new(CODEC_PCMU);
    bench_push(bench, samples, sizeof samples, false);
    bench->codec = CODEC_PCMA;
    bench_push(bench, samples, 80, false);
    g_assert_cmpint(bench->frames[0]->duration_ns, ==, 20 * NS_PER_MS);
    g_assert_cmpint(bench->frames[1]->duration_ns, ==, 10 * NS_PER_MS);
    bench_free(bench);
}

void audio_test_add(void)
{
    g_test_add_func("/audio/opus", test_opus);
    g_test_add_func("/audio/opus-malformed", test_opus_malformed);
    g_test_add_func("/audio/loss", test_loss);
    g_test_add_func("/audio/pcm", test_pcm);
}
