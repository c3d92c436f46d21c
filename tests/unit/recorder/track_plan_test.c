#include <glib.h>

#include "recorder/track_plan.h"
#include "recorder_tests.h"

typedef struct {
    const char *format, *quality;
    Codec codec;
    TrackSize size;
    TrackSize layers[3];
    Treatment treatment;
    Codec wanted;
    uint32_t layer_height;
} Row;

#define HD                                                                                         \
    {                                                                                              \
        1280, 720                                                                                  \
    }
#define FULL_HD                                                                                    \
    {                                                                                              \
        1920, 1080                                                                                 \
    }
#define THREE_LAYERS                                                                               \
    {                                                                                              \
        {480, 270}, {960, 540},                                                                    \
        {                                                                                          \
            1920, 1080                                                                             \
        }                                                                                          \
    }

static const Row rows[] = {
    {"auto", "low", CODEC_VP8, FULL_HD, {{0}}, TREATMENT_PASSTHROUGH, CODEC_VP8, 0},
    {"auto", "low", CODEC_VP8, FULL_HD, THREE_LAYERS, TREATMENT_LAYER, CODEC_VP8, 540},
    {"mp4", "medium", CODEC_VP8, HD, {{0}}, TREATMENT_TRANSCODE, CODEC_H264, 0},
    {"mp4", "source", CODEC_VP8, HD, {{0}}, TREATMENT_REFUSED, CODEC_VP8, 0},
    {"mp4", "medium", CODEC_H264, FULL_HD, {{0}}, TREATMENT_PASSTHROUGH, CODEC_H264, 0},
    {"mp4", "low", CODEC_H264, FULL_HD, {{0}}, TREATMENT_TRANSCODE, CODEC_H264, 0},
    {"mp4", "low", CODEC_H264, FULL_HD, THREE_LAYERS, TREATMENT_LAYER, CODEC_H264, 540},
    {"mp4", "low", CODEC_VP8, FULL_HD, THREE_LAYERS, TREATMENT_TRANSCODE, CODEC_H264, 540},
    {"mp4", "low", CODEC_H264, {720, 1280}, {{0}}, TREATMENT_PASSTHROUGH, CODEC_H264, 0},
    {"mp4", "low", CODEC_H264, {0, 0}, {{0}}, TREATMENT_PASSTHROUGH, CODEC_H264, 0},
    {"mp4", "high", CODEC_AV1, HD, {{0}}, TREATMENT_PASSTHROUGH, CODEC_AV1, 0},
    {"h264", "high", CODEC_AV1, HD, {{0}}, TREATMENT_TRANSCODE, CODEC_H264, 0},
    {"webm", "high", CODEC_VP8, HD, {{0}}, TREATMENT_PASSTHROUGH, CODEC_VP8, 0},
    {"vp9", "high", CODEC_VP8, HD, {{0}}, TREATMENT_TRANSCODE, CODEC_VP9, 0},
    {"mkv", "low", CODEC_VP8, HD, {{0}}, TREATMENT_PASSTHROUGH, CODEC_VP8, 0},
    {"mkv", "source", CODEC_VP8, FULL_HD, THREE_LAYERS, TREATMENT_PASSTHROUGH, CODEC_VP8, 0},
    {"ogg", "low", CODEC_VP8, HD, {{0}}, TREATMENT_REFUSED, CODEC_VP8, 0},
    {"mp4", NULL, CODEC_VP8, {3840, 2160}, {{0}}, TREATMENT_TRANSCODE, CODEC_H264, 0},
    {"mp4", NULL, CODEC_OPUS, {0, 0}, {{0}}, TREATMENT_PASSTHROUGH, CODEC_OPUS, 0},
    {"mp4", "source", CODEC_OPUS, {0, 0}, {{0}}, TREATMENT_PASSTHROUGH, CODEC_OPUS, 0},
    {"mp4", "low", CODEC_OPUS, {0, 0}, {{0}}, TREATMENT_TRANSCODE, CODEC_AAC, 0},
    {"h264", NULL, CODEC_OPUS, {0, 0}, {{0}}, TREATMENT_TRANSCODE, CODEC_AAC, 0},
    {"mp4", NULL, CODEC_PCMU, {0, 0}, {{0}}, TREATMENT_TRANSCODE, CODEC_AAC, 0},
    {"webm", "low", CODEC_OPUS, {0, 0}, {{0}}, TREATMENT_PASSTHROUGH, CODEC_OPUS, 0},
    {"webm", "low", CODEC_PCMA, {0, 0}, {{0}}, TREATMENT_TRANSCODE, CODEC_OPUS, 0},
    {"mkv", "low", CODEC_PCMA, {0, 0}, {{0}}, TREATMENT_PASSTHROUGH, CODEC_PCMA, 0},
};

