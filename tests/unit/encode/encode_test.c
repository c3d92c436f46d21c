/* Real frames of one codec go in, frames of another come out: how many, when, how large. */
#include "encode_test.h"

#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "encode/frame_decoder.h"
#include "encode/track_encoder.h"
#include "sink/codec_config.h"
#include "sink/silence.h"
#include "test_media.h"

#define START_NS (7 * NS_PER_SECOND + 1234567)
#define POOL_BYTES (64U << 20)
#define QUEUE_ITEMS 400

typedef struct {
    Pool *pool;
    Mailbox *mailbox;
    BoundedQueue *in, *out;
    TrackCounters counters;
    TrackEncoder *encoder;
    unsigned keyframes_needed, failures;
    char sentence[300];
    TrackEncoderStats stats; /* at the end */
    GPtrArray *frames;       /* what came out */
} Bench;

static void on_need_keyframe(void *owner, unsigned track_id)
{
    Bench *bench = owner;
    g_assert_cmpuint(track_id, ==, 3);
    bench->keyframes_needed++;
}

static void on_failed(void *owner, unsigned track_id, const char *sentence)
{
    Bench *bench = owner;
    g_assert_cmpuint(track_id, ==, 3);
    bench->failures++;
    g_strlcpy(bench->sentence, sentence, sizeof bench->sentence);
}

static EncoderSettings settings_of(Codec codec, const char *encoder, const char *speed)
{
    EncoderSettings settings = {.encoder = encoder,
                                .bitrate = codec_kind(codec) == TRACK_VIDEO ? 400000 : 96000,
                                .crf = -1,
                                .threads = 1,
                                .keyframe_interval_ns = NS_PER_SECOND};
    g_strlcpy(settings.speed, speed, sizeof settings.speed);
    return settings;
}

static Bench *bench_new(Codec codec, const char *encoder, const char *speed, PictureSize ceiling)
{
    Bench *bench = g_new0(Bench, 1);
    const TrackKind kind = codec_kind(codec);
    bench->pool = pool_new(POOL_BYTES);
    bench->mailbox = mailbox_new();
    bench->in = bounded_queue_new(kind, QUEUE_ITEMS, POOL_BYTES);
    bench->out = bounded_queue_new(kind, QUEUE_ITEMS, POOL_BYTES);
    bench->frames = g_ptr_array_new_with_free_func((GDestroyNotify)frame_unref);
    const TrackEncoderConfig config = {
        .track_id = 3,
        .kind = kind,
        .codec = codec,
        .settings = settings_of(codec, encoder, speed),
        .ceiling = ceiling,
        .encode_timeout_ns = 30 * NS_PER_SECOND,
        .in = bench->in,
        .out = bench->out,
        .counters = &bench->counters,
        .pool = bench->pool,
    };
    const TrackEncoderEvents events = {bench, bench->mailbox, on_need_keyframe, on_failed};
    bench->encoder = track_encoder_new(&config, &events);
    return bench;
}

/* Ends the input, takes everything that comes out. */
static void bench_finish(Bench *bench)
{
    bounded_queue_end(bench->in);
    for (QueueGet got; (got = QUEUE_EMPTY) == QUEUE_EMPTY;) {
        Frame *frame = NULL;
        got = bounded_queue_get(bench->out, &frame);
        if (got == QUEUE_FRAME)
            g_ptr_array_add(bench->frames, frame);
        if (got == QUEUE_END)
            break;
        if (got == QUEUE_EMPTY)
            g_thread_yield();
    }
    bench->stats = track_encoder_stats(bench->encoder);
    track_encoder_free(bench->encoder);
    mailbox_drain(bench->mailbox);
    g_assert_true(ledger_row_balances(&bench->counters.ledger, STAGE_ENCODE));
}

static void bench_free(Bench *bench)
{
    g_ptr_array_unref(bench->frames);
    bounded_queue_free(bench->in);
    bounded_queue_free(bench->out);
    mailbox_free(bench->mailbox);
    pool_unref(bench->pool);
    g_free(bench);
}

