#include <libavcodec/avcodec.h>
#include <string.h>

#include "depay/vp9_header.h"
#include "depay_test.h"

#define MAX_PICTURES 16

/* The layer frames of one picture, or what is expected of them. */
typedef struct {
    unsigned count;
    GByteArray *frames[8];
} Layers;

static void layers_clear(Layers *layers)
{
    for (unsigned i = 0; i < layers->count; i++)
        g_byte_array_unref(layers->frames[i]);
    layers->count = 0;
}

static void push_layers(Bench *bench, const Layers *layers, bool is_predicted)
{
    for (unsigned i = 0; i < layers->count; i++) {
        const uint8_t descriptor[] = {(uint8_t)(0xac | (is_predicted ? 0x40 : 0)), 0x11,
                                      (uint8_t)(i << 1 | (i > 0)), 0x01};
        GByteArray *packet = g_byte_array_new();
        g_byte_array_append(packet, descriptor, sizeof descriptor);
        g_byte_array_append(packet, layers->frames[i]->data, layers->frames[i]->len);
        bench_push(bench, packet->data, packet->len, i + 1 == layers->count);
        g_byte_array_unref(packet);
    }
}

/* The last frame of the bench is these layer frames with an index of two bytes a size. */
static void expect_layers(const Bench *bench, const Layers *layers)
{
    g_assert_cmpuint(bench->frame_count, >, 0);
    const Frame *frame = bench->frames[bench->frame_count - 1];
    const size_t index_size = layers->count > 1 ? 2 + 2 * layers->count : 0;
    size_t at = 0;
    for (unsigned i = 0; i < layers->count; i++) {
        const GByteArray *layer = layers->frames[i];
        g_assert_cmpuint(at + layer->len, <=, frame->size);
        g_assert_cmpmem(frame->data + at, layer->len, layer->data, layer->len);
        at += layer->len;
        if (index_size > 0) {
            const uint8_t *told = frame->data + frame->size - index_size + 1 + 2 * i;
            g_assert_cmpuint(told[0] | told[1] << 8, ==, layer->len);
        }
    }
    g_assert_cmpuint(frame->size, ==, at + index_size);
}

/* What a header says; zero is a shown inter frame, not resilient, of explicit size. */
typedef struct {
    const char *name;
    unsigned profile;
    bool is_key, is_resilient, is_hidden, is_intra_only;
    unsigned found_ref; /* from 1; 0: explicit */
    unsigned slot;      /* of all three references */
    unsigned width;     /* 0: 640 */
    bool has_render_size, fixed_filter;
    bool has_deltas, has_quantizer_deltas;
    bool has_map, is_temporal, has_features;
    unsigned column_bits; /* of ones */
    bool is_full;         /* the columns end at their most, without a zero */
    bool has_rows;
    unsigned compressed; /* 0: 300 */
    unsigned sync_code;
} Header;

static void put_size(TestBits *bits, const Header *header)
{
    const unsigned width = header->width ? header->width : 640;
    test_bits_put(bits, 16, width - 1);
    test_bits_put(bits, 16, 359);
}

static void put_render_size(TestBits *bits, const Header *header)
{
    test_bits_put(bits, 1, header->has_render_size);
    if (header->has_render_size)
        test_bits_put(bits, 32, 0x027e0166);
}

static void put_intra(TestBits *bits, const Header *header)
{
    test_bits_put(bits, 24, header->sync_code ? header->sync_code : 0x498342);
    if (header->profile >= 2)
        test_bits_put(bits, 1, 1);
    if (header->is_key || header->profile > 0)
        test_bits_put(bits, 4, 2 << 1);
    if (header->profile & 1)
        test_bits_put(bits, 3, 0);
    if (!header->is_key)
        test_bits_put(bits, 8, 0x05);
    put_size(bits, header);
    put_render_size(bits, header);
}

static void put_inter(TestBits *bits, const Header *header)
{
    test_bits_put(bits, 8, 0x05);
    for (unsigned i = 0; i < 3; i++)
        test_bits_put(bits, 4, header->slot << 1 | (i == 2));
    const unsigned misses = header->found_ref ? header->found_ref - 1 : 3;
    test_bits_put(bits, misses, 0);
    if (header->found_ref)
        test_bits_put(bits, 1, 1);
    else
        put_size(bits, header);
    put_render_size(bits, header);
    test_bits_put(bits, 1, 1);
    test_bits_put(bits, 1, !header->fixed_filter);
    if (header->fixed_filter)
        test_bits_put(bits, 2, 3);
}

