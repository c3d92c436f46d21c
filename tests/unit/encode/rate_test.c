/* Noise to which the rate does no justice, at steady and at changing picture rates: what comes out
 * stays under the ceiling in every five seconds, and makes use of it. */
#include <glib.h>

#include "base/clock.h"
#include "encode/picture_encoder.h"
#include "encode_test.h"

#define SECONDS 11
#define RATE 600000
#define WINDOW_NS (5 * NS_PER_SECOND)
#define WIDTH 320
#define HEIGHT 180

typedef struct {
    GArray *pushed, *times, *sizes;
    unsigned keys;
} Taken;

static void on_frame(void *owner, Frame *frame)
{
    Taken *taken = owner;
    g_array_append_val(taken->times, frame->pts_ns);
    g_array_append_val(taken->sizes, frame->size);
    taken->keys += frame->is_key;
    frame_unref(frame);
}

static void make_noise(AVFrame *picture, GRand *random)
{
    g_assert_cmpint(av_frame_make_writable(picture), ==, 0);
    for (int plane = 0; plane < 3; plane++) {
        const int rows = plane == 0 ? HEIGHT : HEIGHT / 2;
        for (int y = 0; y < rows; y++) {
            uint32_t *row = (void *)(picture->data[plane] + y * picture->linesize[plane]);
            for (int x = 0; x < picture->linesize[plane] / 4; x++)
                row[x] = 0x60606060 + (g_rand_int(random) & 0x1f1f1f1f);
        }
    }
}

static void encode_noise(const EncoderSettings *settings, Codec codec, const unsigned *rates,
                         Taken *taken)
{
    Pool *pool = pool_new(64U << 20);
    GRand *random = g_rand_new_with_seed(1);
    AVFrame *picture = av_frame_alloc();
    int error = 0;
    picture->format = AV_PIX_FMT_YUV420P;
    picture->width = WIDTH;
    picture->height = HEIGHT;
    g_assert_cmpint(av_frame_get_buffer(picture, 0), ==, 0);
    PictureEncoder *encoder =
        picture_encoder_new(codec, picture, settings, pool, (EncoderOut){taken, on_frame}, &error);
    g_assert_nonnull(encoder);
    for (int64_t at_ns = 0; at_ns < SECONDS * NS_PER_SECOND;) {
        make_noise(picture, random);
        picture->pts = at_ns;
        g_array_append_val(taken->pushed, at_ns);
        g_assert_cmpint(picture_encoder_push(encoder, picture), >=, 0);
        at_ns += NS_PER_SECOND / rates[at_ns < SECONDS * NS_PER_SECOND / 2 ? 0 : 1];
    }
    g_assert_cmpint(picture_encoder_flush(encoder), >=, 0);
    picture_encoder_free(encoder);
    av_frame_free(&picture);
    g_rand_free(random);
    pool_unref(pool);
}

static int64_t time_at(const Taken *taken, unsigned i)
{
    return g_array_index(taken->times, int64_t, i);
}

/* The most and, where a whole window lies behind, the least bits a second. */
static void measure(const Taken *taken, double *ret_most, double *ret_least)
{
    size_t inside = 0;
    unsigned first = 0;
    *ret_most = 0;
    *ret_least = G_MAXDOUBLE;
    for (unsigned i = 0; i < taken->times->len; i++) {
        inside += g_array_index(taken->sizes, size_t, i);
        for (; time_at(taken, first) <= time_at(taken, i) - WINDOW_NS; first++)
            inside -= g_array_index(taken->sizes, size_t, first);
        const double rate = (double)inside * 8 / 5;
        *ret_most = MAX(*ret_most, rate);
        if (first > 0)
            *ret_least = MIN(*ret_least, rate);
    }
}

/* Each picture comes out, at its own time: a changing picture rate is kept. */
static void assert_times(const Taken *taken)
{
    g_assert_cmpuint(taken->times->len, ==, taken->pushed->len);
    for (unsigned i = 0; i < taken->times->len; i++) {
        const int64_t error_ns = time_at(taken, i) - g_array_index(taken->pushed, int64_t, i);
        g_assert_cmpint(ABS(error_ns), <=, 12000); /* a tick of 90 kHz */
    }
}

static void test_ceiling_of_rate(const void *data)
{
    static const unsigned rates[][2] = {{30, 30}, {15, 15}, {60, 60}, {10, 30}};
    const Encoding encoding = (Encoding)GPOINTER_TO_INT(data);
    EncoderSettings settings = encoder_settings_default(encoding);
    settings.bitrate = RATE;
    for (unsigned i = 0; i < G_N_ELEMENTS(rates); i++) {
        Taken taken = {g_array_new(FALSE, FALSE, sizeof(int64_t)),
                       g_array_new(FALSE, FALSE, sizeof(int64_t)),
                       g_array_new(FALSE, FALSE, sizeof(size_t)), 0};
        double most, least;
        encode_noise(&settings, encoding_codec(encoding), rates[i], &taken);
        measure(&taken, &most, &least);
        g_test_message("%s at %u and %u a second: %.0f to %.0f kbit/s, %u pictures, %u keys",
                       settings.encoder, rates[i][0], rates[i][1], least / 1000, most / 1000,
                       taken.times->len, taken.keys);
        g_assert_cmpfloat(most, <, 1.15 * RATE);
        g_assert_cmpfloat(least, >, 0.6 * RATE);
        g_assert_cmpuint(taken.keys, >=, SECONDS / 2);
        assert_times(&taken);
        g_array_unref(taken.pushed);
        g_array_unref(taken.times);
        g_array_unref(taken.sizes);
    }
}

void rate_test_add(void)
{
    for (Encoding i = ENCODING_H264; i <= ENCODING_SVTAV1; i++) {
        g_autofree char *path = g_strdup_printf("/encode/rate/%s", encoding_name(i));
        g_test_add_data_func(path, GINT_TO_POINTER((int)i), test_ceiling_of_rate);
    }
}
