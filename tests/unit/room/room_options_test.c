#include <string.h>

#include "base/clock.h"
#include "room/room_options.h"
#include "room_test.h"

static void test_publisher(void)
{
    EmbeddedPublisher publisher = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(room_options_publisher(
        "bob,video=vp8,audio=none,size=1280x720,fps=25,bitrate=2000000,keyframes=2s,start=1s,"
        "leave=9s,video-delay=500ms,muted=video,drift=-200,ntp-offset=-3600s",
        &publisher, &error));
    g_assert_cmpstr(publisher.identity, ==, "bob");
    g_assert_cmpint(publisher.video_codec, ==, CODEC_VP8);
    g_assert_cmpint(publisher.audio_codec, ==, CODEC_UNKNOWN);
    g_assert_cmpuint(publisher.width, ==, 1280);
    g_assert_cmpuint(publisher.height, ==, 720);
    g_assert_cmpuint(publisher.fps, ==, 25);
    g_assert_cmpint(publisher.keyframe_interval_ns, ==, 2 * NS_PER_SECOND);
    g_assert_cmpint(publisher.leave_ns, ==, 9 * NS_PER_SECOND);
    g_assert_true(publisher.video_muted);
    g_assert_false(publisher.audio_muted);
    g_assert_cmpfloat(publisher.drift_ppm, ==, -200.0);
    g_assert_cmpint(publisher.ntp_offset_ns, ==, -3600 * NS_PER_SECOND);
    g_free((char *)publisher.identity);
}

static void test_bad_publishers(void)
{
    static const char *const BAD[] = {
        "",         ",video=vp8",  "a,video=opus", "a,size=1280",       "a,fps=0",
        "a,fps=x",  "a,start",     "a,nonsense",   "a,muted=sometimes", "a,drift=",
        "a,leave=", "a,audio=vp8", "a,bitrate=-1", "a,screen-share=1",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(BAD); i++) {
        EmbeddedPublisher publisher = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(room_options_publisher(BAD[i], &publisher, &error));
        g_assert_nonnull(error);
        g_assert_null(publisher.identity);
    }
}

static void test_flags(void)
{
    char *argv[] = {(char *)"room",       (char *)"--port",      (char *)"0",
                    (char *)"--fault",    (char *)"loss=5%",     (char *)"--publisher",
                    (char *)"alice",      (char *)"--publisher", (char *)"bob,muted",
                    (char *)"--duration", (char *)"30s",         NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(RoomOptions) options = room_options_parse((int)G_N_ELEMENTS(argv) - 1, argv, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(options->config.publisher_count, ==, 2);
    g_assert_cmpstr(options->config.publishers[1].identity, ==, "bob");
    g_assert_true(options->config.publishers[1].video_muted);
    g_assert_cmpstr(options->config.faults[0], ==, "loss=5%");
    g_assert_cmpint(options->duration_ns, ==, 30 * NS_PER_SECOND);
}

static void test_bad_flags(void)
{
    static const char *const BAD[] = {"--port=70000", "--port=-1", "--duration=x", "stray",
                                      "--publisher=a,fps=0"};
    for (size_t i = 0; i < G_N_ELEMENTS(BAD); i++) {
        char *argv[] = {(char *)"room", (char *)BAD[i], NULL};
        g_autoptr(GError) error = NULL;
        g_assert_null(room_options_parse(2, argv, &error));
        g_assert_nonnull(error);
    }
}

static void test_load_takes_no_faults(void)
{
    char *argv[] = {(char *)"room", (char *)"--load", (char *)"--fault", (char *)"loss=5%", NULL};
    g_autoptr(GError) error = NULL;
    g_assert_null(room_options_parse(4, argv, &error));
    g_assert_nonnull(strstr(error->message, "loss=5%"));
}

static void test_help_names_all_faults(void)
{
    g_autofree char *help = room_options_help();
    g_assert_nonnull(strstr(help, "leave-message=disconnect,room_deleted"));
    g_assert_nonnull(strstr(help, "video-delay=TIME"));
}

static void test_refused_configurations(void)
{
    const EmbeddedPublisher bad[] = {
        {.identity = NULL},
        {.identity = ""},
        {.identity = "a", .video_codec = CODEC_OPUS},
        {.identity = "a", .audio_codec = CODEC_PCMU},
        {.identity = "a", .video_codec = CODEC_H264, .width = 161, .height = 90},
        {.identity = "a", .video_codec = CODEC_H264, .fps = 1000},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const EmbeddedRoomConfig config = {.publishers = &bad[i], .publisher_count = 1};
        g_autoptr(GError) error = NULL;
        g_assert_null(embedded_room_new(&config, &error));
        g_assert_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG);
    }
    const char *const faults[] = {"nonsense", NULL};
    const EmbeddedRoomConfig config = {.faults = faults};
    g_autoptr(GError) error = NULL;
    g_assert_null(embedded_room_new(&config, &error));
    g_assert_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_CONFIG);
}

void room_options_test_add(void)
{
    g_test_add_func("/room/options/publisher", test_publisher);
    g_test_add_func("/room/options/bad-publishers", test_bad_publishers);
    g_test_add_func("/room/options/flags", test_flags);
    g_test_add_func("/room/options/bad-flags", test_bad_flags);
    g_test_add_func("/room/options/help", test_help_names_all_faults);
    g_test_add_func("/room/options/load-takes-no-faults", test_load_takes_no_faults);
    g_test_add_func("/room/options/refused-configurations", test_refused_configurations);
}
