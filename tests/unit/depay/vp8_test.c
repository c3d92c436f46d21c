#include <string.h>

#include "depay_test.h"

/* Descriptor S=1 PID=0, then a key frame's header of 640x360 and one byte. */
#define KEY_640X360 0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 0xaa
#define DELTA 0x10, 0x11, 2, 0, 0xbb

static const uint8_t key[] = {KEY_640X360}, delta[] = {DELTA};

static void test_key_and_delta(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    bench_expect_frame(bench, 0, key + 1, sizeof key - 1);
    bench_expect_frame(bench, 1, delta + 1, sizeof delta - 1);
    g_assert_true(bench->frames[0]->is_key);
    g_assert_cmpuint(bench->frames[0]->width, ==, 640);
    g_assert_cmpuint(bench->frames[0]->height, ==, 360);
    g_assert_false(bench->frames[1]->is_key);
    bench_free(bench);
}

static const struct {
    uint8_t bytes[8];
    unsigned size;
} descriptors[] = {
    {{0x10}, 1},
    {{0x90, 0x00}, 2},
    {{0x90, 0x80, 0x7f}, 3},
    {{0x90, 0x80, 0x80, 0x01}, 4},
    {{0x90, 0x40, 0x05}, 3},
    {{0x90, 0x20, 0x40}, 3},
    {{0x90, 0x10, 0x05}, 3},
    {{0x90, 0xf0, 0xff, 0xff, 0x11, 0x62}, 6},
    {{0xb0, 0xe0, 0x11, 0x22, 0x83}, 5},
};

/* All forms of the descriptor, whole and cut at each length. */
static void test_descriptors(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(descriptors); i++) {
        uint8_t packet[32];
        memcpy(packet, descriptors[i].bytes, descriptors[i].size);
        memcpy(packet + descriptors[i].size, key + 1, sizeof key - 1);
        Bench *bench = bench_new(CODEC_VP8);
        bench_push(bench, packet, descriptors[i].size + sizeof key - 1, true);
        g_assert_cmpuint(bench->frame_count, ==, 1);
        bench_expect_frame(bench, 0, key + 1, sizeof key - 1);
        for (unsigned size = 1; size < descriptors[i].size + 10; size++)
            bench_push(bench, packet, size, true);
        g_assert_cmpuint(bench->frame_count, ==, 1);
        g_assert_cmpuint(bench_dropped(bench, DROP_MALFORMED), ==, descriptors[i].size + 9);
        bench_free(bench);
    }
}

static void test_blank(void)
{
    static const uint8_t blank[] = {0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 8, 0, 8, 0, 0xcc};
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, blank, sizeof blank, true);
    g_assert_true(depayloader_waits_for_keyframe(bench->depay));
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, blank, sizeof blank, true);
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    g_assert_cmpuint(bench_dropped(bench, DROP_BLANK_FRAME), ==, 2);
    bench_free(bench);
}

static const struct {
    const char *name;
    DropReason reason;
    unsigned size;
    uint8_t data[16];
} bad_cases[] = {
    {"no start", DROP_INCOMPLETE, 5, {0x00, 0x11, 2, 0, 1}},
    {"second partition first", DROP_INCOMPLETE, 5, {0x11, 0x11, 2, 0, 1}},
    {"descriptor only", DROP_MALFORMED, 1, {0x10}},
    {"wrong start code", DROP_MALFORMED, 11, {0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2b, 8, 2, 8, 2}},
    {"no width", DROP_MALFORMED, 11, {0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 0, 0, 8, 2}},
    {"tag cut", DROP_MALFORMED, 3, {0x10, 0x11, 2}},
};

static void test_malformed(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        Bench *bench = bench_new(CODEC_VP8);
        bench_push(bench, key, sizeof key, true);
        bench_push(bench, bad_cases[i].data, bad_cases[i].size, true);
        bench_push(bench, delta, sizeof delta, true);
        g_assert_cmpuint(bench->frame_count, ==, 1);
        g_assert_cmpuint(bench_dropped(bench, bad_cases[i].reason), ==, 1);
        g_assert_cmpuint(bench_dropped(bench, DROP_BROKEN_REFERENCE), ==, 1);
        g_assert_cmpuint(bench->requests, ==, 1);
        bench_free(bench);
    }
}

