#include <glib.h>

#include "flow/codec.h"
#include "flow/track.h"
#include "flow_test.h"

static void test_names_and_rates(void)
{
    static const struct {
        Codec codec;
        const char *name;
        TrackKind kind;
        uint32_t clock_rate;
    } rows[] = {
        {CODEC_H264, "H264", TRACK_VIDEO, 90000}, {CODEC_H265, "H265", TRACK_VIDEO, 90000},
        {CODEC_VP8, "VP8", TRACK_VIDEO, 90000},   {CODEC_VP9, "VP9", TRACK_VIDEO, 90000},
        {CODEC_AV1, "AV1", TRACK_VIDEO, 90000},   {CODEC_OPUS, "opus", TRACK_AUDIO, 48000},
        {CODEC_PCMU, "PCMU", TRACK_AUDIO, 8000},  {CODEC_PCMA, "PCMA", TRACK_AUDIO, 8000},
        {CODEC_AAC, "AAC", TRACK_AUDIO, 48000},   {CODEC_MP3, "MP3", TRACK_AUDIO, 48000},
        {CODEC_PCM, "PCM", TRACK_AUDIO, 48000},
    };
    g_assert_cmpint(G_N_ELEMENTS(rows), ==, CODEC_COUNT - 1);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpstr(codec_name(rows[i].codec), ==, rows[i].name);
        g_assert_cmpint(codec_kind(rows[i].codec), ==, rows[i].kind);
        g_assert_cmpuint(codec_clock_rate(rows[i].codec), ==, rows[i].clock_rate);
        const bool is_in_rooms = rows[i].codec <= CODEC_PCMA;
        g_assert_cmpint(codec_from_name(rows[i].name), ==,
                        is_in_rooms ? rows[i].codec : CODEC_UNKNOWN);
    }
    g_assert_cmpstr(codec_name(CODEC_UNKNOWN), ==, "unknown");
    g_assert_cmpuint(codec_clock_rate(CODEC_UNKNOWN), ==, 0);
}

static void test_from_name(void)
{
    static const struct {
        const char *name;
        Codec codec;
    } rows[] = {
        {"video/VP8", CODEC_VP8},     {"VIDEO/vp8", CODEC_VP8},
        {"vp8", CODEC_VP8},           {"video/h264", CODEC_H264},
        {"audio/opus", CODEC_OPUS},   {"Audio/OPUS", CODEC_OPUS},
        {"audio/pcmu", CODEC_PCMU},   {"av1", CODEC_AV1},
        {"video/H265", CODEC_H265},   {"audio/VP8", CODEC_UNKNOWN},
        {"video/", CODEC_UNKNOWN},    {"video/video/VP8", CODEC_UNKNOWN},
        {"VP80", CODEC_UNKNOWN},      {"audio/red", CODEC_UNKNOWN},
        {"video/rtx", CODEC_UNKNOWN}, {"unknown", CODEC_UNKNOWN},
        {"", CODEC_UNKNOWN},          {NULL, CODEC_UNKNOWN},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(codec_from_name(rows[i].name), ==, rows[i].codec);
}

static void test_track_names(void)
{
    g_assert_cmpstr(track_kind_name(TRACK_AUDIO), ==, "audio");
    g_assert_cmpstr(track_kind_name(TRACK_VIDEO), ==, "video");
    g_assert_cmpstr(track_source_name(SOURCE_UNKNOWN), ==, "unknown");
    g_assert_cmpstr(track_source_name(SOURCE_CAMERA), ==, "camera");
    g_assert_cmpstr(track_source_name(SOURCE_MICROPHONE), ==, "microphone");
    g_assert_cmpstr(track_source_name(SOURCE_SCREEN_SHARE), ==, "screen_share");
    g_assert_cmpstr(track_source_name(SOURCE_SCREEN_SHARE_AUDIO), ==, "screen_share_audio");
}

void codec_test_add(void)
{
    g_test_add_func("/codec/names-and-rates", test_names_and_rates);
    g_test_add_func("/codec/from-name", test_from_name);
    g_test_add_func("/codec/track-names", test_track_names);
}
