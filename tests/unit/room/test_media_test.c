#include <glib.h>
#include <libavcodec/avcodec.h>
#include <math.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "room/media_encoder.h"
#include "room/media_source.h"
#include "room/test_sound.h"
#include "room_test.h"

static const unsigned SIZES[][2] = {{640, 360}, {160, 90}, {1280, 720}, {322, 182}};

static void test_number_in_picture(void)
{
    static const uint64_t NUMBERS[] = {0, 1, 2, 29, 30, 31, 0x5555, 0xaaaa, 65535, 65536, 1000003};
    for (size_t i = 0; i < G_N_ELEMENTS(SIZES); i++) {
        TestPicture *const picture = test_picture_new(SIZES[i][0], SIZES[i][1]);
        for (size_t j = 0; j < G_N_ELEMENTS(NUMBERS); j++) {
            uint16_t number = 0;
            test_picture_draw(picture, NUMBERS[j], 30);
            g_assert_true(test_picture_read(picture->planes[0], picture->strides[0], SIZES[i][0],
                                            SIZES[i][1], &number));
            g_assert_cmpuint(number, ==, NUMBERS[j] % 65536);
            g_assert_true(test_picture_has_flash(picture->planes[0], picture->strides[0],
                                                 SIZES[i][0],
                                                 SIZES[i][1]) == (NUMBERS[j] % 30 < 2));
        }
        test_picture_free(picture);
    }
}

static void test_broken_strip_is_refused(void)
{
    TestPicture *const picture = test_picture_new(640, 360);
    uint16_t number = 0;
    test_picture_draw(picture, 1, 30);
    for (unsigned y = 0; y < 45; y++) {
        memset(picture->planes[0] + (size_t)y * 640 + 2 * 32, 235, 32);
    }
    g_assert_false(test_picture_read(picture->planes[0], 640, 640, 360, &number));
    memset(picture->planes[0], 128, (size_t)640 * 360);
    g_assert_false(test_picture_read(picture->planes[0], 640, 640, 360, &number));
    test_picture_free(picture);
}

typedef struct {
    Codec codec;
    enum AVCodecID id;
} CodecCase;

static const CodecCase CODECS[] = {
    {CODEC_H264, AV_CODEC_ID_H264},
    {CODEC_VP8, AV_CODEC_ID_VP8},
    {CODEC_VP9, AV_CODEC_ID_VP9},
};

static AVCodecContext *decoder_new(enum AVCodecID id)
{
    const AVCodec *const codec = avcodec_find_decoder(id);
    AVCodecContext *const decoder = avcodec_alloc_context3(codec);
    decoder->thread_count = 1;
    decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
    g_assert_cmpint(avcodec_open2(decoder, codec, NULL), ==, 0);
    return decoder;
}

static void decode(AVCodecContext *decoder, const EncodedMedia *media, AVFrame *frame)
{
    AVPacket *packet = av_packet_alloc();
    g_assert_cmpint(av_new_packet(packet, (int)media->size), ==, 0);
    memcpy(packet->data, media->data, media->size);
    g_assert_cmpint(avcodec_send_packet(decoder, packet), ==, 0);
    g_assert_cmpint(avcodec_receive_frame(decoder, frame), ==, 0);
    av_packet_free(&packet);
}

static void check_codec(const CodecCase *codec)
{
    g_autoptr(GError) error = NULL;
    VideoEncoder *const encoder = video_encoder_new(codec->codec, 640, 360, 30, 600000, &error);
    g_assert_no_error(error);
    AVCodecContext *decoder = decoder_new(codec->id);
    TestPicture *const picture = test_picture_new(640, 360);
    AVFrame *frame = av_frame_alloc();
    unsigned keys = 0;
    for (unsigned number = 20; number < 50; number++) {
        EncodedMedia media = {0};
        uint16_t read = 0;
        test_picture_draw(picture, number, 30);
        const bool wants_key = number == 40;
        g_assert_true(video_encoder_encode(encoder, (const uint8_t *const *)picture->planes,
                                           picture->strides, wants_key, &media));
        g_assert_true(media.is_key || !(number == 20 || wants_key));
        keys += media.is_key;
        decode(decoder, &media, frame);
        g_assert_true(
            test_picture_read(frame->data[0], (size_t)frame->linesize[0], 640, 360, &read));
        g_assert_cmpuint(read, ==, number);
        g_assert_true(test_picture_has_flash(frame->data[0], (size_t)frame->linesize[0], 640,
                                             360) == (number == 30 || number == 31));
    }
    /* libvpx may make one more of its own at the flash. */
    g_assert_cmpuint(keys, <=, codec->codec == CODEC_VP9 ? 4 : 2);
    av_frame_free(&frame);
    test_picture_free(picture);
    avcodec_free_context(&decoder);
    video_encoder_free(encoder);
}