/* As a net thread does, but never so fast that pictures are left out for want of time. */
static void feed(Bench *bench, Frame *frame)
{
    const bool is_video = codec_kind(frame->codec) == TRACK_VIDEO;
    while (is_video && bounded_queue_stats(bench->in).size > QUEUE_ITEMS / 4)
        g_thread_yield();
    g_assert_true(bounded_queue_put(bench->in, frame).accepted);
}

static void feed_media(Bench *bench, Codec codec, int width, int height, int64_t start_ns,
                       unsigned count)
{
    TestMedia *media = test_media_new(bench->pool, codec, width, height);
    for (unsigned i = 0; i < count; i++)
        feed(bench, test_media_next(media, start_ns, i == 0));
    test_media_free(media);
}

static const Frame *frame_at(const Bench *bench, unsigned i)
{
    return bench->frames->pdata[i];
}

/* ---- pictures ---- */

typedef struct {
    unsigned count;
    int width, height;
} Decoded;

static void count_decoded(void *owner, AVFrame *frame)
{
    Decoded *decoded = owner;
    decoded->count++;
    decoded->width = frame->width;
    decoded->height = frame->height;
}

static void assert_decodes(const Bench *bench, unsigned count, int width, int height)
{
    Decoded decoded = {0};
    FrameDecoder *decoder = frame_decoder_new((FrameDecoderOut){&decoded, count_decoded});
    for (unsigned i = 0; i < bench->frames->len; i++)
        g_assert_true(frame_decoder_push(decoder, frame_at(bench, i)));
    frame_decoder_flush(decoder);
    g_assert_cmpuint(frame_decoder_errors(decoder), ==, 0);
    frame_decoder_free(decoder);
    g_assert_cmpuint(decoded.count, ==, count);
    g_assert_cmpint(decoded.width, ==, width);
    g_assert_cmpint(decoded.height, ==, height);
}

/* Each picture at its own time, a key frame regularly, a header for the first. */
static void assert_pictures(const Bench *bench, Codec codec, unsigned count, unsigned key_distance)
{
    g_assert_cmpuint(bench->frames->len, ==, count);
    unsigned last_key = 0;
    for (unsigned i = 0; i < count; i++) {
        const Frame *frame = frame_at(bench, i);
        g_assert_cmpint(frame->codec, ==, codec);
        const int64_t wanted_ns = START_NS + i * NS_PER_SECOND / 25;
        g_assert_cmpint(ABS(frame->pts_ns - wanted_ns), <=, 12000); /* a tick of 90 kHz */
        if (frame->is_key)
            last_key = i;
        g_assert_cmpuint(i - last_key, <=, key_distance);
    }
    g_assert_true(frame_at(bench, 0)->is_key);
    AVCodecParameters *parameters = codec_config_new(frame_at(bench, 0));
    g_assert_nonnull(parameters);
    avcodec_parameters_free(&parameters);
}

static void test_every_input(void)
{
    static const Codec codecs[] = {CODEC_VP8, CODEC_VP9, CODEC_AV1, CODEC_H264, CODEC_H265};
    for (unsigned i = 0; i < G_N_ELEMENTS(codecs); i++) {
        Bench *bench = bench_new(CODEC_H264, "libx264", "ultrafast", (PictureSize){0, 0});
        feed_media(bench, codecs[i], 320, 180, START_NS, 60);
        bench_finish(bench);
        g_test_message("from %s", codec_name(codecs[i]));
        assert_pictures(bench, CODEC_H264, 60, 25);
        assert_decodes(bench, 60, 320, 180);
        g_assert_cmpuint(bench->failures + bench->keyframes_needed, ==, 0);
        bench_free(bench);
    }
}

static void test_every_output(void)
{
    static const struct {
        Codec codec;
        const char *encoder, *speed;
        unsigned
            key_distance; /* SVT-AV1 takes a second for 30 pictures, the others know the time */
    } rows[] = {
        {CODEC_H264, "libx264", "veryfast", 25},
        {CODEC_VP9, "libvpx-vp9", "8", 25},
        {CODEC_AV1, "libaom-av1", "8", 25},
        {CODEC_AV1, "libsvtav1", "12", 32},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("with %s", rows[i].encoder);
        Bench *bench =
            bench_new(rows[i].codec, rows[i].encoder, rows[i].speed, (PictureSize){0, 0});
        feed_media(bench, CODEC_VP8, 320, 180, START_NS, 60);
        bench_finish(bench);
        g_test_message("%s", bench->sentence);
        g_assert_cmpuint(bench->failures, ==, 0);
        assert_pictures(bench, rows[i].codec, 60, rows[i].key_distance);
        assert_decodes(bench, 60, 320, 180);
        bench_free(bench);
    }
}

