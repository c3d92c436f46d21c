#include <glib.h>

#include "flow/container.h"
#include "flow_test.h"

static void test_takes(void)
{
    /* In the order of the enum: H264 H265 VP8 VP9 AV1 opus PCMU PCMA AAC MP3 PCM. */
    static const struct {
        Container container;
        const char *takes;
    } rows[] = {
        {CONTAINER_AUTO, "+++++++++--"}, {CONTAINER_MP4, "++-+++--+--"},
        {CONTAINER_WEBM, "--++++-----"}, {CONTAINER_MKV, "+++++++++--"},
        {CONTAINER_OGG, "-----+-----"},  {CONTAINER_MPEGTS, "++------+--"},
        {CONTAINER_M4A, "--------+--"},  {CONTAINER_MP3, "---------+-"},
        {CONTAINER_WAV, "----------+"},
    };
    g_assert_cmpint(G_N_ELEMENTS(rows), ==, CONTAINER_COUNT);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_false(container_takes(rows[i].container, CODEC_UNKNOWN));
        for (Codec codec = CODEC_H264; codec < CODEC_COUNT; codec++)
            g_assert_cmpint(container_takes(rows[i].container, codec), ==,
                            rows[i].takes[codec - CODEC_H264] == '+');
    }
}

static const struct {
    Codec codecs[3];
    unsigned count;
    Container container;
    const char *alternatives;
} choices[] = {
    {{CODEC_H264, CODEC_OPUS}, 2, CONTAINER_MP4, "mp4, mkv"},
    {{CODEC_H264, CODEC_AAC}, 2, CONTAINER_MP4, "mp4, mkv, mpegts"},
    {{CODEC_MP3}, 1, CONTAINER_MKV, "mp3"},
    {{CODEC_H265, CODEC_OPUS}, 2, CONTAINER_MP4, "mp4, mkv"},
    {{CODEC_VP9, CODEC_OPUS}, 2, CONTAINER_MP4, "mp4, webm, mkv"},
    {{CODEC_AV1}, 1, CONTAINER_MP4, "mp4, webm, mkv"},
    {{CODEC_VP8, CODEC_OPUS}, 2, CONTAINER_WEBM, "webm, mkv"},
    {{CODEC_VP8}, 1, CONTAINER_WEBM, "webm, mkv"},
    {{CODEC_VP8, CODEC_H264, CODEC_OPUS}, 3, CONTAINER_MKV, "mkv"},
    {{CODEC_H264, CODEC_PCMU}, 2, CONTAINER_MKV, "mkv"},
    {{CODEC_PCMA}, 1, CONTAINER_MKV, "mkv"},
    {{CODEC_OPUS}, 1, CONTAINER_OGG, "mp4, webm, mkv, ogg"},
    {{CODEC_OPUS, CODEC_OPUS}, 2, CONTAINER_OGG, "mp4, webm, mkv, ogg"},
    {{CODEC_UNKNOWN}, 1, CONTAINER_MKV, ""},
};

static void test_chosen_for_codecs(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(choices); i++)
        g_assert_cmpint(container_for(choices[i].codecs, choices[i].count), ==,
                        choices[i].container);
    g_assert_cmpint(container_for(NULL, 0), ==, CONTAINER_MP4);
}

static void test_alternatives(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(choices); i++) {
        char text[64] = "?";
        container_alternatives(choices[i].codecs, choices[i].count, text, sizeof text);
        g_assert_cmpstr(text, ==, choices[i].alternatives);
    }
}

static void test_alternatives_fit_their_room(void)
{
    static const struct {
        unsigned size;
        const char *text;
    } rows[] = {{1, ""},         {3, ""},           {4, "mp4"},
                {9, "mp4, mkv"}, {10, "mp4, webm"}, {64, "mp4, webm, mkv"}};
    const Codec codec = CODEC_VP9;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_malloc(rows[i].size);
        container_alternatives(&codec, 1, text, rows[i].size);
        g_assert_cmpstr(text, ==, rows[i].text);
    }
    container_alternatives(&codec, 1, NULL, 0);
}

static void test_names(void)
{
    static const char *const names[CONTAINER_COUNT] = {"auto",   "mp4", "webm", "mkv", "ogg",
                                                       "mpegts", "m4a", "mp3",  "wav"};
    Container container = CONTAINER_COUNT;
    for (Container i = CONTAINER_AUTO; i < CONTAINER_COUNT; i++) {
        g_assert_cmpstr(container_name(i), ==, names[i]);
        const char *extension = i == CONTAINER_MPEGTS ? "ts" : names[i];
        g_assert_cmpstr(container_extension(i), ==, i == CONTAINER_AUTO ? "" : extension);
        g_assert_cmpint(container_from_extension(extension, &container), ==, i != CONTAINER_AUTO);
        g_autofree char *upper = g_ascii_strup(names[i], -1);
        g_assert_true(container_from_name(upper, &container));
        g_assert_cmpint(container, ==, i);
    }
    container = CONTAINER_OGG;
    g_assert_false(container_from_name("avi", &container));
    g_assert_false(container_from_name("", &container));
    g_assert_cmpint(container, ==, CONTAINER_OGG);
}

static void test_properties(void)
{
    /* pictures, fragments, times */
    static const char *const rows[CONTAINER_COUNT] = {"+-+", "+++", "+-+", "+-+", "--+",
                                                      "+-+", "-++", "---", "---"};
    for (Container i = CONTAINER_AUTO; i < CONTAINER_COUNT; i++) {
        g_assert_cmpint(container_holds_pictures(i), ==, rows[i][0] == '+');
        g_assert_cmpint(container_is_fragmented(i), ==, rows[i][1] == '+');
        g_assert_cmpint(container_keeps_times(i), ==, rows[i][2] == '+');
    }
}

void container_test_add(void)
{
    g_test_add_func("/container/properties", test_properties);
    g_test_add_func("/container/takes", test_takes);
    g_test_add_func("/container/chosen-for-codecs", test_chosen_for_codecs);
    g_test_add_func("/container/alternatives", test_alternatives);
    g_test_add_func("/container/alternatives-fit", test_alternatives_fit_their_room);
    g_test_add_func("/container/names", test_names);
}
