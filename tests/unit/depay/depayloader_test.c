#include <stdatomic.h>
#include <string.h>

#include "depay_test.h"

static const uint8_t key[] = {0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 0xaa};
static const uint8_t delta[] = {0x10, 0x11, 2, 0, 0xbb};
static const uint8_t rest[] = {0x00, 1, 2, 3};

/* The link wraps these three: what our own code asks of the system is counted. */
static _Atomic unsigned allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_malloc(size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_realloc(block, size);
}

static void test_before_keyframe(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    g_assert_true(depayloader_waits_for_keyframe(bench->depay));
    for (unsigned i = 0; i < 3; i++)
        bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->requests, ==, 1);
    g_assert_cmpuint(bench_dropped(bench, DROP_BEFORE_KEYFRAME), ==, 3);
    bench_push(bench, key, sizeof key, true);
    g_assert_false(depayloader_waits_for_keyframe(bench->depay));
    g_assert_cmpuint(bench->frame_count, ==, 1);
    bench_free(bench);
}

/* One packet of each kind, and what it costs. */
static void test_missing(void)
{
    static const struct {
        bool before_ends, after_begins; /* the pictures on both sides of the loss are whole there */
        unsigned lost;
        uint64_t missing;
    } rows[] = {
        {true, true, 1, 1 + 1},  /* a picture of one packet, and one that refers to it */
        {true, true, 3, 3 + 1},  /* three of them, or fewer */
        {false, true, 1, 1 + 1}, /* the end of one */
        {true, false, 1, 1},     /* the begin of one */
        {false, false, 2, 2},    {false, false, 4, 4},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Bench *bench = bench_new(CODEC_VP8);
        bench_push(bench, key, sizeof key, true);
        bench_push(bench, delta, sizeof delta, rows[i].before_ends);
        bench->timestamp += 3000 * !rows[i].before_ends;
        const bool is_whole = rows[i].after_begins;
        bench_push_after_loss(bench, is_whole ? delta : rest, is_whole ? sizeof delta : sizeof rest,
                              true, rows[i].lost);
        g_test_message("row %zu", i);
        g_assert_cmpuint(depayloader_missing(bench->depay), ==, rows[i].missing);
        bench_free(bench);
    }
}

static void test_missing_inside(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, delta, sizeof delta, false);
    bench_push_after_loss(bench, rest, sizeof rest, true, 5);
    g_assert_cmpuint(depayloader_missing(bench->depay), ==, 1);
    bench_push(bench, delta, sizeof delta, true);
    bench_push(bench, key, sizeof key, true);
    g_assert_cmpuint(depayloader_missing(bench->depay), ==, 2);
    bench_free(bench);
}

/* A whole frame was lost: all up to the next key frame goes, and one request is made. */
static void test_lost_frame(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, true);
    bench_push_after_loss(bench, delta, sizeof delta, true, 4);
    g_assert_cmpuint(bench->requests, ==, 1);
    bench->timestamp += 3000;
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench_dropped(bench, DROP_BROKEN_REFERENCE), ==, 2);
    g_assert_cmpuint(bench->requests, ==, 1);
    bench_push_after_loss(bench, delta, sizeof delta, true, 1);
    g_assert_cmpuint(bench->requests, ==, 2);
    bench->timestamp += 3000;
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->frame_count, ==, 3);
    bench_free(bench);
}

/* The end of one frame and the beginning of the next are lost. */
static void test_loss_between(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, false);
    g_assert_cmpuint(ledger_value(&bench->row->held), ==, 1);
    bench->timestamp += 3000;
    bench_push_after_loss(bench, rest, sizeof rest, true, 2);
    g_assert_cmpuint(bench->frame_count, ==, 0);
    g_assert_cmpuint(bench_dropped(bench, DROP_INCOMPLETE), ==, 2);
    bench_free(bench);
}

