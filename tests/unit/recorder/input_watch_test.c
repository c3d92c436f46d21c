#include <glib.h>

#include "base/clock.h"
#include "recorder/input_watch.h"
#include "recorder_tests.h"

#define PACKET_NS (20 * NS_PER_MS)

typedef struct {
    InputWatch watch;
    int64_t now_ns;
    unsigned told;
    TrackInput input;
} Fixture;

static void sound(Fixture *fixture, Codec codec, bool is_stereo, unsigned count)
{
    uint8_t opus[] = {is_stereo ? 0xfc : 0xf8, 0xff, 0xfe};
    for (unsigned i = 0; i < count; i++) {
        const Frame frame = {
            .codec = codec, .pts_ns = fixture->now_ns, .data = opus, .size = sizeof opus};
        fixture->told += input_watch_frame(&fixture->watch, &frame, &fixture->input);
        fixture->now_ns += PACKET_NS;
    }
}

static void test_channels(void)
{
    Fixture fixture = {0};
    sound(&fixture, CODEC_OPUS, true, 200);
    g_assert_cmpuint(fixture.told, ==, 1);
    g_assert_cmpuint(fixture.input.channels, ==, 2);
    g_assert_cmpint(fixture.input.at_ns, ==, 0);
    sound(&fixture, CODEC_OPUS, false, 99); /* the server's silence behind a mute */
    sound(&fixture, CODEC_OPUS, true, 50);
    sound(&fixture, CODEC_OPUS, false, 99);
    g_assert_cmpuint(fixture.told, ==, 1);
    sound(&fixture, CODEC_OPUS, false, 1);
    g_assert_cmpuint(fixture.told, ==, 2);
    g_assert_cmpuint(fixture.input.channels, ==, 1);
    g_assert_cmpint(fixture.input.at_ns, ==, 349 * PACKET_NS);
    sound(&fixture, CODEC_OPUS, false, 500);
    g_assert_cmpuint(fixture.told, ==, 2);
}

static void test_sound_codec(void)
{
    Fixture fixture = {0};
    sound(&fixture, CODEC_OPUS, false, 10);
    sound(&fixture, CODEC_PCMU, false, 200);
    g_assert_cmpuint(fixture.told, ==, 2);
    g_assert_cmpint(fixture.input.codec, ==, CODEC_PCMU);
    g_assert_cmpuint(fixture.input.channels, ==, 1);
    g_assert_cmpint(fixture.input.at_ns, ==, 10 * PACKET_NS);
}

static void picture(Fixture *fixture, bool is_key, uint16_t width, uint16_t height)
{
    const Frame frame = {.codec = CODEC_VP8,
                         .is_key = is_key,
                         .pts_ns = fixture->now_ns++,
                         .width = width,
                         .height = height};
    fixture->told += input_watch_frame(&fixture->watch, &frame, &fixture->input);
}

static void test_pictures(void)
{
    Fixture fixture = {0};
    picture(&fixture, true, 640, 360);
    picture(&fixture, false, 0, 0);
    picture(&fixture, true, 640, 360);
    g_assert_cmpuint(fixture.told, ==, 1);
    picture(&fixture, true, 360, 640);
    g_assert_cmpuint(fixture.told, ==, 2);
    g_assert_cmpuint(fixture.input.height, ==, 640);
    g_assert_cmpuint(fixture.input.channels, ==, 0);
    for (unsigned i = 0; i < 2 * INPUT_CHANGES_MAX; i++)
        picture(&fixture, true, (uint16_t)(100 + i), 100);
    g_assert_cmpuint(fixture.told, ==, INPUT_CHANGES_MAX);
}

void input_watch_test_add(void)
{
    g_test_add_func("/recorder/input-watch/channels", test_channels);
    g_test_add_func("/recorder/input-watch/sound-codec", test_sound_codec);
    g_test_add_func("/recorder/input-watch/pictures", test_pictures);
}
