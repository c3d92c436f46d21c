#include <libavformat/avformat.h>

#include "base/clock.h"
#include "sink/codec_config.h"
#include "sink/container_writer.h"
#include "sink_test.h"
#include "test_media.h"

/* A screen share's: pictures that come five and then thirty times a second. */
static const int times_ms[] = {0,    200,  400,  600,  633,  666,  700,  733,  1733, 1766, 1800,
                               1833, 2500, 2700, 2900, 2933, 2966, 3000, 3500, 3533, 3566, 3600};

/* Each duration is a guess from the distance before; a fragment ends behind every third. */
static void write_pictures(const char *path, Container container)
{
    Pool *pool = pool_new(16U << 20);
    TestMedia *media = test_media_new(pool, CODEC_H264, 160, 96);
    int error = 0;
    ContainerWriter *writer = container_writer_new(
        &(ContainerWriterConfig){.path = path, .container = container}, &error);
    g_assert_nonnull(writer);
    int64_t guess_ns = 200 * NS_PER_MS;
    for (unsigned i = 0; i < G_N_ELEMENTS(times_ms); i++) {
        Frame *frame = test_media_next(media, 0, i == 0);
        if (i == 0) {
            AVCodecParameters *parameters = codec_config_new(frame);
            container_writer_add(writer, &(ContainerWriterTrack){.parameters = parameters});
            avcodec_parameters_free(&parameters);
            g_assert_cmpint(container_writer_start(writer), >=, 0);
        } else {
            guess_ns = (times_ms[i] - times_ms[i - 1]) * NS_PER_MS;
        }
        const ContainerWriterPacket packet = {.frame = frame,
                                              .data = frame->data,
                                              .size = frame->size,
                                              .pts_ns = times_ms[i] * NS_PER_MS,
                                              .duration_ns = guess_ns,
                                              .is_key = frame->is_key};
        g_assert_cmpint(container_writer_write(writer, &packet), >=, 0);
        frame_unref(frame);
        if (i % 3 == 2)
            g_assert_cmpint(container_writer_flush(writer), >=, 0);
    }
    g_assert_cmpint(container_writer_finish(writer), >=, 0);
    container_writer_free(writer);
    test_media_free(media);
    pool_unref(pool);
}

static void each_picture_keeps_its_time(gconstpointer data)
{
    char *folder = test_folder_new();
    g_autofree char *path = g_build_filename(folder, "file", NULL);
    write_pictures(path, (Container)GPOINTER_TO_INT(data));
    AVFormatContext *format = NULL;
    g_assert_cmpint(avformat_open_input(&format, path, NULL, NULL), ==, 0);
    AVPacket *packet = av_packet_alloc();
    unsigned count = 0;
    for (; av_read_frame(format, packet) == 0; count++) {
        const int64_t ms =
            av_rescale_q(packet->pts, format->streams[0]->time_base, (AVRational){1, 1000});
        g_assert_cmpint(ms, ==, times_ms[count]);
        av_packet_unref(packet);
    }
    g_assert_cmpuint(count, ==, G_N_ELEMENTS(times_ms));
    av_packet_free(&packet);
    avformat_close_input(&format);
    test_folder_free(folder);
}

void container_writer_test_add(void)
{
    g_test_add_data_func("/container_writer/uneven/mp4", GINT_TO_POINTER(CONTAINER_MP4),
                         each_picture_keeps_its_time);
    g_test_add_data_func("/container_writer/uneven/mkv", GINT_TO_POINTER(CONTAINER_MKV),
                         each_picture_keeps_its_time);
}
