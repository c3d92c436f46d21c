#include "depay/keyframe_start.h"
#include "depay_test.h"

typedef struct {
    const char *name;
    Codec codec;
    uint8_t bytes[12];
    size_t size;
    bool starts;
    unsigned in_front;
} Row;

static const Row rows[] = {
    {"/keyframe_start/h264_sps", CODEC_H264, {0x67, 0x42}, 2, true, 0},
    {"/keyframe_start/h264_first_slice", CODEC_H264, {0x65, 0x88}, 2, true, 4},
    {"/keyframe_start/h264_later_slice", CODEC_H264, {0x65, 0x00, 0xf0}, 3, false, 0},
    {"/keyframe_start/h264_pps", CODEC_H264, {0x68, 0xce}, 2, false, 0},
    {"/keyframe_start/h264_delta", CODEC_H264, {0x41, 0x9a}, 2, false, 0},
    {"/keyframe_start/h264_cut", CODEC_H264, {0x65}, 1, false, 0},
    {"/keyframe_start/h264_stap", CODEC_H264, {0x78, 0, 2, 0x67, 0x42}, 5, true, 0},
    {"/keyframe_start/h264_stap_delimited",
     CODEC_H264,
     {0x78, 0, 2, 0x09, 0xf0, 0, 2, 0x67, 0x42},
     9,
     true,
     0},
    {"/keyframe_start/h264_stap_delimiter", CODEC_H264, {0x78, 0, 2, 0x09, 0xf0}, 5, false, 0},
    {"/keyframe_start/h264_stap_delta", CODEC_H264, {0x78, 0, 2, 0x41, 0x9a}, 5, false, 0},
    {"/keyframe_start/h264_stap_cut", CODEC_H264, {0x78, 0}, 2, false, 0},
    {"/keyframe_start/h264_fragment", CODEC_H264, {0x7c, 0x85, 0x88}, 3, true, 4},
    {"/keyframe_start/h264_fragment_later", CODEC_H264, {0x7c, 0x85, 0x00, 0xf0}, 4, false, 0},
    {"/keyframe_start/h264_fragment_inside", CODEC_H264, {0x7c, 0x05, 0x88}, 3, false, 0},
    {"/keyframe_start/h265_vps", CODEC_H265, {0x40, 0x01}, 2, true, 0},
    {"/keyframe_start/h265_sps", CODEC_H265, {0x42, 0x01}, 2, true, 4},
    {"/keyframe_start/h265_idr", CODEC_H265, {0x26, 0x01, 0xaf}, 3, true, 4},
    {"/keyframe_start/h265_idr_later", CODEC_H265, {0x26, 0x01, 0x2f}, 3, false, 0},
    {"/keyframe_start/h265_delta", CODEC_H265, {0x02, 0x01, 0xd0}, 3, false, 0},
    {"/keyframe_start/h265_aggregate", CODEC_H265, {0x60, 1, 0, 4, 0x40, 1, 2, 3}, 8, true, 0},
    {"/keyframe_start/h265_fragment", CODEC_H265, {0x62, 1, 0x93, 0xaf}, 4, true, 4},
    {"/keyframe_start/h265_fragment_inside", CODEC_H265, {0x62, 1, 0x13, 0xaf}, 4, false, 0},
    {"/keyframe_start/vp8", CODEC_VP8, {0x10, 0x10, 2, 0}, 4, true, 0},
    {"/keyframe_start/vp8_delta", CODEC_VP8, {0x10, 0x11, 2, 0}, 4, false, 0},
    {"/keyframe_start/vp8_inside", CODEC_VP8, {0x00, 0x10}, 2, false, 0},
    {"/keyframe_start/vp8_partition", CODEC_VP8, {0x11, 0x10}, 2, false, 0},
    {"/keyframe_start/vp8_extended", CODEC_VP8, {0x90, 0xe0, 0x81, 7, 9, 0x20, 0x10}, 7, true, 0},
    {"/keyframe_start/vp8_extended_delta", CODEC_VP8, {0x90, 0x80, 0x01, 0x11}, 4, false, 0},
    {"/keyframe_start/vp8_cut", CODEC_VP8, {0x90, 0xe0, 0x81}, 3, false, 0},
    {"/keyframe_start/vp9", CODEC_VP9, {0x8a, 0x05}, 2, true, 0},
    {"/keyframe_start/vp9_delta", CODEC_VP9, {0xc8, 0x05}, 2, false, 0},
    {"/keyframe_start/vp9_inside", CODEC_VP9, {0x82, 0x05}, 2, false, 0},
    {"/keyframe_start/vp9_upper_layer", CODEC_VP9, {0xa8, 0x05, 0x02}, 3, false, 0},
    {"/keyframe_start/vp9_lowest_layer", CODEC_VP9, {0xa8, 0x05, 0x00, 9, 1}, 5, true, 0},
    {"/keyframe_start/vp9_long_id", CODEC_VP9, {0xa8, 0x85, 7, 0x00, 9, 1}, 6, true, 0},
    {"/keyframe_start/vp9_flexible", CODEC_VP9, {0xb8, 0x05, 0x00, 1}, 4, true, 0},
    {"/keyframe_start/vp9_structure", CODEC_VP9, {0x8a, 0x05, 0x18, 0, 8, 0, 8, 1, 0}, 9, true, 0},
    {"/keyframe_start/vp9_cut", CODEC_VP9, {0xa8, 0x05, 0x00}, 3, false, 0},
    {"/keyframe_start/av1", CODEC_AV1, {0x18, 0x0a}, 2, true, 0},
    {"/keyframe_start/av1_delta", CODEC_AV1, {0x10, 0x32}, 2, false, 0},
    {"/keyframe_start/nothing", CODEC_H264, {0}, 0, false, 0},
    {"/keyframe_start/sound", CODEC_OPUS, {0x67, 0x42}, 2, false, 0},
};

/* From a copy of exact size, so that a read past the end is seen. */
static void check_row(gconstpointer data)
{
    const Row *row = data;
    uint8_t *copy = g_memdup2(row->bytes, row->size);
    const RtpPacket packet = {.payload = copy, .payload_size = row->size};
    KeyframeStart start = {.in_front = 99};
    g_assert_cmpint(keyframe_starts_with(&packet, row->codec, &start), ==, row->starts);
    if (row->starts)
        g_assert_cmpuint(start.in_front, ==, row->in_front);
    g_free(copy);
}

void keyframe_start_test_add(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        g_test_add_data_func(rows[i].name, &rows[i], check_row);
}
