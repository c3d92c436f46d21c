#include <string.h>

#include "depay_test.h"

typedef struct {
    Bench *bench;
    GRand *rand;
    GByteArray *sps, *pps, *idr, *slice;
} Stream;

static Stream stream_new(void)
{
    Stream stream = {.bench = bench_new(CODEC_H264), .rand = g_rand_new_with_seed(3)};
    stream.sps = test_h264_sps(0, 640, 360);
    stream.pps = test_h264_pps(0, 0);
    stream.idr = test_h264_slice(stream.rand, 0x65, 0, 0, 300);
    stream.slice = test_h264_slice(stream.rand, 0x41, 0, 0, 100);
    return stream;
}

static void stream_free(Stream *stream)
{
    bench_free(stream->bench);
    g_rand_free(stream->rand);
    g_byte_array_unref(stream->sps);
    g_byte_array_unref(stream->pps);
    g_byte_array_unref(stream->idr);
    g_byte_array_unref(stream->slice);
}

static void push_nal(Bench *bench, const GByteArray *nal, bool marker)
{
    bench_push(bench, nal->data, nal->len, marker);
}

static void push_key(Stream *stream)
{
    push_nal(stream->bench, stream->sps, false);
    push_nal(stream->bench, stream->pps, false);
    push_nal(stream->bench, stream->idr, true);
}

static void expect_units(const Bench *bench, unsigned index, const GByteArray *const *nals,
                         unsigned count)
{
    GByteArray *unit = g_byte_array_new();
    for (unsigned i = 0; i < count; i++)
        annexb_add(unit, nals[i]);
    bench_expect_frame(bench, index, unit->data, unit->len);
    g_byte_array_unref(unit);
}

static void test_key_and_delta(void)
{
    Stream stream = stream_new();
    push_key(&stream);
    push_nal(stream.bench, stream.slice, true);
    g_assert_cmpuint(stream.bench->frame_count, ==, 2);
    const GByteArray *const key[] = {stream.sps, stream.pps, stream.idr};
    const GByteArray *const delta[] = {stream.slice};
    expect_units(stream.bench, 0, key, 3);
    expect_units(stream.bench, 1, delta, 1);
    const Frame *frame = stream.bench->frames[0];
    g_assert_true(frame->is_key);
    g_assert_cmpuint(frame->width, ==, 640);
    g_assert_cmpuint(frame->height, ==, 360);
    g_assert_cmpuint(frame->packets, ==, 3);
    g_assert_cmpuint(frame->rtp_timestamp, ==, 1000);
    g_assert_false(stream.bench->frames[1]->is_key);
    g_assert_cmpuint(stream.bench->frames[1]->width, ==, 0);
    g_assert_cmpuint(stream.bench->requests, ==, 0);
    stream_free(&stream);
}

static void test_prepends_sets(void)
{
    Stream stream = stream_new();
    push_key(&stream);
    push_nal(stream.bench, stream.idr, true);
    /* only one of the two: both go in front, so that their order stays right */
    push_nal(stream.bench, stream.sps, false);
    push_nal(stream.bench, stream.idr, true);
    const GByteArray *const key[] = {stream.sps, stream.pps, stream.idr};
    expect_units(stream.bench, 1, key, 3);
    const GByteArray *const doubled[] = {stream.sps, stream.pps, stream.sps, stream.idr};
    expect_units(stream.bench, 2, doubled, 4);
    g_assert_true(stream.bench->frames[1]->is_key);
    g_assert_cmpuint(stream.bench->frames[1]->width, ==, 640);
    stream_free(&stream);
}

static void test_key_without_sets(void)
{
    Stream stream = stream_new();
    push_nal(stream.bench, stream.idr, true);
    g_assert_cmpuint(stream.bench->frame_count, ==, 0);
    g_assert_cmpuint(stream.bench->requests, ==, 1);
    stream_free(&stream);
}

/* Sets in a unit of their own are kept for the key frame that follows. */
static void test_sets_alone(void)
{
    Stream stream = stream_new();
    push_nal(stream.bench, stream.sps, false);
    push_nal(stream.bench, stream.pps, true);
    push_nal(stream.bench, stream.idr, true);
    const GByteArray *const key[] = {stream.sps, stream.pps, stream.idr};
    g_assert_cmpuint(stream.bench->frame_count, ==, 1);
    expect_units(stream.bench, 0, key, 3);
    g_assert_cmpuint(bench_dropped(stream.bench, DROP_EMPTY), ==, 2);
    stream_free(&stream);
}