static void test_number_in_decoded_picture(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(CODECS); i++) {
        check_codec(&CODECS[i]);
    }
}

static void test_unknown_encoder_is_an_error(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(video_encoder_new(CODEC_PCMU, 640, 360, 30, 600000, &error));
    g_assert_nonnull(error);
}

static void test_beep_begins_at_the_second(void)
{
    float samples[8];
    test_sound_write(-4, 8, samples);
    g_assert_cmpfloat(samples[3], ==, 0.0f);
    g_assert_cmpfloat(samples[5], >, 0.0f);
    test_sound_write(48000 - 1, 2, samples);
    g_assert_cmpfloat(samples[0], ==, 0.0f);
    test_sound_write(48000 + 12, 1, samples);
    g_assert_cmpfloat_with_epsilon(samples[0], 0.5f, 1e-6f);
    test_sound_write(48000 + 4800, 1, samples);
    g_assert_cmpfloat(samples[0], ==, 0.0f);
}

/* The first sample of a decoded beep, in samples from the start of the stream. */
static int64_t decoded_onset(AVCodecContext *decoder, AudioEncoder *encoder, int64_t after)
{
    AVFrame *frame = av_frame_alloc();
    int64_t onset = -1;
    for (unsigned packet = 0; packet < 150; packet++) {
        float samples[AUDIO_ENCODER_FRAME_SAMPLES];
        EncodedMedia media = {0};
        test_sound_write((int64_t)packet * AUDIO_ENCODER_FRAME_SAMPLES, AUDIO_ENCODER_FRAME_SAMPLES,
                         samples);
        g_assert_true(audio_encoder_encode(encoder, samples, &media));
        decode(decoder, &media, frame);
        const float *const decoded = (const float *)(void *)frame->data[0];
        for (int i = 0; i < frame->nb_samples && onset < 0; i++) {
            const int64_t at = (int64_t)packet * AUDIO_ENCODER_FRAME_SAMPLES + i;
            if (at > after && fabsf(decoded[i]) > 0.1f) {
                onset = at;
            }
        }
    }
    av_frame_free(&frame);
    return onset;
}

/* The decoder gives everything back later by the encoder's look-ahead, and by no more. */
static void test_decoded_beep_is_on_time(void)
{
    AudioEncoder *const encoder = audio_encoder_new(NULL);
    AVCodecContext *decoder = decoder_new(AV_CODEC_ID_OPUS);
    const int64_t onset = decoded_onset(decoder, encoder, 24000);
    const int64_t expected = 48000 + audio_encoder_delay(encoder);
    g_assert_cmpint(onset, >=, expected - 48);
    g_assert_cmpint(onset, <=, expected + 48);
    avcodec_free_context(&decoder);
    audio_encoder_free(encoder);
}

