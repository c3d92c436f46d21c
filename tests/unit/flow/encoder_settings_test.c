#include <glib.h>

#include "flow/encoder_settings.h"
#include "flow_test.h"

static void test_defaults(void)
{
    static const struct {
        const char *name, *text;
        Codec codec;
    } rows[ENCODING_COUNT] = {
        [ENCODING_H264] = {"h264",
                           "encoder=libx264 speed=veryfast keyframe_interval=2s threads=1 "
                           "bitrate=preset crf=none",
                           CODEC_H264},
        [ENCODING_VP9] = {"vp9",
                          "encoder=libvpx-vp9 speed=8 keyframe_interval=2s threads=1 "
                          "bitrate=preset crf=none",
                          CODEC_VP9},
        [ENCODING_AV1] = {"av1",
                          "encoder=libaom-av1 speed=8 keyframe_interval=2s threads=1 "
                          "bitrate=preset crf=none",
                          CODEC_AV1},
        [ENCODING_SVTAV1] = {"svtav1",
                             "encoder=libsvtav1 speed=12 keyframe_interval=2s threads=1 "
                             "bitrate=preset crf=none",
                             CODEC_AV1},
        [ENCODING_AAC] = {"aac", "encoder=aac bitrate=preset", CODEC_AAC},
        [ENCODING_OPUS] = {"opus", "encoder=libopus bitrate=preset", CODEC_OPUS},
        [ENCODING_MP3] = {"mp3", "encoder=libmp3lame bitrate=preset", CODEC_MP3},
        [ENCODING_PCM] = {"pcm", "encoder=pcm_s16le bitrate=preset", CODEC_PCM},
    };
    for (Encoding i = ENCODING_NONE + 1; i < ENCODING_COUNT; i++) {
        char text[200];
        const EncoderSettings settings = encoder_settings_default(i);
        encoder_settings_format(&settings, text, sizeof text);
        g_assert_cmpstr(text, ==, rows[i].text);
        g_assert_cmpstr(encoding_name(i), ==, rows[i].name);
        g_assert_cmpint(encoding_codec(i), ==, rows[i].codec);
    }
    g_assert_null(encoder_settings_default(ENCODING_NONE).encoder);
    g_assert_cmpint(encoding_codec(ENCODING_NONE), ==, CODEC_UNKNOWN);
}

static void test_parsed(void)
{
    static const struct {
        Encoding encoding;
        const char *text, *result;
    } rows[] = {
        {ENCODING_H264, "",
         "encoder=libx264 speed=veryfast keyframe_interval=2s threads=1 "
         "bitrate=preset crf=none"},
        {ENCODING_H264, "speed=FAST crf=21",
         "encoder=libx264 speed=fast keyframe_interval=2s "
         "threads=1 bitrate=preset crf=21"},
        {ENCODING_H264, " threads=4, keyframe_interval=500ms bitrate=1.5M ",
         "encoder=libx264 speed=veryfast keyframe_interval=0.5s threads=4 bitrate=1500000 "
         "crf=none"},
        {ENCODING_H264, "crf=20 crf=none keyframe_interval=4 bitrate=300k",
         "encoder=libx264 speed=veryfast keyframe_interval=4s threads=1 bitrate=300000 crf=none"},
        {ENCODING_AV1, "speed=10 crf=30 encoder=libsvtav1",
         "encoder=libsvtav1 speed=10 keyframe_interval=2s threads=1 bitrate=preset crf=30"},
        {ENCODING_AV1, "encoder=libsvtav1",
         "encoder=libsvtav1 speed=12 keyframe_interval=2s threads=1 bitrate=preset crf=none"},
        {ENCODING_AV1, "encoder=libsvtav1 speed=13",
         "encoder=libsvtav1 speed=13 keyframe_interval=2s threads=1 bitrate=preset crf=none"},
        {ENCODING_AAC, "bitrate=96k", "encoder=aac bitrate=96000"},
        {ENCODING_AAC, "bitrate=96k bitrate=preset", "encoder=aac bitrate=preset"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char text[200], problem[200] = "";
        EncoderSettings settings = encoder_settings_default(rows[i].encoding);
        const bool is_right = encoder_settings_parse(&settings, rows[i].encoding, rows[i].text,
                                                     problem, sizeof problem);
        g_assert_cmpstr(problem, ==, "");
        g_assert_true(is_right);
        encoder_settings_format(&settings, text, sizeof text);
        g_assert_cmpstr(text, ==, rows[i].result);
    }
}

/* The encoder that there is keeps what it was given. */
static void test_same_encoder(void)
{
    char text[200], problem[200];
    EncoderSettings settings = encoder_settings_default(ENCODING_H264);
    g_assert_true(encoder_settings_parse(&settings, ENCODING_H264, "speed=fast crf=21", problem,
                                         sizeof problem));
    g_assert_true(encoder_settings_parse(&settings, ENCODING_H264, "encoder=libx264", problem,
                                         sizeof problem));
    encoder_settings_format(&settings, text, sizeof text);
    g_assert_cmpstr(text, ==,
                    "encoder=libx264 speed=fast keyframe_interval=2s threads=1 bitrate=preset "
                    "crf=21");
}

/* What is wrong is told, and nothing of the text is taken. */
static void test_refused(void)
{
    static const char *const rows[] = {
        "crf=21 speed=warp",
        "crf=21 speed",
        "crf=21 =",
        "crf=21 speed=",
        "crf=21 crf=1e9",
        "crf=21 crf=2.5",
        "crf=21 threads=65",
        "crf=21 bitrate=-1",
        "crf=21 bitrate=inf",
        "crf=21 keyframe_interval=1h",
        "crf=21 preset=fast",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char problem[200] = "";
        EncoderSettings settings = encoder_settings_default(ENCODING_H264);
        g_test_message("%s", rows[i]);
        g_assert_false(
            encoder_settings_parse(&settings, ENCODING_H264, rows[i], problem, sizeof problem));
        g_assert_cmpint(settings.crf, ==, -1);
        g_assert_true(g_str_has_suffix(problem, "."));
    }
}

void encoder_settings_test_add(void)
{
    g_test_add_func("/encoder-settings/defaults", test_defaults);
    g_test_add_func("/encoder-settings/parsed", test_parsed);
    g_test_add_func("/encoder-settings/same-encoder", test_same_encoder);
    g_test_add_func("/encoder-settings/refused", test_refused);
}