/* The second picture's sets are other ones, of another size, under the same ids. */
static void test_size_change(void)
{
    Stream stream = stream_new();
    push_key(&stream);
    g_byte_array_unref(stream.sps);
    stream.sps = test_h264_sps(0, 1280, 720);
    push_key(&stream);
    push_nal(stream.bench, stream.idr, true);
    g_assert_cmpuint(stream.bench->frames[1]->width, ==, 1280);
    g_assert_cmpuint(stream.bench->frames[2]->width, ==, 1280);
    const GByteArray *const key[] = {stream.sps, stream.pps, stream.idr};
    expect_units(stream.bench, 2, key, 3);
    stream_free(&stream);
}

static void test_delimiter_and_filler(void)
{
    static const uint8_t delimiter[] = {0x09, 0xf0}, filler[] = {0x0c, 0xff, 0xff, 0x80},
                         sei[] = {0x06, 5, 1, 7, 0x80};
    Stream stream = stream_new();
    bench_push(stream.bench, delimiter, sizeof delimiter, false);
    push_nal(stream.bench, stream.sps, false);
    push_nal(stream.bench, stream.pps, false);
    bench_push(stream.bench, sei, sizeof sei, false);
    push_nal(stream.bench, stream.idr, false);
    bench_push(stream.bench, filler, sizeof filler, true);
    GByteArray *wrapped = g_byte_array_append(g_byte_array_new(), sei, sizeof sei);
    const GByteArray *const key[] = {stream.sps, stream.pps, wrapped, stream.idr};
    expect_units(stream.bench, 0, key, 4);
    g_assert_cmpuint(stream.bench->frames[0]->packets, ==, 6);
    g_byte_array_unref(wrapped);
    stream_free(&stream);
}

static void push_blank(Stream *stream)
{
    GByteArray *sps = test_h264_sps(0, 2, 2);
    GByteArray *idr = test_h264_slice(stream->rand, 0x65, 0, 0, 12);
    GPtrArray *nals = g_ptr_array_new();
    g_ptr_array_add(nals, sps);
    g_ptr_array_add(nals, stream->pps);
    g_ptr_array_add(nals, idr);
    uint8_t payload[256] = {0x78};
    size_t size = 1;
    for (unsigned i = 0; i < nals->len; i++) {
        const GByteArray *nal = g_ptr_array_index(nals, i);
        payload[size] = 0;
        payload[size + 1] = (uint8_t)nal->len;
        memcpy(payload + size + 2, nal->data, nal->len);
        size += 2 + nal->len;
    }
    bench_push(stream->bench, payload, size, true);
    g_ptr_array_unref(nals);
    g_byte_array_unref(sps);
    g_byte_array_unref(idr);
}

static void test_blank(void)
{
    Stream stream = stream_new();
    push_blank(&stream);
    g_assert_cmpuint(stream.bench->frame_count, ==, 0);
    g_assert_true(depayloader_waits_for_keyframe(stream.bench->depay));
    push_key(&stream);
    push_blank(&stream);
    push_nal(stream.bench, stream.slice, true);
    push_nal(stream.bench, stream.idr, true); /* with the sets from before the blank frame */
    g_assert_cmpuint(stream.bench->frame_count, ==, 3);
    g_assert_cmpuint(stream.bench->frames[2]->width, ==, 640);
    g_assert_cmpuint(bench_dropped(stream.bench, DROP_BLANK_FRAME), ==, 2);
    stream_free(&stream);
}

/* A frame that nothing refers to may lose packets without harm to the others. */
static void test_disposable_loss(void)
{
    static const uint8_t fragment[] = {0x1c, 0x81, 0x9a, 1, 2, 3}, last[] = {0x1c, 0x41, 4, 5};
    Stream stream = stream_new();
    push_key(&stream);
    bench_push(stream.bench, fragment, sizeof fragment, false);
    bench_push_after_loss(stream.bench, last, sizeof last, true, 2);
    stream.bench->timestamp += 3000;
    push_nal(stream.bench, stream.slice, true);
    g_assert_cmpuint(stream.bench->frame_count, ==, 2);
    g_assert_cmpuint(bench_dropped(stream.bench, DROP_INCOMPLETE), ==, 2);
    g_assert_cmpuint(stream.bench->requests, ==, 0);
    stream_free(&stream);
}