static void put_filters(TestBits *bits, const Header *header)
{
    test_bits_put(bits, 9, 0x1a5);
    test_bits_put(bits, 1, header->has_deltas);
    if (header->has_deltas) {
        test_bits_put(bits, 1, 1);
        for (unsigned i = 0; i < 6; i++)
            test_bits_put(bits, i % 2 ? 1 : 8, i % 2 ? 0 : 0xd5);
    }
    test_bits_put(bits, 8, 0x93);
    for (unsigned i = 0; i < 3; i++) {
        const bool coded = header->has_quantizer_deltas && i != 1;
        test_bits_put(bits, coded ? 6 : 1, coded ? 0x35 : 0);
    }
}

static void put_segmentation(TestBits *bits, const Header *header)
{
    static const unsigned feature_bits[] = {9, 7, 2, 0};
    const bool enabled = header->has_map || header->has_features;
    test_bits_put(bits, 1, enabled);
    if (!enabled)
        return;
    test_bits_put(bits, 1, header->has_map);
    if (header->has_map) {
        for (unsigned i = 0; i < 7; i++)
            test_bits_put(bits, i % 2 ? 9 : 1, i % 2 ? 0x1a3 : 0);
        test_bits_put(bits, 1, header->is_temporal);
        for (unsigned i = 0; i < 3 && header->is_temporal; i++)
            test_bits_put(bits, i % 2 ? 1 : 9, i % 2 ? 0 : 0x15c);
    }
    test_bits_put(bits, 1, header->has_features);
    if (!header->has_features)
        return;
    test_bits_put(bits, 1, 1);
    for (unsigned i = 0; i < 32; i++) {
        test_bits_put(bits, 1, i % 3 == 0);
        if (i % 3 == 0)
            test_bits_put(bits, feature_bits[i % 4], 1);
    }
}

static void put_tiles(TestBits *bits, const Header *header)
{
    for (unsigned i = 0; i < header->column_bits; i++)
        test_bits_put(bits, 1, 1);
    if (!header->is_full)
        test_bits_put(bits, 1, 0);
    test_bits_put(bits, header->has_rows ? 2 : 1, header->has_rows ? 3 : 0);
}

static void put_start(TestBits *bits, const Header *header, bool is_hidden)
{
    test_bits_put(bits, 2, 2);
    test_bits_put(bits, 1, header->profile & 1);
    test_bits_put(bits, 1, header->profile >> 1);
    if (header->profile == 3)
        test_bits_put(bits, 1, 0);
    test_bits_put(bits, 2, !header->is_key);
    test_bits_put(bits, 1, !is_hidden);
    test_bits_put(bits, 1, header->is_resilient);
    if (!header->is_key && is_hidden)
        test_bits_put(bits, 1, header->is_intra_only);
    if (!header->is_key && !header->is_resilient)
        test_bits_put(bits, 2, 2);
}

/* The frame as published, or as it is expected when it is hidden. */
static GByteArray *frame_new_of(const Header *header, bool is_hidden)
{
    TestBits bits = test_bits(false);
    put_start(&bits, header, is_hidden || header->is_hidden);
    if (header->is_key || header->is_intra_only)
        put_intra(&bits, header);
    else
        put_inter(&bits, header);
    test_bits_put(&bits, header->is_resilient ? 2 : 4, header->is_resilient ? 1 : 5);
    put_filters(&bits, header);
    put_segmentation(&bits, header);
    put_tiles(&bits, header);
    test_bits_put(&bits, 16, header->compressed ? header->compressed : 300);
    while (bits.used)
        test_bits_put(&bits, 1, 0);
    for (unsigned i = 0; i < 400; i++) {
        const uint8_t byte = (uint8_t)(i * 7 + 129);
        g_byte_array_append(bits.bytes, &byte, 1);
    }
    return bits.bytes;
}

static const Header base = {.width = 320, .is_full = true};
static const Header top = {.width = 1280, .column_bits = 2, .is_full = true};

