#include <string.h>

#include "depay_test.h"

#define VPS 0x40, 0x01, 0x0c, 0x01, 0xff, 0xff
#define SPS                                                                                        \
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00,      \
        0x03, 0x00, 0x3f, 0xa0, 0x05, 0x02, 0x01, 0x69, 0xd5, 0x65, 0x95, 0x9a, 0x49, 0x32
#define PPS 0x44, 0x01, 0xc1, 0x72, 0xb4
/* first slice segment, no_output_of_prior_pics 0, parameter set 0 */
#define IDR 0x26, 0x01, 0xac, 0x11, 0x22, 0x00
#define CRA 0x2a, 0x01, 0xac, 0x33
#define TRAIL 0x02, 0x01, 0xd0, 0x44, 0x55
#define START 0, 0, 0, 1

static const uint8_t vps[] = {VPS}, sps[] = {SPS}, pps[] = {PPS}, idr[] = {IDR}, cra[] = {CRA},
                     trail[] = {TRAIL};
static const uint8_t aggregate[] = {0x60, 0x01, 0, 6, VPS, 0, 29, SPS, 0, 5, PPS};
static const uint8_t whole_key[] = {START, VPS, START, SPS, START, PPS, START, IDR};
static const uint8_t whole_trail[] = {START, TRAIL};

static void push_key(Bench *bench)
{
    bench_push(bench, aggregate, sizeof aggregate, false);
    bench_push(bench, idr, sizeof idr, true);
}

static void test_key_and_delta(void)
{
    Bench *bench = bench_new(CODEC_H265);
    push_key(bench);
    bench_push(bench, trail, sizeof trail, true);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    bench_expect_frame(bench, 0, whole_key, sizeof whole_key);
    bench_expect_frame(bench, 1, whole_trail, sizeof whole_trail);
    g_assert_true(bench->frames[0]->is_key);
    g_assert_cmpuint(bench->frames[0]->width, ==, 638);
    g_assert_cmpuint(bench->frames[0]->height, ==, 358);
    bench_free(bench);
}

static void test_fragments(void)
{
    static const uint8_t first[] = {0x62, 0x01, 0x93, 0xac}, middle[] = {0x62, 0x01, 0x13, 0x11},
                         last[] = {0x62, 0x01, 0x53, 0x22, 0x00};
    Bench *bench = bench_new(CODEC_H265);
    bench_push(bench, vps, sizeof vps, false);
    bench_push(bench, sps, sizeof sps, false);
    bench_push(bench, pps, sizeof pps, false);
    bench_push(bench, first, sizeof first, false);
    bench_push(bench, middle, sizeof middle, false);
    bench_push(bench, last, sizeof last, true);
    g_assert_cmpuint(bench->frame_count, ==, 1);
    bench_expect_frame(bench, 0, whole_key, sizeof whole_key);
    bench_free(bench);
}

/* A CRA picture is a key frame too; it gets the sets that it came without. */
static void test_prepends_sets(void)
{
    static const uint8_t expected[] = {START, VPS, START, SPS, START, PPS, START, CRA};
    static const uint8_t delimiter[] = {0x46, 0x01, 0x50}, filler[] = {0x4c, 0x01, 0xff, 0x80};
    Bench *bench = bench_new(CODEC_H265);
    push_key(bench);
    bench_push(bench, delimiter, sizeof delimiter, false);
    bench_push(bench, cra, sizeof cra, false);
    bench_push(bench, filler, sizeof filler, true);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    bench_expect_frame(bench, 1, expected, sizeof expected);
    g_assert_true(bench->frames[1]->is_key);
    bench_free(bench);
}

static const struct {
    const char *name;
    DropReason reason;
    unsigned size;
    uint8_t data[12];
} bad_cases[] = {
    {"one byte", DROP_MALFORMED, 1, {0x02}},
    {"header only", DROP_MALFORMED, 2, {0x02, 0x01}},
    {"forbidden bit", DROP_MALFORMED, 5, {0x82, 0x01, 0xd0, 1, 2}},
    {"PACI", DROP_MALFORMED, 5, {0x64, 0x01, 0xd0, 1, 2}},
    {"type 63", DROP_MALFORMED, 5, {0x7e, 0x01, 0xd0, 1, 2}},
    {"AP without units", DROP_MALFORMED, 2, {0x60, 0x01}},
    {"AP half a length", DROP_MALFORMED, 3, {0x60, 0x01, 0}},
    {"AP unit of one byte", DROP_MALFORMED, 5, {0x60, 0x01, 0, 1, 0x02}},
    {"AP past the end", DROP_MALFORMED, 7, {0x60, 0x01, 0, 9, 0x02, 0x01, 0xd0}},
    {"AP inside AP", DROP_MALFORMED, 7, {0x60, 0x01, 0, 3, 0x60, 0x01, 0}},
    {"FU without header", DROP_MALFORMED, 2, {0x62, 0x01}},
    {"FU without data", DROP_MALFORMED, 3, {0x62, 0x01, 0x81}},
    {"FU of FU", DROP_MALFORMED, 4, {0x62, 0x01, 0xb1, 1}},
    {"FU without start", DROP_INCOMPLETE, 4, {0x62, 0x01, 0x01, 1}},
    {"FU without end", DROP_INCOMPLETE, 5, {0x62, 0x01, 0x81, 0xd0, 1}},
    {"not the first slice", DROP_INCOMPLETE, 4, {0x02, 0x01, 0x50, 1}},
    {"VPS cut", DROP_MALFORMED, 2, {0x40, 0x01}},
    {"SPS cut", DROP_MALFORMED, 6, {0x42, 0x01, 1, 1, 0x60, 0}},
    {"PPS cut", DROP_MALFORMED, 2, {0x44, 0x01}},
};

static void test_malformed(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        Bench *bench = bench_new(CODEC_H265);
        push_key(bench);
        bench_push(bench, bad_cases[i].data, bad_cases[i].size, true);
        bench_push(bench, trail, sizeof trail, true);
        g_test_message("%s", bad_cases[i].name);
        g_assert_cmpuint(bench->frame_count, ==, 1);
        g_assert_cmpuint(bench_dropped(bench, bad_cases[i].reason), ==, 1);
        g_assert_cmpuint(bench_dropped(bench, DROP_BROKEN_REFERENCE), ==, 1);
        g_assert_cmpuint(bench->requests, ==, 1);
        bench_free(bench);
    }
}

void h265_test_add(void)
{
    g_test_add_func("/h265/key-and-delta", test_key_and_delta);
    g_test_add_func("/h265/fragments", test_fragments);
    g_test_add_func("/h265/prepends-sets", test_prepends_sets);
    g_test_add_func("/h265/malformed", test_malformed);
}