static void test_ceiling(void)
{
    static const struct {
        PictureSize picture, ceiling, wanted;
    } rows[] = {
        {{1920, 1080}, {1280, 720}, {1280, 720}}, {{1080, 1920}, {1280, 720}, {720, 1280}},
        {{640, 360}, {1280, 720}, {640, 360}},    {{641, 361}, {1280, 720}, {640, 360}},
        {{1440, 1080}, {1280, 720}, {960, 720}},  {{3840, 1080}, {1920, 1080}, {1920, 540}},
        {{1000, 1000}, {1280, 720}, {720, 720}},  {{320, 240}, {0, 0}, {320, 240}},
        {{1366, 768}, {1280, 720}, {1280, 720}},  {{2, 2}, {1280, 720}, {16, 16}},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        const PictureSize size = picture_size_fit(rows[i].picture, rows[i].ceiling);
        g_test_message("%u: %ux%u", i, size.width, size.height);
        g_assert_cmpuint(size.width, ==, rows[i].wanted.width);
        g_assert_cmpuint(size.height, ==, rows[i].wanted.height);
    }
}

static void test_begins_with_a_low_layer(void)
{
    static const struct {
        PictureSize first, published, wanted;
    } rows[] = {
        {{320, 180}, {1280, 720}, {1280, 720}},  {{180, 320}, {1280, 720}, {720, 1280}},
        {{341, 192}, {1366, 768}, {1366, 768}},  {{320, 240}, {1280, 720}, {320, 240}},
        {{1280, 720}, {1280, 720}, {1280, 720}}, {{1920, 1080}, {1280, 720}, {1920, 1080}},
        {{320, 180}, {0, 0}, {320, 180}},        {{240, 240}, {480, 480}, {480, 480}},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        const PictureSize size = picture_size_whole(rows[i].first, rows[i].published);
        g_test_message("%u: %ux%u", i, size.width, size.height);
        g_assert_cmpuint(size.width, ==, rows[i].wanted.width);
        g_assert_cmpuint(size.height, ==, rows[i].wanted.height);
    }
}

static AVFrame *grey_picture(PictureSize size)
{
    AVFrame *picture = av_frame_alloc();
    picture->format = AV_PIX_FMT_YUV420P;
    picture->width = (int)size.width;
    picture->height = (int)size.height;
    g_assert_cmpint(av_frame_get_buffer(picture, 0), ==, 0);
    for (int i = 0; i < 3; i++)
        memset(picture->data[i], 128,
               (size_t)(picture->linesize[i] * (i ? 1 : 2)) * (size_t)picture->height / 2);
    return picture;
}

/* The picture is whole, and everything beside it is black. */
static void test_framed(void)
{
    const PictureSize landscape = {320, 240}, portrait = {240, 320};
    PictureFitter *fitter = picture_fitter_new(landscape, (PictureSize){0, 0});
    AVFrame *first = grey_picture(landscape), *turned = grey_picture(portrait);
    g_assert_true(picture_fitter_fit(fitter, first) == first);
    const AVFrame *framed = picture_fitter_fit(fitter, turned);
    g_assert_cmpint(framed->width, ==, 320);
    for (int y = 0; y < 240; y++) {
        for (int x = 0; x < 320; x++)
            g_assert_cmpint(framed->data[0][y * framed->linesize[0] + x], ==,
                            x >= 70 && x < 250 ? 128 : 16);
    }
    av_frame_free(&first);
    av_frame_free(&turned);
    picture_fitter_free(fitter);
}

/* White in the middle of a picture of the full range is white in one of the limited range, and what
 * has another matrix later is converted. */