/* 640 samples take up to one bit of columns, 1280 two, 4160 three above one that is given. */
static const Header headers[] = {
    {.name = "plain"},
    {.name = "resilient", .is_resilient = true},
    {.name = "profile 1", .profile = 1},
    {.name = "profile 3", .profile = 3},
    {.name = "size of the first reference", .found_ref = 1, .slot = 1},
    {.name = "size of the second reference", .found_ref = 2, .slot = 1},
    {.name = "size of the third reference", .found_ref = 3, .slot = 1},
    {.name = "render size", .has_render_size = true},
    {.name = "one filter", .fixed_filter = true},
    {.name = "loop filter deltas", .has_deltas = true},
    {.name = "quantizer deltas", .has_quantizer_deltas = true},
    {.name = "segments", .has_map = true},
    {.name = "segments, temporal", .has_map = true, .is_temporal = true},
    {.name = "features", .has_features = true},
    {.name = "segments and features", .has_map = true, .is_temporal = true, .has_features = true},
    {.name = "one column of one", .width = 448, .is_full = true},
    {.name = "two columns of two", .column_bits = 1, .is_full = true},
    {.name = "columns of 2000", .width = 2000, .column_bits = 1},
    {.name = "columns of 4160", .width = 4160, .column_bits = 3, .is_full = true},
    {.name = "columns of 4097", .width = 4097},
    {.name = "rows", .has_rows = true},
    {.name = "hidden before", .is_hidden = true},
    {.name = "intra only", .is_hidden = true, .is_intra_only = true},
    {.name = "intra only, profile 1", .profile = 1, .is_hidden = true, .is_intra_only = true},
    {.name = "intra only, resilient",
     .is_resilient = true,
     .is_hidden = true,
     .is_intra_only = true},
    {.name = "key", .is_key = true},
    {.name = "key, profile 2", .is_key = true, .profile = 2, .is_resilient = true},
    {.name = "everything",
     .profile = 2,
     .has_render_size = true,
     .fixed_filter = true,
     .has_deltas = true,
     .has_quantizer_deltas = true,
     .has_map = true,
     .is_temporal = true,
     .has_features = true,
     .column_bits = 1,
     .is_full = true,
     .has_rows = true},
};

/* One of 320 samples, this, and one of 1280; `expected`: what the lower two are to become. */
static void three_layers(const Header *header, bool expected, Layers *ret_layers)
{
    ret_layers->count = 3;
    ret_layers->frames[0] = frame_new_of(&base, expected);
    ret_layers->frames[1] = frame_new_of(header, expected);
    ret_layers->frames[2] = frame_new_of(&top, false);
}

/* A key picture goes first: then slot 1 has 640 samples, and only slots 0 and 2 are refreshed. */
static void push_first(Bench *bench)
{
    static const Header large = {.is_key = true, .width = 640};
    static const Header larger = {.width = 1280, .column_bits = 2, .is_full = true};
    Layers layers = {2, {frame_new_of(&large, false), frame_new_of(&larger, false)}};
    push_layers(bench, &layers, false);
    layers_clear(&layers);
}

static void expect_hidden(const Header *header, bool *grew, bool *stayed)
{
    Bench *bench = bench_new(CODEC_VP9);
    push_first(bench);
    Layers published, expected;
    three_layers(header, false, &published);
    three_layers(header, true, &expected);
    push_layers(bench, &published, true);
    expect_layers(bench, &expected);
    *grew |= expected.frames[1]->len > published.frames[1]->len;
    *stayed |= !header->is_key && !header->is_hidden &&
               expected.frames[1]->len == published.frames[1]->len;
    layers_clear(&published);
    layers_clear(&expected);
    bench_free(bench);
}

static void test_hides_lower_layers(void)
{
    bool grew = false, stayed = false;
    for (unsigned i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_test_message("%s", headers[i].name);
        expect_hidden(&headers[i], &grew, &stayed);
    }
    g_assert_true(grew && stayed);
}

static void expect_unchanged(Bench *bench, const Header *header)
{
    Layers layers;
    three_layers(header, false, &layers);
    push_layers(bench, &layers, true);
    expect_layers(bench, &layers);
    layers_clear(&layers);
}