static void test_rows(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *row = &rows[i];
        TrackFacts facts = {.kind = codec_kind(row->codec), .codec = row->codec, .size = row->size};
        for (unsigned k = 0; k < 3 && row->layers[k].height > 0; k++)
            facts.layers[facts.layer_count++] = row->layers[k];
        const Quality *quality = row->quality ? quality_find(row->quality) : quality_default();
        const TrackPlan plan = track_plan_make(&facts, format_find(row->format), quality);
        g_test_message("%s of %s in %s: %s, %s", codec_name(row->codec), quality->name, row->format,
                       treatment_name(plan.treatment), plan.why);
        g_assert_cmpint(plan.treatment, ==, row->treatment);
        g_assert_cmpint(plan.codec, ==, row->wanted);
        g_assert_cmpuint(plan.layer.height, ==, row->layer_height);
        const uint32_t height = row->layer_height > 0 ? row->layer_height : row->size.height;
        g_assert_cmpuint(plan.size.height, ==, height);
        g_assert_cmpint(plan.why[0], !=, '\0');
    }
}

/* Which pictures are welcome while a layer is waited for: all that the preset allows. */
static void test_longest(void)
{
    static const struct {
        TrackSize size, layer;
        uint32_t longest;
    } rows_of_low[] = {
        {{1920, 1080}, {640, 360}, 1280}, {{1080, 1920}, {360, 640}, 1280},
        {{1440, 1080}, {720, 540}, 960},  {{4000, 1000}, {1000, 250}, 1280},
        {{1920, 0}, {640, 360}, 1280},    {{1280, 720}, {640, 360}, 0},
        {{1920, 1080}, {0, 0}, 0},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows_of_low); i++) {
        const TrackFacts facts = {.kind = TRACK_VIDEO,
                                  .codec = CODEC_VP9,
                                  .size = rows_of_low[i].size,
                                  .layers = {rows_of_low[i].layer},
                                  .layer_count = 1};
        const TrackPlan plan = track_plan_make(&facts, format_find("webm"), quality_find("low"));
        g_assert_cmpuint(plan.longest, ==, rows_of_low[i].longest);
    }
}

/* What arrives is larger than what was announced: the layers grow with it. */
static void test_grown(void)
{
    static const struct {
        TrackSize announced, arrived, wanted;
        unsigned layer_count;
        Treatment treatment;
        uint32_t layer_height;
    } cases[] = {
        {{640, 360}, {640, 360}, {640, 360}, 1, TREATMENT_PASSTHROUGH, 0},
        {{640, 360}, {320, 180}, {640, 360}, 1, TREATMENT_PASSTHROUGH, 0},
        {{640, 360}, {360, 640}, {640, 360}, 1, TREATMENT_PASSTHROUGH, 0},
        {{640, 360}, {1920, 1080}, {1920, 1080}, 1, TREATMENT_TRANSCODE, 0},
        {{640, 360}, {1920, 1080}, {1920, 1080}, 2, TREATMENT_LAYER, 540},
        {{0, 0}, {1920, 1080}, {1920, 1080}, 0, TREATMENT_TRANSCODE, 0},
        {{0, 0}, {640, 360}, {640, 360}, 0, TREATMENT_PASSTHROUGH, 0},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        TrackFacts facts = {.kind = TRACK_VIDEO,
                            .codec = CODEC_VP8,
                            .size = cases[i].announced,
                            .layers = {cases[i].announced, {320, 180}},
                            .layer_count = cases[i].layer_count};
        g_test_message("%u", i);
        track_facts_update(&facts, CODEC_H264, cases[i].arrived);
        g_assert_cmpuint(facts.size.width, ==, cases[i].wanted.width);
        g_assert_cmpuint(facts.size.height, ==, cases[i].wanted.height);
        const TrackPlan plan = track_plan_make(&facts, format_find("h264"), quality_find("low"));
        g_assert_cmpint(plan.treatment, ==, cases[i].treatment);
        g_assert_cmpuint(plan.layer.height, ==, cases[i].layer_height);
        g_assert_false(plan.awaits_size);
    }
}

/* A room that does not tell sizes: only where there is a ceiling does it matter. */
static void test_unknown_size(void)
{
    static const struct {
        const char *format, *quality;
        TrackKind kind;
        bool awaits;
    } cases[] = {
        {"h264", "low", TRACK_VIDEO, true},  {"h264", "source", TRACK_VIDEO, false},
        {"auto", "low", TRACK_VIDEO, false}, {"h264", "low", TRACK_AUDIO, false},
        {"mkv", "high", TRACK_VIDEO, true},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        const TrackFacts facts = {.kind = cases[i].kind,
                                  .codec = cases[i].kind == TRACK_VIDEO ? CODEC_H264 : CODEC_OPUS};
        const TrackPlan plan =
            track_plan_make(&facts, format_find(cases[i].format), quality_find(cases[i].quality));
        g_assert_cmpint(plan.awaits_size, ==, cases[i].awaits);
    }
}

void track_plan_test_add(void)
{
    g_test_add_func("/recorder/track-plan/grown", test_grown);
    g_test_add_func("/recorder/track-plan/longest", test_longest);
    g_test_add_func("/recorder/track-plan/unknown-size", test_unknown_size);
    g_test_add_func("/track-plan/rows", test_rows);
}