static void test_colours(void)
{
    const PictureSize size = {320, 240};
    PictureFitter *fitter = picture_fitter_new(size, (PictureSize){0, 0});
    AVFrame *first = grey_picture(size), *full = grey_picture(size), *other = grey_picture(size);
    first->colorspace = full->colorspace = AVCOL_SPC_BT470BG;
    g_assert_true(picture_fitter_fit(fitter, first) == first);
    full->color_range = AVCOL_RANGE_JPEG;
    memset(full->data[0], 255, (size_t)full->linesize[0] * 240);
    const AVFrame *limited = picture_fitter_fit(fitter, full);
    g_assert_cmpint(limited->color_range, ==, AVCOL_RANGE_MPEG);
    g_assert_cmpint(abs(limited->data[0][100 * limited->linesize[0] + 100] - 235), <=, 1);
    other->colorspace = AVCOL_SPC_BT709;
    memset(other->data[2], 200, (size_t)other->linesize[2] * 120);
    const AVFrame *converted = picture_fitter_fit(fitter, other);
    g_assert_cmpint(converted->colorspace, ==, AVCOL_SPC_BT470BG);
    g_assert_cmpint(converted->data[0][100 * converted->linesize[0] + 100], >, 134);
    av_frame_free(&first);
    av_frame_free(&full);
    av_frame_free(&other);
    picture_fitter_free(fitter);
}

static void note_matrix(void *owner, AVFrame *frame)
{
    enum AVColorSpace *matrix = owner;
    *matrix = frame->colorspace;
}