/* A lost packet that turns up as padding changes nothing; a loss in front of padding counts. */
/* A server that changes to another layer leaves out the rest of a frame, without a hole. */
static void test_truncated(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, false);
    bench->timestamp += 90;
    bench_push(bench, key, sizeof key, false);
    bench_push(bench, rest, sizeof rest, true);
    g_assert_cmpuint(bench->frame_count, ==, 1);
    g_assert_cmpuint(bench->frames[0]->packets, ==, 2);
    g_assert_cmpuint(bench_dropped(bench, DROP_INCOMPLETE), ==, 1);
    bench_push(bench, delta, sizeof delta, false);
    bench->timestamp += 90;
    bench_push(bench, delta, sizeof delta, true);
    g_assert_true(depayloader_waits_for_keyframe(bench->depay));
    g_assert_cmpuint(bench->frame_count, ==, 1);
    bench_free(bench);
}

static void test_never_a_marker(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    for (unsigned i = 0; i < 20; i++) {
        bench_push(bench, key, sizeof key, false);
        bench_push(bench, rest, sizeof rest, false);
        bench->timestamp += 3000;
    }
    g_assert_cmpuint(bench_dropped(bench, DROP_INCOMPLETE), ==, 16);
    g_assert_cmpuint(bench->frame_count, ==, 11);
    bench_free(bench);
}

static void test_padding(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, false);
    bench_push(bench, "", 0, false);
    bench_push(bench, rest, sizeof rest, true);
    g_assert_cmpuint(bench->frame_count, ==, 1);
    g_assert_cmpuint(bench_dropped(bench, DROP_EMPTY), ==, 1);
    bench_push_after_loss(bench, "", 0, false, 1);
    bench->timestamp += 3000;
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->frame_count, ==, 1);
    g_assert_cmpuint(bench->requests, ==, 1);
    bench_free(bench);
}

static void test_flush(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, delta, sizeof delta, false);
    depayloader_flush(bench->depay);
    depayloader_flush(bench->depay);
    g_assert_cmpuint(bench->frame_count, ==, 1);
    g_assert_cmpuint(bench_dropped(bench, DROP_INCOMPLETE), ==, 1);
    bench_free(bench);
}

static void test_break_references(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    bench->break_at = 2; /* as a full queue does, from inside the callback */
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->requests, ==, 0);
    bench_push(bench, delta, sizeof delta, true);
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    g_assert_cmpuint(bench->requests, ==, 1);
    bench_push(bench, key, sizeof key, true);
    g_assert_cmpuint(bench->frame_count, ==, 3);
    bench_free(bench);
}

static void test_codec_change(void)
{
    static const uint8_t vp9[] = {0x0c, 0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70};
    static const uint8_t vp9_delta[] = {0x4c, 0x86, 1};
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, delta, sizeof delta, false);
    bench->codec = CODEC_VP9;
    bench->timestamp += 3000;
    bench_push(bench, vp9_delta, sizeof vp9_delta, true);
    g_assert_cmpuint(bench_dropped(bench, DROP_INCOMPLETE), ==, 1);
    g_assert_cmpuint(bench->requests, ==, 1);
    g_assert_cmpuint(bench->frame_count, ==, 1);
    bench_push(bench, vp9, sizeof vp9, true);
    bench_push(bench, vp9_delta, sizeof vp9_delta, true);
    g_assert_cmpuint(bench->frame_count, ==, 3);
    bench_free(bench);
}

static void test_unknown_codec(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    static const Codec codecs[] = {CODEC_UNKNOWN, CODEC_OPUS, CODEC_COUNT};
    for (unsigned i = 0; i < G_N_ELEMENTS(codecs); i++) {
        bench->codec = codecs[i];
        bench_push(bench, key, sizeof key, true);
    }
    g_assert_cmpuint(bench_dropped(bench, DROP_UNKNOWN_PAYLOAD), ==, 3);
    bench_free(bench);
}

/* Neither the bytes nor the packets of one frame may grow without end. */
static void test_limits(void)
{
    static uint8_t large[60000];
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, false);
    for (unsigned i = 0; i < 150; i++)
        bench_push(bench, large, sizeof large, false);
    g_assert_cmpuint(pool_usage(bench->pool).in_use_bytes, ==, 0);
    g_assert_cmpuint(bench->requests, ==, 1);
    bench_push(bench, rest, sizeof rest, true);
    g_assert_cmpuint(bench_dropped(bench, DROP_MALFORMED), ==, 152);
    bench_push(bench, key, sizeof key, false);
    for (unsigned i = 0; i < 16384; i++)
        bench_push(bench, rest, 2, false);
    bench_push(bench, rest, 2, true);
    g_assert_cmpuint(bench->frame_count, ==, 0);
    g_assert_cmpuint(bench_dropped(bench, DROP_MALFORMED), ==, 152 + 16386);
    bench_push(bench, key, sizeof key, true);
    g_assert_cmpuint(bench->frame_count, ==, 1);
    bench_free(bench);
}

