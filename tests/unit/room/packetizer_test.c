#include <glib.h>
#include <string.h>

#include "room/media_encoder.h"
#include "room/packetizer.h"
#include "room_test.h"

typedef struct {
    GByteArray *bytes;
    unsigned frames, keyframes_wanted;
    bool is_key;
} Received;

static void on_frame(void *owner, Frame *frame)
{
    Received *const received = owner;
    received->frames++;
    received->is_key = frame->is_key;
    g_byte_array_set_size(received->bytes, 0);
    g_byte_array_append(received->bytes, frame->data, (guint)frame->size);
    frame_unref(frame);
}

static void on_need_keyframe(void *owner)
{
    ((Received *)owner)->keyframes_wanted++;
}

/* As the depayloader writes Annex B: four-byte start codes, no trailing zeros. */
static GByteArray *normalise_annexb(const uint8_t *data, size_t size)
{
    static const uint8_t START[] = {0, 0, 0, 1};
    GByteArray *const out = g_byte_array_new();
    for (size_t i = 0; i < size; i++) {
        const bool starts = i + 3 <= size && data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1;
        if (!starts) {
            g_byte_array_append(out, data + i, 1);
            continue;
        }
        while (out->len > 0 && out->data[out->len - 1] == 0) {
            g_byte_array_set_size(out, out->len - 1);
        }
        g_byte_array_append(out, START, sizeof START);
        i += 2;
    }
    return out;
}

void room_test_carry(Depayloader *depayloader, const MediaFrame *frame, uint16_t *sequence)
{
    for (unsigned i = 0; i < frame->payload_count; i++) {
        g_assert_cmpuint(frame->payloads[i].size, <=, PACKETIZER_MAX_PAYLOAD);
        const RtpPacket packet = {
            .payload = frame->bytes + frame->payloads[i].offset,
            .payload_size = frame->payloads[i].size,
            .ssrc = 1,
            .timestamp = (uint32_t)frame->ticks,
            .sequence = (*sequence)++,
            .payload_type = 96,
            .marker = i + 1 == frame->payload_count,
        };
        depayloader_push(depayloader, &packet, frame->codec, 0);
    }
}

static void check_round_trip(Codec codec, unsigned bitrate)
{
    g_autoptr(GError) error = NULL;
    VideoEncoder *const encoder = video_encoder_new(codec, 640, 360, 30, bitrate, &error);
    g_assert_no_error(error);
    TestPicture *const picture = test_picture_new(640, 360);
    Pool *const pool = pool_new(16u << 20);
    LedgerRow row = {0};
    Received received = {.bytes = g_byte_array_new()};
    Depayloader *const depayloader = depayloader_new(
        TRACK_VIDEO, pool, &row,
        (DepayloaderOut){.owner = &received, .frame = on_frame, .need_keyframe = on_need_keyframe});
    Packetizer packetizer = {.picture_id = 0x7ffa};
    uint16_t sequence = 65530;
    unsigned most_payloads = 0;
    for (unsigned number = 0; number < 20; number++) {
        EncodedMedia media = {0};
        test_picture_draw(picture, number, 30);
        g_assert_true(video_encoder_encode(encoder, (const uint8_t *const *)picture->planes,
                                           picture->strides, number == 10, &media));
        MediaFrame *const frame = media_frame_new(0, codec, number * 3000u, media.is_key);
        packetizer_cut(&packetizer, media.data, media.size, frame);
        most_payloads = MAX(most_payloads, frame->payload_count);
        room_test_carry(depayloader, frame, &sequence);
        GByteArray *const expected =
            codec == CODEC_H264 || codec == CODEC_H265
                ? normalise_annexb(media.data, media.size)
                : g_byte_array_append(g_byte_array_new(), media.data, (guint)media.size);
        g_assert_cmpuint(received.frames, ==, number + 1);
        g_assert_true(received.is_key == media.is_key);
        if (codec != CODEC_AV1) {
            g_assert_cmpmem(received.bytes->data, received.bytes->len, expected->data,
                            expected->len);
        }
        g_byte_array_unref(expected);
        media_frame_unref(frame);
    }
    g_assert_cmpuint(most_payloads, >, 1);
    depayloader_free(depayloader);
    g_byte_array_unref(received.bytes);
    pool_unref(pool);
    test_picture_free(picture);
    video_encoder_free(encoder);
}

static void test_h264(void)
{
    check_round_trip(CODEC_H264, 600000);
}

static void test_vp8(void)
{
    check_round_trip(CODEC_VP8, 600000);
}

static void test_vp9(void)
{
    check_round_trip(CODEC_VP9, 600000);
}

static void test_h265(void)
{
    check_round_trip(CODEC_H265, 600000);
}

static void test_av1(void)
{
    check_round_trip(CODEC_AV1, 600000);
}

static void test_opus_is_one_payload(void)
{
    static const uint8_t PACKET[] = {0xf8, 0xff, 0xfe};
    Packetizer packetizer = {0};
    MediaFrame *const frame = media_frame_new(0, CODEC_OPUS, 960, true);
    packetizer_cut(&packetizer, PACKET, sizeof PACKET, frame);
    g_assert_cmpuint(frame->payload_count, ==, 1);
    g_assert_cmpmem(frame->bytes, frame->size, PACKET, sizeof PACKET);
    media_frame_unref(frame);
}

static void test_h264_uses_all_packet_kinds(void)
{
    /* Small SPS and PPS, one unit that fits, one that does not. */
    GByteArray *const stream = g_byte_array_new();
    static const uint8_t SPS[] = {0, 0, 0, 1, 0x67, 1, 2};
    static const uint8_t PPS[] = {0, 0, 1, 0x68, 3};
    static const uint8_t START[] = {0, 0, 1, 0x65};
    g_byte_array_append(stream, SPS, sizeof SPS);
    g_byte_array_append(stream, PPS, sizeof PPS);
    g_byte_array_append(stream, START, sizeof START);
    for (unsigned i = 0; i < 3000; i++) {
        g_byte_array_append(stream, (const uint8_t *)"\x55", 1);
    }
    g_byte_array_append(stream, START, sizeof START);
    g_byte_array_append(stream, (const uint8_t *)"\x77", 1);
    Packetizer packetizer = {0};
    MediaFrame *const frame = media_frame_new(0, CODEC_H264, 0, true);
    packetizer_cut(&packetizer, stream->data, stream->len, frame);
    g_assert_cmpuint(frame->payload_count, ==, 5);
    g_assert_cmphex(frame->bytes[0] & 0x1f, ==, 24);
    g_assert_cmphex(frame->bytes[frame->payloads[1].offset] & 0x1f, ==, 28);
    g_assert_cmphex(frame->bytes[frame->payloads[1].offset + 1], ==, 0x85);
    g_assert_cmphex(frame->bytes[frame->payloads[3].offset + 1], ==, 0x45);
    g_assert_cmphex(frame->bytes[frame->payloads[4].offset] & 0x1f, ==, 5);
    media_frame_unref(frame);
    g_byte_array_unref(stream);
}

void packetizer_test_add(void)
{
    g_test_add_func("/room/packetizer/h264", test_h264);
    g_test_add_func("/room/packetizer/vp8", test_vp8);
    g_test_add_func("/room/packetizer/vp9", test_vp9);
    g_test_add_func("/room/packetizer/h265", test_h265);
    g_test_add_func("/room/packetizer/av1", test_av1);
    g_test_add_func("/room/packetizer/opus", test_opus_is_one_payload);
    g_test_add_func("/room/packetizer/h264-packet-kinds", test_h264_uses_all_packet_kinds);
}
