#include <string.h>

#include "depay_test.h"

/* An uncompressed header of profile 0: key, shown, 4:2:0, 640x360; then one byte. */
#define KEY_HEADER 0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70, 0xaa
#define DELTA_HEADER 0x86, 0x01, 0x02

static const uint8_t key[] = {0x8c, 0x05, KEY_HEADER};
static const uint8_t delta[] = {0xcc, 0x06, DELTA_HEADER};

static void test_key_and_delta(void)
{
    Bench *bench = bench_new(CODEC_VP9);
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->requests, ==, 1);
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    bench_expect_frame(bench, 0, key + 2, sizeof key - 2);
    bench_expect_frame(bench, 1, delta + 2, sizeof delta - 2);
    g_assert_true(bench->frames[0]->is_key);
    g_assert_cmpuint(bench->frames[0]->width, ==, 640);
    g_assert_cmpuint(bench->frames[0]->height, ==, 360);
    g_assert_cmpuint(bench_dropped(bench, DROP_BEFORE_KEYFRAME), ==, 1);
    bench_free(bench);
}

static const struct {
    const char *name;
    unsigned size;
    uint8_t bytes[32];
} descriptors[] = {
    {"least", 1, {0x0c}},
    {"short picture id", 2, {0x8c, 0x11}},
    {"long picture id", 3, {0x8c, 0x91, 0x22}},
    {"layers, not flexible", 4, {0xac, 0x11, 0x01, 0x33}},
    {"layers, flexible", 3, {0xbc, 0x11, 0x01}},
    {"structure without sizes", 3, {0x8e, 0x11, 0x00}},
    {"structure of sizes", 7, {0x8e, 0x11, 0x10, 0x02, 0x80, 0x01, 0x68}},
    {"structure of pictures", 10, {0x8e, 0x11, 0x08, 0x03, 0x00, 0x24, 0x01, 0x08, 0x02, 0x03}},
    {"structure of three layers",
     15,
     {0x8e, 0x11, 0x50, 0, 160, 0, 90, 1, 64, 0, 180, 2, 128, 1, 104}},
};

static void test_descriptors(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(descriptors); i++) {
        uint8_t packet[64];
        memcpy(packet, descriptors[i].bytes, descriptors[i].size);
        memcpy(packet + descriptors[i].size, key + 2, sizeof key - 2);
        Bench *bench = bench_new(CODEC_VP9);
        bench_push(bench, packet, descriptors[i].size + sizeof key - 2, true);
        g_test_message("%s", descriptors[i].name);
        g_assert_cmpuint(bench->frame_count, ==, 1);
        bench_expect_frame(bench, 0, key + 2, sizeof key - 2);
        for (unsigned size = 1; size <= descriptors[i].size; size++)
            bench_push(bench, packet, size, true);
        g_assert_cmpuint(bench->frame_count, ==, 1);
        bench_free(bench);
    }
}

/* Flexible mode: up to three references, each in a byte whose last bit says "one more". */
static void test_references(void)
{
    static const struct {
        unsigned size;
        uint8_t bytes[8];
        bool is_valid;
    } cases[] = {
        {3, {0xdc, 0x11, 0x02}, true},
        {4, {0xdc, 0x11, 0x03, 0x04}, true},
        {5, {0xdc, 0x11, 0x03, 0x05, 0x06}, true},
        {6, {0xdc, 0x11, 0x03, 0x05, 0x07, 0x08}, false},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        static const uint8_t header[] = {DELTA_HEADER};
        uint8_t packet[16];
        memcpy(packet, cases[i].bytes, cases[i].size);
        memcpy(packet + cases[i].size, header, sizeof header);
        Bench *bench = bench_new(CODEC_VP9);
        bench_push(bench, key, sizeof key, true);
        bench_push(bench, packet, cases[i].size + sizeof header, true);
        g_assert_cmpuint(bench->frame_count, ==, cases[i].is_valid ? 2 : 1);
        bench_free(bench);
    }
}