static void test_pool_exhausted(void)
{
    static uint8_t large[3000];
    Bench *bench = bench_new_sized(CODEC_VP8, 8192);
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, delta, sizeof delta, false);
    for (unsigned i = 0; i < 3; i++)
        bench_push(bench, large, sizeof large, i == 2);
    g_assert_cmpuint(bench_dropped(bench, DROP_NO_MEMORY), ==, 4);
    g_assert_cmpuint(bench->requests, ==, 1);
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench_dropped(bench, DROP_BROKEN_REFERENCE), ==, 1);
    bench_push(bench, key, sizeof key, true);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    bench_free(bench);

    /* not even the first buffer is to be had */
    bench = bench_new_sized(CODEC_VP8, 256);
    bench_push(bench, key, sizeof key, true);
    g_assert_cmpuint(bench_dropped(bench, DROP_NO_MEMORY), ==, 1);
    bench_free(bench);
}

static void push_burst(Bench *bench, GPtrArray *packets, unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const TestPacket *source = g_ptr_array_index(packets, (from + i) % packets->len);
        const RtpPacket packet = {
            .payload = source->payload->data,
            .payload_size = source->payload->len,
            .timestamp = source->timestamp,
            .marker = source->marker,
        };
        depayloader_push(bench->depay, &packet, CODEC_H264, 0);
    }
}

static void test_no_allocations(void)
{
    GRand *rand = g_rand_new_with_seed(9);
    GPtrArray *packets = packets_new();
    for (unsigned i = 0; i < 50; i++) {
        GPtrArray *nals = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
        const bool is_key = i % 25 == 0;
        if (is_key) {
            g_ptr_array_add(nals, test_h264_sps(0, 640, 360));
            g_ptr_array_add(nals, test_h264_pps(0, 0));
        }
        g_ptr_array_add(nals, test_h264_slice(rand, is_key ? 0x65 : 0x41, 0, 0,
                                              is_key ? 60000 : 500 + 100 * i));
        h264_packetize(rand, packets, nals, 1100, i);
        g_ptr_array_unref(nals);
    }
    Bench *bench = bench_new(CODEC_H264);
    bench->discard = true;
    push_burst(bench, packets, 0, 2 * packets->len);
    const unsigned before = atomic_load(&allocations);
    const size_t from_system = pool_usage(bench->pool).system_allocations;
    push_burst(bench, packets, 0, 10000);
    g_assert_cmpuint(atomic_load(&allocations), ==, before);
    g_assert_cmpuint(pool_usage(bench->pool).system_allocations, ==, from_system);
    g_assert_cmpuint(bench->frame_count, >, 1000);
    bench_free(bench);
    g_ptr_array_unref(packets);
    g_rand_free(rand);
}

void depayloader_test_add(void)
{
    g_test_add_func("/depayloader/before-keyframe", test_before_keyframe);
    g_test_add_func("/depayloader/lost-frame", test_lost_frame);
    g_test_add_func("/depayloader/missing", test_missing);
    g_test_add_func("/depayloader/missing-inside", test_missing_inside);
    g_test_add_func("/depayloader/loss-between", test_loss_between);
    g_test_add_func("/depayloader/truncated", test_truncated);
    g_test_add_func("/depayloader/never-a-marker", test_never_a_marker);
    g_test_add_func("/depayloader/padding", test_padding);
    g_test_add_func("/depayloader/flush", test_flush);
    g_test_add_func("/depayloader/break-references", test_break_references);
    g_test_add_func("/depayloader/codec-change", test_codec_change);
    g_test_add_func("/depayloader/unknown-codec", test_unknown_codec);
    g_test_add_func("/depayloader/limits", test_limits);
    g_test_add_func("/depayloader/pool-exhausted", test_pool_exhausted);
    g_test_add_func("/depayloader/no-allocations", test_no_allocations);
}