static void test_timeline(void)
{
    const MediaTimeline timeline = {.start_monotonic_ns = 5 * NS_PER_SECOND,
                                    .start_wall_ns = 1000 * NS_PER_SECOND,
                                    .speed = 1.0};
    g_assert_cmpint(media_timeline_position(&timeline, 7 * NS_PER_SECOND), ==, 2 * NS_PER_SECOND);
    g_assert_cmpint(media_timeline_monotonic(&timeline, NS_PER_SECOND), ==, 6 * NS_PER_SECOND);
    const uint64_t ntp = media_timeline_ntp(&timeline, 500 * NS_PER_MS);
    g_assert_cmpuint(ntp >> 32, ==, 2208988800u + 1000u);
    g_assert_cmpuint(ntp & 0xffffffff, ==, 0x80000000u);
    /* Frame n of 30 fps stands for exactly n * 3000 ticks. */
    g_assert_cmpuint(media_timeline_ticks(INT64_C(7) * NS_PER_SECOND / 30, 90000), ==, 21000);
    const MediaTimeline fast = {.speed = 1.0001};
    g_assert_cmpint(media_timeline_position(&fast, 10 * NS_PER_SECOND), ==,
                    10 * NS_PER_SECOND + NS_PER_MS);
}

typedef struct {
    pthread_mutex_t lock; /* pthread: ThreadSanitizer sees it */
    pthread_cond_t changed;
    unsigned pictures, sounds, keys;
    uint64_t first_ticks[2], last_ticks[2];
} Collected;

static void on_frame(void *owner, MediaFrame *frame)
{
    Collected *const collected = owner;
    pthread_mutex_lock(&collected->lock);
    unsigned *const count = frame->kind == TRACK_VIDEO ? &collected->pictures : &collected->sounds;
    if ((*count)++ == 0) {
        collected->first_ticks[frame->kind] = frame->ticks;
    }
    collected->last_ticks[frame->kind] = frame->ticks;
    collected->keys += frame->kind == TRACK_VIDEO && frame->is_key;
    pthread_cond_signal(&collected->changed);
    pthread_mutex_unlock(&collected->lock);
    media_frame_unref(frame);
}

static void test_source_sends_each_frame_once(void)
{
    Collected collected = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    const MediaSourceConfig config = {
        .video_codec = CODEC_H264,
        .audio_codec = CODEC_OPUS,
        .width = 160,
        .height = 90,
        .fps = 60,
        .video_bitrate = 200000,
        .timeline = {clock_monotonic_ns(), clock_wall_ns(), 1.0},
    };
    MediaSource *const source =
        media_source_new(&config, (MediaSourceOut){.owner = &collected, .frame = on_frame}, NULL);
    media_source_set_sending(source, TRACK_VIDEO, true);
    media_source_set_sending(source, TRACK_AUDIO, true);
    const struct timespec deadline = {.tv_sec = time(NULL) + 10};
    pthread_mutex_lock(&collected.lock);
    while (collected.pictures < 30 || collected.sounds < 15) {
        g_assert_cmpint(pthread_cond_timedwait(&collected.changed, &collected.lock, &deadline), ==,
                        0);
    }
    pthread_mutex_unlock(&collected.lock);
    media_source_free(source);
    g_assert_cmpuint(collected.keys, ==, 1);
    g_assert_cmpuint(collected.last_ticks[TRACK_VIDEO] - collected.first_ticks[TRACK_VIDEO], ==,
                     (collected.pictures - 1) * 1500u);
    g_assert_cmpuint(collected.last_ticks[TRACK_AUDIO] - collected.first_ticks[TRACK_AUDIO], ==,
                     (collected.sounds - 1) * 960u);
    pthread_mutex_destroy(&collected.lock);
    pthread_cond_destroy(&collected.changed);
}

void test_media_test_add(void)
{
    g_test_add_func("/room/media/number-in-picture", test_number_in_picture);
    g_test_add_func("/room/media/broken-strip", test_broken_strip_is_refused);
    g_test_add_func("/room/media/number-in-decoded-picture", test_number_in_decoded_picture);
    g_test_add_func("/room/media/unknown-encoder", test_unknown_encoder_is_an_error);
    g_test_add_func("/room/media/beep-begins-at-the-second", test_beep_begins_at_the_second);
    g_test_add_func("/room/media/decoded-beep-is-on-time", test_decoded_beep_is_on_time);
    g_test_add_func("/room/media/timeline", test_timeline);
    g_test_add_func("/room/media/source-sends-each-frame-once", test_source_sends_each_frame_once);
}