static void test_two_starts(void)
{
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, false);
    bench_push(bench, key, sizeof key, true);
    g_assert_cmpuint(bench->frame_count, ==, 0);
    g_assert_cmpuint(bench_dropped(bench, DROP_MALFORMED), ==, 2);
    bench_free(bench);
}

/* N: no later frame refers to it, so its loss harms nothing else. */
static void test_disposable_loss(void)
{
    static const uint8_t first[] = {0x30, 0x11, 2, 0, 1}, last[] = {0x20, 2, 3};
    Bench *bench = bench_new(CODEC_VP8);
    bench_push(bench, key, sizeof key, true);
    bench_push(bench, first, sizeof first, false);
    bench_push_after_loss(bench, last, sizeof last, true, 1);
    bench->timestamp += 3000;
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->frame_count, ==, 2);
    g_assert_cmpuint(bench->requests, ==, 0);
    g_assert_cmpuint(bench_dropped(bench, DROP_INCOMPLETE), ==, 2);
    bench_free(bench);
}

static void split(GRand *rand, GPtrArray *packets, const GByteArray *frame, unsigned index)
{
    uint8_t payload[1500];
    for (size_t at = 0; at < frame->len;) {
        const size_t wanted = (size_t)g_rand_int_range(rand, 1, 1200);
        const size_t size = MIN(wanted, frame->len - at);
        size_t header = 0;
        payload[header++] = 0x80 | (at == 0 ? 0x10 : 0);
        payload[header++] = 0xf0;
        if (index % 3 == 0) { /* the width of the picture id changes */
            payload[header++] = (uint8_t)(0x80 | (index >> 8 & 0x7f));
            payload[header++] = (uint8_t)index;
        } else {
            payload[header++] = (uint8_t)(index & 0x7f);
        }
        payload[header++] = (uint8_t)index;
        payload[header++] = 0x20;
        memcpy(payload + header, frame->data + at, size);
        packets_add(packets, payload, header + size, index);
        at += size;
    }
    packets_mark_last(packets);
}

static void test_round_trip(void)
{
    enum { COUNT = 300 };
    GRand *rand = g_rand_new_with_seed(5);
    GPtrArray *packets = packets_new();
    GByteArray *frames[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        frames[i] =
            test_vp8_frame(rand, i % 30 == 0, 320, 240, (size_t)g_rand_int_range(rand, 12, 20000));
        split(rand, packets, frames[i], i);
    }
    Bench *bench = bench_new(CODEC_VP8);
    for (unsigned i = 0; i < packets->len; i++) {
        const TestPacket *packet = g_ptr_array_index(packets, i);
        bench->timestamp = packet->timestamp;
        bench_push_after_loss(bench, packet->payload->data, packet->payload->len, packet->marker,
                              0);
    }
    bench->timestamp += 3000;
    bench_push(bench, delta, sizeof delta, true);
    g_assert_cmpuint(bench->frame_count, ==, COUNT + 1);
    for (unsigned i = 0; i < COUNT; i++) {
        bench_expect_frame(bench, i, frames[i]->data, frames[i]->len);
        g_byte_array_unref(frames[i]);
    }
    g_ptr_array_unref(packets);
    bench_free(bench);
    g_rand_free(rand);
}

void vp8_test_add(void)
{
    g_test_add_func("/vp8/key-and-delta", test_key_and_delta);
    g_test_add_func("/vp8/descriptors", test_descriptors);
    g_test_add_func("/vp8/blank", test_blank);
    g_test_add_func("/vp8/malformed", test_malformed);
    g_test_add_func("/vp8/two-starts", test_two_starts);
    g_test_add_func("/vp8/disposable-loss", test_disposable_loss);
    g_test_add_func("/vp8/round-trip", test_round_trip);
}