/* What a header says that came with nonsense is nonsense too. */
static void test_malformed_is_not_disposable(void)
{
    static const uint8_t nonsense[] = {0x01, 0, 0, 0, 0, 0, 0};
    Stream stream = stream_new();
    push_key(&stream);
    bench_push(stream.bench, nonsense, sizeof nonsense, true);
    stream.bench->timestamp += 3000;
    push_nal(stream.bench, stream.slice, true);
    g_assert_cmpuint(stream.bench->frame_count, ==, 1);
    g_assert_cmpuint(bench_dropped(stream.bench, DROP_MALFORMED), ==, 1);
    g_assert_cmpuint(bench_dropped(stream.bench, DROP_BROKEN_REFERENCE), ==, 1);
    g_assert_cmpuint(stream.bench->requests, ==, 1);
    stream_free(&stream);
}

/* Lost packets in front of a key frame may have held newer sets. */
static void test_lost_sets(void)
{
    Stream stream = stream_new();
    push_key(&stream);
    bench_push_after_loss(stream.bench, stream.idr->data, stream.idr->len, true, 1);
    stream.bench->timestamp += 3000;
    g_assert_cmpuint(stream.bench->frame_count, ==, 1);
    push_nal(stream.bench, stream.slice, true);
    g_assert_cmpuint(stream.bench->frame_count, ==, 1);
    g_assert_cmpuint(bench_dropped(stream.bench, DROP_BROKEN_REFERENCE), ==, 1);
    push_key(&stream);
    g_assert_cmpuint(stream.bench->frame_count, ==, 2);
    stream_free(&stream);
}

/* The first slice was lost together with the frame's beginning. */
static void test_lost_first_slice(void)
{
    Stream stream = stream_new();
    push_key(&stream);
    GByteArray *second = test_h264_slice(stream.rand, 0x65, 40, 0, 60);
    push_nal(stream.bench, second, true);
    g_assert_cmpuint(stream.bench->frame_count, ==, 1);
    g_assert_cmpuint(bench_dropped(stream.bench, DROP_INCOMPLETE), ==, 1);
    g_byte_array_unref(second);
    stream_free(&stream);
}

typedef struct {
    const char *name;
    DropReason reason;
    unsigned packets;
    struct {
        unsigned size;
        uint8_t data[12];
    } packet[3];
} BadCase;

static const BadCase bad_cases[] = {
    {"forbidden bit", DROP_MALFORMED, 1, {{3, {0xe1, 0x9a, 1}}}},
    {"type 0", DROP_MALFORMED, 1, {{3, {0x60, 0x9a, 1}}}},
    {"type 31", DROP_MALFORMED, 1, {{3, {0x7f, 0x9a, 1}}}},
    {"STAP-B", DROP_MALFORMED, 1, {{6, {0x79, 0, 1, 0, 1, 0x41}}}},
    {"FU-B", DROP_MALFORMED, 1, {{6, {0x7d, 0x81, 0, 1, 0x9a, 1}}}},
    {"STAP-A without units", DROP_MALFORMED, 1, {{1, {0x78}}}},
    {"STAP-A half a length", DROP_MALFORMED, 1, {{2, {0x78, 0}}}},
    {"STAP-A unit of nothing", DROP_MALFORMED, 1, {{3, {0x78, 0, 0}}}},
    {"STAP-A past the end", DROP_MALFORMED, 1, {{6, {0x78, 0, 9, 0x41, 0x9a, 1}}}},
    {"STAP-A inside STAP-A", DROP_MALFORMED, 1, {{6, {0x78, 0, 3, 0x78, 0, 0}}}},
    {"FU-A of one byte", DROP_MALFORMED, 1, {{1, {0x7c}}}},
    {"FU-A without data", DROP_MALFORMED, 1, {{2, {0x7c, 0x81}}}},
    {"FU-A of type 0", DROP_MALFORMED, 1, {{3, {0x7c, 0x80, 1}}}},
    {"FU-A of FU-A", DROP_MALFORMED, 1, {{3, {0x7c, 0x9c, 1}}}},
    {"FU-A without start", DROP_INCOMPLETE, 1, {{3, {0x7c, 0x01, 1}}}},
    {"FU-A without end", DROP_INCOMPLETE, 1, {{4, {0x7c, 0x81, 0x9a, 1}}}},
    {"FU-A two starts", DROP_INCOMPLETE, 2, {{4, {0x7c, 0x81, 0x9a, 1}}, {4, {0x7c, 0x81, 1, 2}}}},
    {"FU-A other type", DROP_INCOMPLETE, 2, {{4, {0x7c, 0x81, 0x9a, 1}}, {4, {0x7c, 0x45, 1, 2}}}},
    {"single inside FU-A",
     DROP_INCOMPLETE,
     2,
     {{4, {0x7c, 0x81, 0x9a, 1}}, {4, {0x41, 0x9a, 1, 2}}}},
    {"slice without a header", DROP_MALFORMED, 1, {{1, {0x41}}}},
    {"slice header cut", DROP_MALFORMED, 1, {{2, {0x41, 0x00}}}},
    {"SPS cut", DROP_MALFORMED, 1, {{4, {0x67, 0x42, 0xe0, 0x1f}}}},
    {"PPS cut", DROP_MALFORMED, 1, {{1, {0x68}}}},
};