/* VP8 is always of that matrix; what is as large as HD would be taken for BT.709. */
static void test_says_its_colours(void)
{
    static const struct {
        Codec codec;
        const char *encoder, *speed;
    } rows[] = {
        {CODEC_H264, "libx264", "veryfast"},
        {CODEC_VP9, "libvpx-vp9", "8"},
        {CODEC_AV1, "libaom-av1", "8"},
        {CODEC_AV1, "libsvtav1", "12"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        enum AVColorSpace matrix = AVCOL_SPC_NB;
        Bench *bench =
            bench_new(rows[i].codec, rows[i].encoder, rows[i].speed, (PictureSize){0, 0});
        feed_media(bench, CODEC_VP8, 320, 180, START_NS, 5);
        bench_finish(bench);
        FrameDecoder *decoder = frame_decoder_new((FrameDecoderOut){&matrix, note_matrix});
        g_assert_true(frame_decoder_push(decoder, frame_at(bench, 0)));
        frame_decoder_flush(decoder);
        g_test_message("%s: %d", rows[i].encoder, (int)matrix);
        g_assert_true(matrix == AVCOL_SPC_BT470BG || matrix == AVCOL_SPC_SMPTE170M);
        frame_decoder_free(decoder);
        bench_free(bench);
    }
}

static void test_size_and_codec_change(void)
{
    Bench *bench = bench_new(CODEC_H264, "libx264", "ultrafast", (PictureSize){320, 180});
    feed_media(bench, CODEC_VP8, 640, 360, START_NS, 25);
    feed_media(bench, CODEC_VP8, 180, 320, START_NS + NS_PER_SECOND, 25);
    feed_media(bench, CODEC_H264, 320, 240, START_NS + 2 * NS_PER_SECOND, 25);
    bench_finish(bench);
    assert_pictures(bench, CODEC_H264, 75, 25);
    assert_decodes(bench, 75, 320, 180);
    g_assert_cmpuint(bench->failures, ==, 0);
    bench_free(bench);
}

static void note_luma(void *owner, AVFrame *frame)
{
    GArray *lumas = owner;
    unsigned sum = 0;
    for (int x = 0; x < frame->width; x++)
        sum += frame->data[0][frame->height / 2 * frame->linesize[0] + x];
    const unsigned mean = sum / (unsigned)frame->width;
    g_array_append_val(lumas, mean);
}

static GArray *lumas_of(const Bench *bench)
{
    GArray *lumas = g_array_new(FALSE, FALSE, sizeof(unsigned));
    FrameDecoder *decoder = frame_decoder_new((FrameDecoderOut){lumas, note_luma});
    for (unsigned i = 0; i < bench->frames->len; i++)
        g_assert_true(frame_decoder_push(decoder, frame_at(bench, i)));
    frame_decoder_flush(decoder);
    frame_decoder_free(decoder);
    return lumas;
}

/* One black picture behind what came before, then a key frame. */
static void test_black(void)
{
    const int64_t black_ns = START_NS + NS_PER_SECOND, later_ns = black_ns + NS_PER_SECOND / 2;
    Bench *bench = bench_new(CODEC_H264, "libx264", "ultrafast", (PictureSize){0, 0});
    feed_media(bench, CODEC_VP8, 160, 120, START_NS, 10);
    track_encoder_show_black(bench->encoder, black_ns);
    feed_media(bench, CODEC_VP8, 160, 120, later_ns, 10);
    /* Too late: the picture has come back. */
    while (bounded_queue_stats(bench->in).size > 0)
        g_thread_yield();
    track_encoder_show_black(bench->encoder, black_ns);
    bench_finish(bench);
    g_assert_cmpuint(bench->failures, ==, 0);
    g_assert_cmpuint(bench->frames->len, ==, 21);
    g_assert_cmpint(llabs(frame_at(bench, 10)->pts_ns - black_ns), <, NS_PER_MS);
    g_assert_true(frame_at(bench, 11)->is_key);
    g_autoptr(GArray) lumas = lumas_of(bench);
    g_assert_cmpuint(lumas->len, ==, 21);
    for (unsigned i = 0; i < lumas->len; i++)
        g_assert_true((g_array_index(lumas, unsigned, i) < 20) == (i == 10));
    bench_free(bench);
}

static void test_broken_picture(void)
{
    Bench *bench = bench_new(CODEC_H264, "libx264", "ultrafast", (PictureSize){0, 0});
    TestMedia *media = test_media_new(bench->pool, CODEC_H264, 320, 180);
    for (unsigned i = 0; i < 50; i++) {
        Frame *frame = test_media_next(media, START_NS, i == 30);
        if (i == 10)
            memset(frame->data, 0x5a, frame->size);
        feed(bench, frame);
    }
    test_media_free(media);
    bench_finish(bench);
    g_assert_cmpuint(bench->failures, ==, 0);
    g_assert_cmpuint(bench->keyframes_needed, ==, 1);
    /* 25 begins with a key frame of the encoder's own: nothing before it is used. */
    g_assert_cmpuint(bench->frames->len, ==, 10 + 25);
    const LedgerRow *row = &bench->counters.ledger.rows[STAGE_ENCODE];
    g_assert_cmpuint(ledger_value(&row->dropped[DROP_BROKEN_REFERENCE]), ==, 14);
    bench_free(bench);
}

/* A publisher decides how large pictures are, and with it how much memory they take. */
static void test_huge_picture(void)
{
    Decoded decoded = {0};
    Pool *pool = pool_new(POOL_BYTES);
    FrameDecoder *decoder = frame_decoder_new((FrameDecoderOut){&decoded, count_decoded});
    TestMedia *media = test_media_new(pool, CODEC_H264, 8704, 4352);
    Frame *frame = test_media_next(media, START_NS, true);
    g_assert_true(frame_decoder_push(decoder, frame));
    frame_decoder_flush(decoder);
    g_assert_cmpuint(decoded.count, ==, 0);
    frame_unref(frame);
    test_media_free(media);
    frame_decoder_free(decoder);
    pool_unref(pool);
}

/* What cannot be decoded is handed on as it came, and the cause is told: once. */
static void test_huge_input(void)
{
    Bench *bench = bench_new(CODEC_H264, "libx264", "ultrafast", (PictureSize){0, 0});
    feed_media(bench, CODEC_H264, 320, 180, START_NS, 5);
    TestMedia *media = test_media_new(bench->pool, CODEC_H264, 8704, 4352);
    for (unsigned i = 0; i < 2; i++) {
        Frame *frame = test_media_next(media, START_NS + NS_PER_SECOND, true);
        frame->width = 8704;
        frame->height = 4352;
        feed(bench, frame);
    }
    test_media_free(media);
    bench_finish(bench);
    g_assert_cmpuint(bench->failures, ==, 1);
    g_assert_cmpstr(bench->sentence, ==,
                    "The encoder libx264 does not decode a picture of 8704x4352, which is more "
                    "than 8192x4352.");
    g_assert_cmpuint(bench->keyframes_needed, ==, 0);
    const unsigned encoded = bench->frames->len - 2;
    g_assert_cmpuint(encoded, >=, 1);
    for (unsigned i = 0; i < bench->frames->len; i++)
        g_assert_true((frame_at(bench, i)->width == 8704) == (i >= encoded));
    g_assert_cmpuint(bench->stats.frames_out, ==, encoded);
    bench_free(bench);
}

static void test_no_encoder(void)
{
    Bench *bench = bench_new(CODEC_H264, "libnothing", "", (PictureSize){0, 0});
    feed_media(bench, CODEC_VP8, 320, 180, START_NS, 25);
    bench_finish(bench);
    g_assert_cmpuint(bench->failures, ==, 1);
    g_assert_nonnull(strstr(bench->sentence, "libnothing"));
    g_assert_cmpuint(bench->frames->len, >=, 24);
    g_assert_cmpint(frame_at(bench, 1)->codec, ==, CODEC_VP8);
    bench_free(bench);
}

/* ---- sound ---- */

static void assert_sound(const Bench *bench, Codec codec, int64_t priming_ns, int64_t end_ns)
{
    int64_t expected_ns = START_NS - priming_ns;
    for (unsigned i = 0; i < bench->frames->len; i++) {
        const Frame *frame = frame_at(bench, i);
        g_assert_cmpint(frame->codec, ==, codec);
        g_assert_cmpint(ABS(frame->pts_ns - expected_ns), <, NS_PER_MS);
        expected_ns = frame->pts_ns + frame->duration_ns;
    }
    g_assert_cmpint(ABS(expected_ns - end_ns), <, 30 * NS_PER_MS);
}

static void test_sound(void)
{
    static const struct {
        Codec from, to;
        const char *encoder;
        int64_t priming_ns;
    } rows[] = {
        {CODEC_OPUS, CODEC_AAC, "aac", 1024 * NS_PER_SECOND / 48000},
        {CODEC_PCMU, CODEC_AAC, "aac", 1024 * NS_PER_SECOND / 48000},
        {CODEC_OPUS, CODEC_PCM, "pcm_s16le", 0},
        {CODEC_PCMA, CODEC_OPUS, "libopus", 312 * NS_PER_SECOND / 48000},
        {CODEC_OPUS, CODEC_MP3, "libmp3lame", 1105 * NS_PER_SECOND / 48000},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s to %s", codec_name(rows[i].from), codec_name(rows[i].to));
        Bench *bench = bench_new(rows[i].to, rows[i].encoder, "", (PictureSize){0, 0});
        feed_media(bench, rows[i].from, 0, 0, START_NS, 150);
        bench_finish(bench);
        g_test_message("%s", bench->sentence);
        g_assert_cmpuint(bench->failures, ==, 0);
        assert_sound(bench, rows[i].to, rows[i].priming_ns, START_NS + 3 * NS_PER_SECOND);
        bench_free(bench);
    }
}

/* The last frame is whole: what the writer puts behind it does not lie inside of what it decodes
 * to. */
static void test_end_of_sound(void)
{
    static const struct {
        Codec codec;
        const char *encoder;
        int frame_samples;
    } rows[] = {
        {CODEC_AAC, "aac", 1024}, {CODEC_MP3, "libmp3lame", 1152}, {CODEC_OPUS, "libopus", 960}};
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        for (unsigned count = 20; count < 24; count++) {
            Bench *bench = bench_new(rows[i].codec, rows[i].encoder, "", (PictureSize){0, 0});
            feed_media(bench, CODEC_OPUS, 0, 0, START_NS, count);
            bench_finish(bench);
            g_test_message("%s of %u packets", codec_name(rows[i].codec), count);
            const Frame *last = frame_at(bench, bench->frames->len - 1);
            const Frame *former = frame_at(bench, bench->frames->len - 2);
            const int64_t whole_ns = rows[i].frame_samples * NS_PER_SECOND / 48000;
            g_assert_cmpint(last->duration_ns, ==, whole_ns);
            g_assert_cmpint(ABS(last->pts_ns - former->pts_ns - whole_ns), <, 1000);
            const int64_t beyond_ns = last->pts_ns + whole_ns - START_NS - count * 20 * NS_PER_MS;
            g_assert_cmpint(beyond_ns, >, -NS_PER_MS);
            g_assert_cmpint(beyond_ns, <, whole_ns + NS_PER_MS);
            bench_free(bench);
        }
}

static void test_hole_in_sound(void)
{
    Bench *bench = bench_new(CODEC_PCM, "pcm_s16le", "", (PictureSize){0, 0});
    feed_media(bench, CODEC_PCMU, 0, 0, START_NS, 50);
    feed_media(bench, CODEC_PCMU, 0, 0, START_NS + 3 * NS_PER_SECOND, 50);
    bench_finish(bench);
    int64_t hole_ns = 0;
    for (unsigned i = 1; i < bench->frames->len; i++)
        hole_ns = MAX(hole_ns, frame_at(bench, i)->pts_ns - frame_at(bench, i - 1)->pts_ns -
                                   frame_at(bench, i - 1)->duration_ns);
    /* Silence at its edges, and in between whole packets that are the writer's. */
    g_assert_cmpint(ABS(hole_ns - 2 * NS_PER_SECOND), <, 100 * NS_PER_MS);
    g_assert_cmpint(hole_ns % silence_packet_ns(CODEC_PCM), ==, 0);
    const Frame *last = frame_at(bench, bench->frames->len - 1);
    const int64_t end_ns = START_NS + 4 * NS_PER_SECOND;
    g_assert_cmpint(last->pts_ns + last->duration_ns - end_ns, >=, 0);
    g_assert_cmpint(last->pts_ns + last->duration_ns - end_ns, <, 20 * NS_PER_MS);
    bench_free(bench);
}

/* The publisher's clock is 200 ppm fast: samples are stretched, times stay true. */
static void test_drift(void)
{
    Bench *bench = bench_new(CODEC_PCM, "pcm_s16le", "", (PictureSize){0, 0});
    TestMedia *media = test_media_new(bench->pool, CODEC_OPUS, 0, 0);
    for (unsigned i = 0; i < 3000; i++) {
        Frame *frame = test_media_next(media, START_NS, false);
        frame->pts_ns -= i * 4000; /* 20 ms * 200 ppm */
        while (bounded_queue_stats(bench->in).size > QUEUE_ITEMS / 4) {
            Frame *done = NULL;
            if (bounded_queue_get(bench->out, &done) == QUEUE_FRAME)
                g_ptr_array_add(bench->frames, done);
        }
        feed(bench, frame);
    }
    test_media_free(media);
    bench_finish(bench);
    const Frame *last = frame_at(bench, bench->frames->len - 1);
    const int64_t end_ns = START_NS + 60 * NS_PER_SECOND - 3000 * 4000;
    g_assert_cmpint(ABS(last->pts_ns + last->duration_ns - end_ns), <, 5 * NS_PER_MS);
    bench_free(bench);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    av_log_set_level(AV_LOG_QUIET);
    g_setenv("SVT_LOG", "1", TRUE); /* errors only */
    g_test_add_func("/encode/pictures/every-input", test_every_input);
    g_test_add_func("/encode/pictures/every-output", test_every_output);
    g_test_add_func("/encode/pictures/ceiling", test_ceiling);
    g_test_add_func("/encode/pictures/low-layer-first", test_begins_with_a_low_layer);
    g_test_add_func("/encode/pictures/framed", test_framed);
    g_test_add_func("/encode/pictures/colours", test_colours);
    g_test_add_func("/encode/pictures/says-its-colours", test_says_its_colours);
    g_test_add_func("/encode/pictures/size-and-codec-change", test_size_and_codec_change);
    g_test_add_func("/encode/black", test_black);
    g_test_add_func("/encode/pictures/broken", test_broken_picture);
    g_test_add_func("/encode/pictures/huge", test_huge_picture);
    g_test_add_func("/encode/pictures/huge-input", test_huge_input);
    g_test_add_func("/encode/pictures/no-encoder", test_no_encoder);
    g_test_add_func("/encode/sound/every-codec", test_sound);
    g_test_add_func("/encode/sound/end", test_end_of_sound);
    g_test_add_func("/encode/sound/hole", test_hole_in_sound);
    g_test_add_func("/encode/sound/drift", test_drift);
    rate_test_add();
    return g_test_run();
}