/* Wherever one header of a picture does not lead anywhere, all of it stays. */
static void test_malformed(void)
{
    static const Header cases[] = {
        {.name = "no compressed header", .compressed = 65536},
        {.name = "compressed header past the end", .compressed = 401},
        {.name = "wrong sync code", .is_hidden = true, .is_intra_only = true, .sync_code = 1},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].name);
        Bench *bench = bench_new(CODEC_VP9);
        push_first(bench);
        expect_unchanged(bench, &cases[i]);
        bench_free(bench);
    }
}

static void test_truncated(void)
{
    const Header *everything = &headers[G_N_ELEMENTS(headers) - 1];
    Layers layers;
    three_layers(everything, false, &layers);
    /* 400 bytes follow a header that speaks of 300. */
    for (unsigned size = layers.frames[1]->len - 101; size > 0; size--) {
        Bench *bench = bench_new(CODEC_VP9);
        g_byte_array_set_size(layers.frames[1], size);
        push_first(bench);
        push_layers(bench, &layers, true);
        expect_layers(bench, &layers);
        bench_free(bench);
    }
    layers_clear(&layers);
}

static void test_existing_frame(void)
{
    static const uint8_t shows_existing[] = {0x88};
    Bench *bench = bench_new(CODEC_VP9);
    Layers layers;
    three_layers(&headers[0], false, &layers);
    g_byte_array_set_size(layers.frames[1], 0);
    g_byte_array_append(layers.frames[1], shows_existing, sizeof shows_existing);
    push_first(bench);
    push_layers(bench, &layers, true);
    expect_layers(bench, &layers);
    layers_clear(&layers);
    bench_free(bench);
}

static void test_layers_of_one_size(void)
{
    static const Header same = {.width = 320, .is_full = true};
    Bench *bench = bench_new(CODEC_VP9);
    push_first(bench);
    expect_unchanged(bench, &same);
    bench_free(bench);
}

/* Sizes are remembered from picture to picture, and not past one of a single layer. */
static void test_references_are_forgotten(void)
{
    static const Header sized_by_reference = {.found_ref = 1, .slot = 1};
    Bench *bench = bench_new(CODEC_VP9);
    push_first(bench);
    Layers alone = {1, {frame_new_of(&top, false)}};
    push_layers(bench, &alone, true);
    expect_layers(bench, &alone);
    expect_unchanged(bench, &sized_by_reference);
    layers_clear(&alone);
    bench_free(bench);
}

static void test_whole_header(void)
{
    const Header *everything = &headers[G_N_ELEMENTS(headers) - 1];
    GByteArray *frame = frame_new_of(everything, false);
    Vp9References references = {0};
    Vp9WholeHeader header;
    g_assert_true(vp9_header_parse_whole(frame->data, frame->len, &references, &header));
    g_assert_cmpuint((header.bits + 7) / 8 + 400, ==, frame->len);
    g_assert_cmpuint(header.show_bit, ==, 6);
    g_assert_true(header.is_shown && !header.is_key);
    g_assert_cmpuint(header.refresh_flags, ==, 0x05);
    g_assert_cmpuint(header.size.width, ==, 640);
    g_assert_cmpuint(header.size.height, ==, 360);
    for (unsigned i = 0; i < VP9_REFERENCES; i++)
        g_assert_cmpuint(references.sizes[i].width, ==, i == 0 || i == 2 ? 640 : 0);
    g_byte_array_unref(frame);
}

/* --- what FFmpeg's decoder makes of it --- */

typedef struct {
    AVCodecContext *context;
    unsigned count;
    AVFrame *pictures[MAX_PICTURES];
} Decoder;

static Decoder decoder_new(void)
{
    Decoder decoder = {
        .context = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_VP9)),
    };
    decoder.context->thread_count = 1;
    decoder.context->err_recognition = AV_EF_EXPLODE;
    g_assert_cmpint(avcodec_open2(decoder.context, NULL, NULL), ==, 0);
    return decoder;
}

static void decode(Decoder *decoder, const uint8_t *data, size_t size)
{
    AVPacket *packet = av_packet_alloc();
    g_assert_cmpint(av_new_packet(packet, (int)size), ==, 0);
    memcpy(packet->data, data, size);
    g_assert_cmpint(avcodec_send_packet(decoder->context, packet), ==, 0);
    av_packet_free(&packet);
    AVFrame *picture = av_frame_alloc();
    while (avcodec_receive_frame(decoder->context, picture) == 0) {
        g_assert_cmpuint(decoder->count, <, MAX_PICTURES);
        decoder->pictures[decoder->count++] = picture;
        picture = av_frame_alloc();
    }
    av_frame_free(&picture);
}

