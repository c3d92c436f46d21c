#include <string.h>

#include "depay_test.h"

/* A sequence header of 638x358 and the start of a shown key frame, both without size fields. */
#define SEQUENCE 0x08, 0x00, 0x00, 0x00, 0x0c, 0xc4, 0xfb, 0x65, 0x36, 0xbe, 0x40, 0x10
#define KEY_FRAME 0x30, 0x10, 0x00, 0x85
#define SIZED_SEQUENCE 0x0a, 11, 0x00, 0x00, 0x00, 0x0c, 0xc4, 0xfb, 0x65, 0x36, 0xbe, 0x40, 0x10
#define SIZED_KEY_FRAME 0x32, 3, 0x10, 0x00, 0x85

static const uint8_t key[] = {0x28, 12, SEQUENCE, KEY_FRAME};
static const uint8_t whole_key[] = {SIZED_SEQUENCE, SIZED_KEY_FRAME};
static const uint8_t delta[] = {0x10, 0x30, 0x30, 0x01, 0x02};
static const uint8_t whole_delta[] = {0x32, 3, 0x30, 0x01, 0x02};

static void test_key_and_delta(void)
{
    Bench *bench = bench_new(CODEC_AV1);
    bench_push(bench, delta, sizeof delta, true);
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    bench_expect_frame(bench, 0, whole_key, sizeof whole_key);
    bench_expect_frame(bench, 1, whole_delta, sizeof whole_delta);
    g_assert_true(bench->frames[0]->is_key);
    g_assert_cmpuint(bench->frames[0]->width, ==, 638);
    g_assert_cmpuint(bench->frames[0]->height, ==, 358);
    g_assert_false(bench->frames[1]->is_key);
    g_assert_cmpuint(bench->requests, ==, 1);
    bench_free(bench);
}

/* The same unit in other packings; each leaves the same bytes. */
static const struct {
    const char *name;
    unsigned packets;
    struct {
        unsigned size;
        uint8_t data[40];
    } packet[4];
} packings[] = {
    {"all with lengths", 1, {{19, {0x08, 12, SEQUENCE, 4, KEY_FRAME}}}},
    {"one element a packet", 2, {{13, {0x18, SEQUENCE}}, {5, {0x10, KEY_FRAME}}}},
    {"with size fields", 1, {{20, {0x28, 13, SIZED_SEQUENCE, SIZED_KEY_FRAME}}}},
    {"delimiter, padding, tile list",
     1,
     {{28, {0x08, 1, 0x10, 12, SEQUENCE, 2, 0x78, 0, 4, KEY_FRAME, 3, 0x40, 1, 2}}}},
    {"fragments",
     3,
     {{15, {0x68, 12, SEQUENCE, 0x30}}, {2, {0xd0, 0x10}}, {3, {0x90, 0x00, 0x85}}}},
    {"fragment with lengths",
     2,
     {{17, {0x48, 12, SEQUENCE, 2, 0x30, 0x10}}, {4, {0x80, 2, 0x00, 0x85}}}},
    {"padded length", 1, {{20, {0x08, 0x8c, 0x00, SEQUENCE, 4, KEY_FRAME}}}},
};

static void test_packings(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(packings); i++) {
        Bench *bench = bench_new(CODEC_AV1);
        for (unsigned j = 0; j < packings[i].packets; j++)
            bench_push(bench, packings[i].packet[j].data, packings[i].packet[j].size,
                       j + 1 == packings[i].packets);
        g_test_message("%s", packings[i].name);
        g_assert_cmpuint(bench->frame_count, ==, 1);
        bench_expect_frame(bench, 0, whole_key, sizeof whole_key);
        bench_free(bench);
    }
}

/* An OBU of several packets, with a header extension and a size of two bytes. */
static void test_large_obu(void)
{
    enum { PART = 1000, PARTS = 20 };
    uint8_t packet[PART + 1];
    Bench *bench = bench_new(CODEC_AV1);
    bench_push(bench, key, sizeof key, true);
    for (unsigned i = 0; i < PARTS; i++) {
        memset(packet, (int)i, sizeof packet);
        packet[0] = (uint8_t)(0x10 | (i > 0 ? 0x80 : 0) | (i + 1 < PARTS ? 0x40 : 0));
        if (i == 0) {
            packet[1] = 0x34;
            packet[2] = 0x08;
            packet[3] = 0x30;
        }
        bench_push(bench, packet, sizeof packet, i + 1 == PARTS);
    }
    g_assert_cmpuint(bench->frame_count, ==, 2);
    const Frame *frame = bench->frames[1];
    static const uint8_t start[] = {0x36, 0x08, 0x9e, 0x9c, 0x01, 0x30, 0};
    g_assert_cmpuint(frame->size, ==, PART * PARTS + 3);
    g_assert_cmpmem(frame->data, sizeof start, start, sizeof start);
    g_assert_cmpuint(frame->data[frame->size - 1], ==, PARTS - 1);
    bench_free(bench);
}

/* No key frame without a sequence header in front, whatever N says. */
static void test_no_sequence(void)
{
    static const uint8_t bare[] = {0x18, KEY_FRAME};
    Bench *bench = bench_new(CODEC_AV1);
    bench_push(bench, bare, sizeof bare, true);
    g_assert_cmpuint(bench->frame_count, ==, 0);
    g_assert_cmpuint(bench_dropped(bench, DROP_BEFORE_KEYFRAME), ==, 1);
    bench_free(bench);
}

static const struct {
    const char *name;
    unsigned size;
    uint8_t data[20];
} bad_cases[] = {
    {"header only", 1, {0x10}},
    {"continues nothing", 4, {0x90, 1, 2, 3}},
    {"never ends", 4, {0x50, 0x30, 0x30, 1}},
    {"element past the end", 4, {0x00, 9, 0x30, 0x30}},
    {"element of nothing", 2, {0x00, 0}},
    {"fewer elements than W", 4, {0x30, 2, 0x30, 0x30}},
    {"overlong leb128", 11, {0x00, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}},
    {"length of 4 GiB", 8, {0x00, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x30, 0x30}},
    {"leb128 cut", 3, {0x00, 0x80, 0x80}},
    {"forbidden bit", 4, {0x10, 0xb0, 0x30, 1}},
    {"extension cut", 2, {0x10, 0x34}},
    {"size field too large", 5, {0x10, 0x32, 9, 0x30, 1}},
    {"size field too small", 6, {0x10, 0x32, 1, 0x30, 1, 2}},
    {"sequence cut", 5, {0x18, 0x08, 0, 0, 0}},
};

static void test_malformed(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        Bench *bench = bench_new(CODEC_AV1);
        bench_push(bench, key, sizeof key, true);
        bench_push(bench, bad_cases[i].data, bad_cases[i].size, true);
        bench_push(bench, delta, sizeof delta, true);
        g_test_message("%s", bad_cases[i].name);
        g_assert_cmpuint(bench->frame_count, ==, 1);
        g_assert_cmpuint(bench->requests, ==, 1);
        g_assert_cmpuint(bench_dropped(bench, DROP_BROKEN_REFERENCE), ==, 1);
        bench_free(bench);
    }
}

void av1_test_add(void)
{
    g_test_add_func("/av1/key-and-delta", test_key_and_delta);
    g_test_add_func("/av1/packings", test_packings);
    g_test_add_func("/av1/large-obu", test_large_obu);
    g_test_add_func("/av1/no-sequence", test_no_sequence);
    g_test_add_func("/av1/malformed", test_malformed);
}