static void test_malformed(gconstpointer data)
{
    const BadCase *bad = data;
    Stream stream = stream_new();
    push_key(&stream);
    for (unsigned i = 0; i < bad->packets; i++)
        bench_push(stream.bench, bad->packet[i].data, bad->packet[i].size, i + 1 == bad->packets);
    g_assert_cmpuint(stream.bench->frame_count, ==, 1);
    g_assert_cmpuint(bench_dropped(stream.bench, bad->reason), ==, bad->packets);
    /* the gate is closed until a key frame comes */
    push_nal(stream.bench, stream.slice, true);
    g_assert_cmpuint(stream.bench->frame_count, ==, 1);
    g_assert_cmpuint(stream.bench->requests, ==, 1);
    push_key(&stream);
    push_nal(stream.bench, stream.slice, true);
    g_assert_cmpuint(stream.bench->frame_count, ==, 3);
    stream_free(&stream);
}

/* Every prefix of every kind of packet: nothing is read past the end. */
static void test_prefixes(void)
{
    Stream stream = stream_new();
    const GByteArray *const nals[] = {stream.sps, stream.pps, stream.idr, stream.slice};
    for (unsigned i = 0; i < G_N_ELEMENTS(nals); i++)
        for (unsigned size = 0; size <= nals[i]->len; size++)
            bench_push(stream.bench, nals[i]->data, size, true);
    stream_free(&stream);
}

typedef struct {
    GPtrArray *packets; /* TestPacket */
    GPtrArray *frames;  /* GByteArray: what should leave */
    gboolean *is_key;
    unsigned count;
} Tape;

static void add_picture(GRand *rand, Tape *tape, unsigned frame, bool is_key)
{
    GPtrArray *nals = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    if (is_key) {
        g_ptr_array_add(nals, test_h264_sps(0, 320 + frame % 64 * 2, 240));
        g_ptr_array_add(nals, test_h264_pps(0, 0));
    }
    const unsigned slices = (unsigned)g_rand_int_range(rand, 1, 4);
    for (unsigned i = 0; i < slices; i++) {
        const size_t size = (size_t)g_rand_int_range(rand, 8, is_key ? 9000 : 2500);
        g_ptr_array_add(nals, test_h264_slice(rand, is_key ? 0x65 : 0x41, i * 20, 0, size));
    }
    GByteArray *unit = g_byte_array_new();
    for (unsigned i = 0; i < nals->len; i++)
        annexb_add(unit, g_ptr_array_index(nals, i));
    g_ptr_array_add(tape->frames, unit);
    tape->is_key[frame] = is_key;
    h264_packetize(rand, tape->packets, nals, (size_t)g_rand_int_range(rand, 60, 1400), frame);
    g_ptr_array_unref(nals);
}

static Tape tape_new(GRand *rand, unsigned count)
{
    Tape tape = {packets_new(), g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref),
                 g_new0(gboolean, count), count};
    for (unsigned i = 0; i < count; i++)
        add_picture(rand, &tape, i, i % 25 == 0);
    return tape;
}

