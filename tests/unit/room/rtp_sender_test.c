#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "room/rtp_sender.h"
#include "room_test.h"
#include "rtp/rtcp.h"
#include "rtp/rtp_packet.h"

typedef struct {
    unsigned count;
    RtpPacket last;
    uint8_t bytes[RTP_SENDER_MAX_PACKET];
} Sent;

static void on_packet(void *owner, uint8_t *packet, size_t size)
{
    Sent *const sent = owner;
    sent->count++;
    memcpy(sent->bytes, packet, size);
    g_assert_true(rtp_packet_parse(sent->bytes, size, 0, &sent->last));
}

static RtpSender *new_sender(Sent *sent, TrackKind kind)
{
    RtpSenderConfig config = {
        .ssrc = 1000,
        .rtx_ssrc = kind == TRACK_VIDEO ? 2000 : 0,
        .kind = kind,
        .cname = "PA_x|TR_y",
        .first_sequence = 65534,
        .timestamp_offset = 0xfffffff0,
    };
    config.payloads[CODEC_H264] = (RtpSenderPayload){108, 109};
    config.payloads[CODEC_OPUS] = (RtpSenderPayload){111, 0};
    return rtp_sender_new(&config, (RtpSenderOut){.owner = sent, .packet = on_packet});
}

static MediaFrame *new_frame(Codec codec, uint64_t ticks, bool is_key)
{
    MediaFrame *const frame = media_frame_new(0, codec, ticks, is_key);
    media_frame_append(frame, NULL, 0, (const uint8_t *)"one", 3);
    media_frame_append(frame, NULL, 0, (const uint8_t *)"three", 5);
    return frame;
}

static void send(RtpSender *sender, Codec codec, uint64_t ticks, bool is_key, bool is_sent)
{
    MediaFrame *const frame = new_frame(codec, ticks, is_key);
    g_assert_true(rtp_sender_frame(sender, frame, 0) == is_sent);
    media_frame_unref(frame);
}

static void test_begins_with_a_key_frame(void)
{
    Sent sent = {0};
    RtpSender *const sender = new_sender(&sent, TRACK_VIDEO);
    send(sender, CODEC_H264, 0, false, false);
    send(sender, CODEC_VP8, 0, true, false);
    g_assert_cmpuint(sent.count, ==, 0);
    send(sender, CODEC_H264, 0x20, true, true);
    g_assert_cmpuint(sent.count, ==, 2);
    g_assert_cmpuint(sent.last.sequence, ==, 65535);
    g_assert_cmpuint(sent.last.timestamp, ==, 0x10);
    g_assert_cmpuint(sent.last.payload_type, ==, 108);
    g_assert_true(sent.last.marker);
    send(sender, CODEC_H264, 0x30, false, true);
    g_assert_cmpuint(sent.last.sequence, ==, 1);
    rtp_sender_free(sender);
}

static void test_answers_nacks(void)
{
    Sent sent = {0};
    RtpSender *const sender = new_sender(&sent, TRACK_VIDEO);
    send(sender, CODEC_H264, 0, true, true);
    g_assert_false(rtp_sender_nack(sender, 65534, 99 * NS_PER_MS));
    g_assert_false(rtp_sender_nack(sender, 65533, NS_PER_SECOND));
    g_assert_true(rtp_sender_nack(sender, 65534, 100 * NS_PER_MS));
    g_assert_cmpuint(sent.last.ssrc, ==, 2000);
    g_assert_cmpuint(sent.last.payload_type, ==, 109);
    g_assert_cmpmem(sent.last.payload, sent.last.payload_size, "\xff\xfeone", 5);
    g_assert_false(sent.last.marker);
    g_assert_false(rtp_sender_nack(sender, 65534, 150 * NS_PER_MS));
    rtp_sender_on_receiver_report(sender, 0);
    g_assert_true(rtp_sender_nack(sender, 65534, 150 * NS_PER_MS));
    g_assert_true(rtp_sender_nack(sender, 65534, 300 * NS_PER_MS));
    g_assert_false(rtp_sender_nack(sender, 65534, 900 * NS_PER_MS));
    rtp_sender_on_keyframe_request(sender);
    g_assert_false(rtp_sender_nack(sender, 65535, NS_PER_SECOND));
    send(sender, CODEC_H264, 3000, true, true);
    g_assert_true(rtp_sender_nack(sender, 65535, 2 * NS_PER_SECOND));
    rtp_sender_free(sender);
}