/* Two spatial layers of one picture leave as a superframe; the size is the upper layer's. */
static void test_superframe(void)
{
    static const uint8_t lower[] = {0xae, 0x11, 0x00, 0x01, 0x30, 0x01, 0x40,
                                    0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, KEY_HEADER};
    static const uint8_t upper_start[] = {0xa8, 0x11, 0x03, 0x01, 0x86, 1, 2};
    static const uint8_t upper_end[] = {0xa4, 0x11, 0x03, 0x01, 3, 4, 5};
    static const uint8_t expected[] = {KEY_HEADER, 0x86, 1, 2, 3, 4, 5, 0xc1, 10, 6, 0xc1};
    Bench *bench = bench_new(CODEC_VP9);
    bench_push(bench, lower, sizeof lower, false);
    bench_push(bench, upper_start, sizeof upper_start, false);
    bench_push(bench, upper_end, sizeof upper_end, true);
    g_assert_cmpuint(bench->frame_count, ==, 1);
    bench_expect_frame(bench, 0, expected, sizeof expected);
    g_assert_true(bench->frames[0]->is_key);
    g_assert_cmpuint(bench->frames[0]->width, ==, 640);
    g_assert_cmpuint(bench->frames[0]->height, ==, 360);
    g_assert_cmpuint(bench->frames[0]->packets, ==, 3);
    /* without its base layer the upper one is nothing */
    bench_push(bench, upper_start, sizeof upper_start, false);
    bench_push(bench, upper_end, sizeof upper_end, true);
    g_assert_cmpuint(bench->frame_count, ==, 1);
    g_assert_cmpuint(bench_dropped(bench, DROP_INCOMPLETE), ==, 2);
    bench_free(bench);
}

/* Sizes over 255 take two bytes each in the index. */
static void test_wide_index(void)
{
    uint8_t lower[400] = {0xac, 0x11, 0x00, 0x01, KEY_HEADER};
    uint8_t upper[904] = {0xac, 0x11, 0x03, 0x01, 0x86};
    Bench *bench = bench_new(CODEC_VP9);
    bench_push(bench, lower, sizeof lower, false);
    bench_push(bench, upper, sizeof upper, true);
    static const uint8_t index[] = {0xc9, 0x8c, 0x01, 0x84, 0x03, 0xc9};
    g_assert_cmpuint(bench->frame_count, ==, 1);
    const Frame *frame = bench->frames[0];
    g_assert_cmpuint(frame->size, ==, 396 + 900 + sizeof index);
    g_assert_cmpmem(frame->data + frame->size - sizeof index, sizeof index, index, sizeof index);
    bench_free(bench);
}

static const struct {
    const char *name;
    unsigned size;
    uint8_t data[20];
} bad_cases[] = {
    {"no start", 4, {0x84, 0x11, 1, 2}},
    {"no end", 5, {0xc8, 0x11, 0x86, 1, 2}},
    {"descriptor only", 2, {0xcc, 0x11}},
    {"structure past the end", 6, {0x8e, 0x11, 0xf0, 1, 2, 3}},
    {"255 pictures", 8, {0x8e, 0x11, 0x08, 0xff, 0x0c, 1, 2, 3}},
    {"wrong frame marker", 4, {0xcc, 0x11, 0x46, 1}},
    {"wrong sync code", 12, {0x8c, 0x11, 0x82, 0x49, 0x83, 0x43, 0x20, 0x27, 0xf0, 0x16, 0x70, 1}},
    {"key header cut", 6, {0x8c, 0x11, 0x82, 0x49, 0x83, 0x42}},
};

static void test_malformed(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        Bench *bench = bench_new(CODEC_VP9);
        bench_push(bench, key, sizeof key, true);
        bench_push(bench, bad_cases[i].data, bad_cases[i].size, true);
        bench_push(bench, delta, sizeof delta, true);
        g_test_message("%s", bad_cases[i].name);
        g_assert_cmpuint(bench->frame_count, ==, 1);
        g_assert_cmpuint(bench->requests, ==, 1);
        bench_free(bench);
    }
}

static void test_layers_out_of_order(void)
{
    static const uint8_t first[] = {0xac, 0x11, 0x04, 0x01, KEY_HEADER};
    static const uint8_t second[] = {0xac, 0x11, 0x02, 0x01, 0x86, 1};
    Bench *bench = bench_new(CODEC_VP9);
    bench_push(bench, first, sizeof first, false);
    bench_push(bench, second, sizeof second, true);
    g_assert_cmpuint(bench->frame_count, ==, 0);
    g_assert_cmpuint(bench_dropped(bench, DROP_MALFORMED), ==, 2);
    bench_free(bench);
}

void vp9_test_add(void)
{
    g_test_add_func("/vp9/key-and-delta", test_key_and_delta);
    g_test_add_func("/vp9/descriptors", test_descriptors);
    g_test_add_func("/vp9/references", test_references);
    g_test_add_func("/vp9/superframe", test_superframe);
    g_test_add_func("/vp9/wide-index", test_wide_index);
    g_test_add_func("/vp9/malformed", test_malformed);
    g_test_add_func("/vp9/layers-out-of-order", test_layers_out_of_order);
}