static void tape_free(Tape *tape)
{
    g_ptr_array_unref(tape->packets);
    g_ptr_array_unref(tape->frames);
    g_free(tape->is_key);
}

static void play(Bench *bench, const Tape *tape, GRand *rand, double loss, GArray *lost_frames)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < tape->packets->len; i++) {
        const TestPacket *packet = g_ptr_array_index(tape->packets, i);
        if (g_rand_double(rand) < loss) {
            g_array_append_val(lost_frames, packet->frame);
            lost++;
            continue;
        }
        bench->timestamp = packet->timestamp;
        bench_push_after_loss(bench, packet->payload->data, packet->payload->len, packet->marker,
                              lost);
        lost = 0;
    }
}

static void test_round_trip(void)
{
    GRand *rand = g_rand_new_with_seed(11);
    Tape tape = tape_new(rand, 400);
    Bench *bench = bench_new(CODEC_H264);
    GArray *lost = g_array_new(FALSE, FALSE, sizeof(unsigned));
    play(bench, &tape, rand, 0, lost);
    g_assert_cmpuint(bench->frame_count, ==, tape.count);
    for (unsigned i = 0; i < tape.count; i++) {
        const GByteArray *unit = g_ptr_array_index(tape.frames, i);
        bench_expect_frame(bench, i, unit->data, unit->len);
        g_assert_cmpint(bench->frames[i]->is_key, ==, tape.is_key[i]);
    }
    g_assert_cmpuint(bench->requests, ==, 0);
    g_array_unref(lost);
    bench_free(bench);
    tape_free(&tape);
    g_rand_free(rand);
}

/* Whatever is lost: each frame that leaves is whole, and so is all since its key frame. */
static void test_losses(void)
{
    GRand *rand = g_rand_new_with_seed(12);
    for (unsigned round = 0; round < 12; round++) {
        Tape tape = tape_new(rand, 100);
        Bench *bench = bench_new(CODEC_H264);
        GArray *lost = g_array_new(FALSE, FALSE, sizeof(unsigned));
        play(bench, &tape, rand, 0.002 * (round + 1), lost);
        unsigned next = 0;
        for (unsigned i = 0; i < bench->frame_count; i++) {
            const unsigned frame = (bench->frames[i]->rtp_timestamp - 0xfffff000u) / 3000;
            const GByteArray *unit = g_ptr_array_index(tape.frames, frame);
            bench_expect_frame(bench, i, unit->data, unit->len);
            g_assert_true(tape.is_key[frame] || frame == next);
            next = frame + 1;
        }
        for (unsigned i = 0; i < lost->len; i++)
            for (unsigned j = 0; j < bench->frame_count; j++)
                g_assert_cmpuint((bench->frames[j]->rtp_timestamp - 0xfffff000u) / 3000, !=,
                                 g_array_index(lost, unsigned, i));
        g_assert_true(lost->len == 0 || bench->requests > 0);
        g_array_unref(lost);
        bench_free(bench);
        tape_free(&tape);
    }
    g_rand_free(rand);
}

void h264_test_add(void)
{
    g_test_add_func("/h264/key-and-delta", test_key_and_delta);
    g_test_add_func("/h264/prepends-sets", test_prepends_sets);
    g_test_add_func("/h264/key-without-sets", test_key_without_sets);
    g_test_add_func("/h264/sets-alone", test_sets_alone);
    g_test_add_func("/h264/size-change", test_size_change);
    g_test_add_func("/h264/delimiter-and-filler", test_delimiter_and_filler);
    g_test_add_func("/h264/blank", test_blank);
    g_test_add_func("/h264/disposable-loss", test_disposable_loss);
    g_test_add_func("/h264/malformed-is-not-disposable", test_malformed_is_not_disposable);
    g_test_add_func("/h264/lost-sets", test_lost_sets);
    g_test_add_func("/h264/lost-first-slice", test_lost_first_slice);
    g_test_add_func("/h264/prefixes", test_prefixes);
    g_test_add_func("/h264/round-trip", test_round_trip);
    g_test_add_func("/h264/losses", test_losses);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_cases); i++) {
        char *path = g_strdup_printf("/h264/malformed/%s", bad_cases[i].name);
        g_test_add_data_func(path, &bad_cases[i], test_malformed);
        g_free(path);
    }
}
