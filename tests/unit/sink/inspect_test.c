#include <string.h>

#include "sink/codec_config.h"
#include "sink/inspect.h"
#include "sink/mp4_layout.h"
#include "sink/silence.h"
#include "sink_test.h"
#include "test_media.h"

typedef struct {
    const char *name;
    const char *bytes;
    size_t size;
    Mp4Layout layout;
} LayoutRow;

#define BYTES(text) text, sizeof(text) - 1

static const LayoutRow layout_rows[] = {
    {"empty", BYTES(""), MP4_LAYOUT_UNKNOWN},
    {"short", BYTES("\0\0\0\10moo"), MP4_LAYOUT_UNKNOWN},
    {"plain", BYTES("\0\0\0\10ftyp\0\0\0\10moov\0\0\0\10mdat"), MP4_LAYOUT_PLAIN},
    {"index-last", BYTES("\0\0\0\10ftyp\0\0\0\10mdat\0\0\0\10moov"), MP4_LAYOUT_INDEX_LAST},
    {"fragmented", BYTES("\0\0\0\10moov\0\0\0\10moof\0\0\0\10mdat"), MP4_LAYOUT_FRAGMENTED},
    {"64-bit", BYTES("\0\0\0\1mdat\0\0\0\0\0\0\0\20\0\0\0\10moov"), MP4_LAYOUT_INDEX_LAST},
    {"to-the-end", BYTES("\0\0\0\10moov\0\0\0\0mdat----"), MP4_LAYOUT_PLAIN},
    {"size-too-small", BYTES("\0\0\0\7moov\0\0\0\10mdat"), MP4_LAYOUT_UNKNOWN},
    {"size-too-large", BYTES("\377\0\0\0moov\0\0\0\10mdat"), MP4_LAYOUT_UNKNOWN},
    {"64-bit-too-large", BYTES("\0\0\0\1moov\377\377\377\377\377\377\377\377"), MP4_LAYOUT_UNKNOWN},
    {"no-index", BYTES("\0\0\0\10moof\0\0\0\10mdat"), MP4_LAYOUT_UNKNOWN},
};

static void test_layout(const void *data)
{
    const LayoutRow *row = data;
    char *folder = test_folder_new();
    g_autofree char *path = g_build_filename(folder, "file.mp4", NULL);
    g_assert_true(g_file_set_contents(path, row->bytes, (gssize)row->size, NULL));
    g_assert_cmpint(mp4_layout_read(path), ==, row->layout);
    /* Whatever it looks like, there is no media in it. */
    Inspection inspection;
    char error[300] = "";
    g_assert_false(inspect_file(path, &inspection, error, sizeof error));
    g_assert_nonnull(strstr(error, path));
    test_folder_free(folder);
}

static void test_no_file(void)
{
    Inspection inspection;
    char error[300] = "";
    g_assert_false(inspect_file("/nowhere/file.mp4", &inspection, error, sizeof error));
    g_assert_cmpstr(error, ==, "Cannot inspect /nowhere/file.mp4: No such file or directory.");
    g_assert_false(inspect_file("/proc", &inspection, error, sizeof error));
    g_assert_cmpint(mp4_layout_read("/nowhere/file.mp4"), ==, MP4_LAYOUT_UNKNOWN);
}

/* A key frame's bytes, cut at every length and with every byte changed, never end the program. */
static void test_hostile_config(const void *data)
{
    const Codec codec = (Codec)GPOINTER_TO_INT(data);
    Pool *pool = pool_new(16U << 20);
    TestMedia *media = test_media_new(pool, codec, 160, 96);
    Frame *frame = test_media_next(media, 0, true);
    AVCodecParameters *parameters = codec_config_new(frame);
    g_assert_nonnull(parameters);
    g_assert_cmpint(parameters->width, ==, 160);
    avcodec_parameters_free(&parameters);
    const size_t size = frame->size < 200 ? frame->size : 200;
    for (size_t i = 0; i < size; i++) {
        const uint8_t former = frame->data[i];
        frame->data[i] ^= 0xff;
        parameters = codec_config_new(frame);
        avcodec_parameters_free(&parameters);
        frame->data[i] = former;
    }
    for (size_t i = 0; i < size; i++) {
        frame->size = i;
        parameters = codec_config_new(frame);
        avcodec_parameters_free(&parameters);
    }
    frame->is_key = false;
    g_assert_null(codec_config_new(frame));
    frame_unref(frame);
    test_media_free(media);
    pool_unref(pool);
}

static void test_silence(void)
{
    static const Codec codecs[] = {CODEC_OPUS, CODEC_PCMU, CODEC_PCMA};
    for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++) {
        AVCodecContext *decoder =
            avcodec_alloc_context3(avcodec_find_decoder(codec_config_id(codecs[i])));
        AVCodecParameters *parameters = codec_config_new_audio(codecs[i]);
        avcodec_parameters_to_context(decoder, parameters);
        g_assert_cmpint(avcodec_open2(decoder, decoder->codec, NULL), ==, 0);
        AVPacket *packet = av_packet_alloc();
        AVFrame *sound = av_frame_alloc();
        size_t size = 0;
        packet->data = (uint8_t *)silence_packet(codecs[i], &size);
        packet->size = (int)size;
        g_assert_cmpint(avcodec_send_packet(decoder, packet), ==, 0);
        g_assert_cmpint(avcodec_receive_frame(decoder, sound), ==, 0);
        g_assert_cmpint(sound->nb_samples, ==, parameters->sample_rate / 50);
        av_frame_free(&sound);
        av_packet_free(&packet);
        avcodec_parameters_free(&parameters);
        avcodec_free_context(&decoder);
    }
    size_t size = 0;
    g_assert_null(silence_packet(CODEC_VP8, &size));
}

void inspect_test_add(void)
{
    static const Codec codecs[] = {CODEC_H264, CODEC_H265, CODEC_VP8, CODEC_VP9, CODEC_AV1};
    for (size_t i = 0; i < G_N_ELEMENTS(layout_rows); i++) {
        g_autofree char *path = g_strdup_printf("/inspect/layout/%s", layout_rows[i].name);
        g_test_add_data_func(path, &layout_rows[i], test_layout);
    }
    g_test_add_func("/inspect/no-file", test_no_file);
    for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++) {
        g_autofree char *path = g_strdup_printf("/codec-config/%s", codec_name(codecs[i]));
        g_test_add_data_func(path, GINT_TO_POINTER(codecs[i]), test_hostile_config);
    }
    g_test_add_func("/silence/decodes", test_silence);
}