static void test_repeats_as_often_as_set(void)
{
    Sent sent = {0};
    RtpSender *const sender = new_sender(&sent, TRACK_VIDEO);
    unsigned repeats = 0;
    send(sender, CODEC_H264, 0, true, true);
    rtp_sender_set_repeats(sender, 10);
    for (int64_t at_ns = NS_PER_SECOND; at_ns < 20 * NS_PER_SECOND; at_ns += NS_PER_SECOND) {
        repeats += rtp_sender_nack(sender, 65534, at_ns);
    }
    g_assert_cmpuint(repeats, ==, 10);
    rtp_sender_free(sender);
}

static void test_audio_is_repeated_as_it_was(void)
{
    Sent sent = {0};
    RtpSender *const sender = new_sender(&sent, TRACK_AUDIO);
    send(sender, CODEC_OPUS, 960, true, true);
    g_assert_true(rtp_sender_nack(sender, 65535, NS_PER_SECOND));
    g_assert_cmpuint(sent.last.ssrc, ==, 1000);
    g_assert_cmpuint(sent.last.sequence, ==, 65535);
    g_assert_cmpmem(sent.last.payload, sent.last.payload_size, "three", 5);
    rtp_sender_free(sender);
}

static void test_strays_are_not_repeated(void)
{
    Sent sent = {0};
    RtpSender *const sender = new_sender(&sent, TRACK_AUDIO);
    send(sender, CODEC_OPUS, 960, true, true);
    rtp_sender_stray(sender, 120, (const uint8_t *)"x", 1);
    g_assert_cmpuint(sent.last.payload_type, ==, 120);
    g_assert_false(rtp_sender_nack(sender, sent.last.sequence, NS_PER_SECOND));
    send(sender, CODEC_OPUS, 1920, true, true);
    g_assert_cmpuint(sent.last.sequence, ==, 2);
    rtp_sender_free(sender);
}

static void on_report(void *owner, const RtcpSenderReport *report)
{
    *(RtcpSenderReport *)owner = *report;
}

static void on_bye(void *owner, uint32_t ssrc)
{
    (void)owner;
    (void)ssrc;
}

static void test_reports(void)
{
    Sent sent = {0};
    uint8_t buffer[256];
    RtpSender *const sender = new_sender(&sent, TRACK_VIDEO);
    ByteWriter nothing = byte_writer(buffer, sizeof buffer);
    rtp_sender_report(sender, 1, 2, &nothing);
    g_assert_cmpuint(nothing.size, ==, 0);
    send(sender, CODEC_H264, 0, true, true);
    ByteWriter writer = byte_writer(buffer, sizeof buffer);
    rtp_sender_report(sender, UINT64_C(0x1122334455667788), 0x100, &writer);
    RtcpSenderReport report = {0};
    const RtcpHandler handler = {.owner = &report, .sender_report = on_report, .bye = on_bye};
    g_assert_true(rtcp_parse(buffer, writer.size, &handler));
    g_assert_cmpuint(report.ssrc, ==, 1000);
    g_assert_cmpuint(report.ntp, ==, UINT64_C(0x1122334455667788));
    g_assert_cmpuint(report.rtp_timestamp, ==, 0xf0);
    g_assert_cmpuint(report.packets, ==, 2);
    g_assert_cmpuint(report.bytes, ==, 8);
    rtp_sender_free(sender);
}

void rtp_sender_test_add(void)
{
    g_test_add_func("/room/rtp-sender/begins-with-a-key-frame", test_begins_with_a_key_frame);
    g_test_add_func("/room/rtp-sender/answers-nacks", test_answers_nacks);
    g_test_add_func("/room/rtp-sender/audio-is-repeated", test_audio_is_repeated_as_it_was);
    g_test_add_func("/room/rtp-sender/repeats", test_repeats_as_often_as_set);
    g_test_add_func("/room/rtp-sender/strays", test_strays_are_not_repeated);
    g_test_add_func("/room/rtp-sender/reports", test_reports);
}