static void decoder_clear(Decoder *decoder)
{
    for (unsigned i = 0; i < decoder->count; i++)
        av_frame_free(&decoder->pictures[i]);
    avcodec_free_context(&decoder->context);
}

static void expect_same_plane(const AVFrame *one, const AVFrame *other, unsigned plane)
{
    const unsigned shift = plane > 0;
    for (int row = 0; row < one->height >> shift; row++)
        g_assert_cmpmem(one->data[plane] + row * one->linesize[plane], one->width >> shift,
                        other->data[plane] + row * other->linesize[plane], one->width >> shift);
}

static void expect_same_picture(const AVFrame *one, const AVFrame *other)
{
    g_assert_cmpint(one->width, ==, other->width);
    g_assert_cmpint(one->height, ==, other->height);
    g_assert_cmpint(one->format, ==, AV_PIX_FMT_YUV420P);
    for (unsigned plane = 0; plane < 3; plane++)
        expect_same_plane(one, other, plane);
}

/* The pictures of a capture in IVF: each frame of it is a layer frame, its time the picture. */
static unsigned read_capture(Layers pictures[MAX_PICTURES])
{
    gchar *data = NULL;
    gsize size = 0, at = 32;
    g_assert_true(g_file_get_contents(VP9_CAPTURE, &data, &size, NULL));
    unsigned count = 0;
    while (at + 12 < size) {
        uint32_t words[2];
        memcpy(words, data + at, sizeof words);
        const uint32_t length = GUINT32_FROM_LE(words[0]), number = GUINT32_FROM_LE(words[1]);
        g_assert_cmpuint(at + 12 + length, <=, size);
        Layers *picture = &pictures[number];
        picture->frames[picture->count++] =
            g_byte_array_append(g_byte_array_new(), (uint8_t *)data + at + 12, length);
        at += 12 + length;
        count = number + 1;
    }
    g_free(data);
    return count;
}

/* What livekit-server sent of a publisher of three layers: the key picture, then the top alone. */
static void test_a_decoder_shows_one(void)
{
    Layers pictures[MAX_PICTURES] = {0};
    const unsigned count = read_capture(pictures);
    g_assert_cmpuint(pictures[0].count, ==, 3);
    Bench *bench = bench_new(CODEC_VP9);
    Decoder before = decoder_new(), after = decoder_new();
    for (unsigned i = 0; i < count; i++) {
        for (unsigned layer = 0; layer < pictures[i].count; layer++)
            decode(&before, pictures[i].frames[layer]->data, pictures[i].frames[layer]->len);
        push_layers(bench, &pictures[i], i > 0);
        g_assert_cmpuint(bench->frame_count, ==, i + 1);
        decode(&after, bench->frames[i]->data, bench->frames[i]->size);
        layers_clear(&pictures[i]);
    }
    g_assert_cmpuint(before.count, ==, count + 2);
    g_assert_cmpint(before.pictures[0]->width, ==, 320);
    g_assert_cmpuint(after.count, ==, count);
    g_assert_cmpint(after.pictures[0]->width, ==, 1280);
    for (unsigned i = 0; i < count; i++)
        expect_same_picture(after.pictures[i], before.pictures[i + 2]);
    decoder_clear(&before);
    decoder_clear(&after);
    bench_free(bench);
}

void vp9_layers_test_add(void)
{
    g_test_add_func("/vp9-layers/hides-lower-layers", test_hides_lower_layers);
    g_test_add_func("/vp9-layers/malformed", test_malformed);
    g_test_add_func("/vp9-layers/truncated", test_truncated);
    g_test_add_func("/vp9-layers/existing-frame", test_existing_frame);
    g_test_add_func("/vp9-layers/layers-of-one-size", test_layers_of_one_size);
    g_test_add_func("/vp9-layers/references-are-forgotten", test_references_are_forgotten);
    g_test_add_func("/vp9-layers/whole-header", test_whole_header);
    g_test_add_func("/vp9-layers/a-decoder-shows-one", test_a_decoder_shows_one);
}
