#include "listener.h"

static void on_packet(void *owner, const RtpPacket *packet, Codec codec, unsigned lost_before)
{
    Listener *listener = owner;
    g_assert_cmpint(codec, ==, CODEC_VP8);
    g_assert_cmpuint(packet->payload_size, >, 0);
    g_assert_cmpuint(packet->ssrc, ==, MAIN_SSRC);
    if (listener->said->len > 0)
        g_string_append_c(listener->said, ' ');
    g_string_append_printf(listener->said, "%u", packet->sequence);
    if (lost_before > 0)
        g_string_append_printf(listener->said, "/%u", lost_before);
    listener->last_payload = packet->payload;
    listener->last_size = packet->payload_size;
    listener->last_is_late = packet->is_late;
    listener->handed_out++;
    listener->lost += lost_before;
}

Listener *listener_new(TrackKind kind, unsigned window_packets)
{
    Listener *listener = g_new0(Listener, 1);
    const ReceiverConfig config = {
        .ssrc = MAIN_SSRC,
        .rtx_ssrc = RTX_SSRC,
        .kind = kind,
        .payloads = {{98, CODEC_VP9, 99}, {VIDEO_TYPE, CODEC_VP8, VIDEO_RTX_TYPE}},
        .payload_count = 2,
        .window_packets = window_packets,
        .counters = &listener->counters,
    };
    listener->said = g_string_new(NULL);
    listener->receiver =
        receiver_new(&config, (ReceiverOut){.owner = listener, .packet = on_packet});
    return listener;
}

void listener_free(Listener *listener)
{
    receiver_free(listener->receiver);
    g_string_free(listener->said, TRUE);
    g_free(listener);
}

static const uint8_t some_bytes[] = "media";

RtpPacket video_packet(uint16_t sequence, int64_t at_ms)
{
    return (RtpPacket){
        .payload = some_bytes,
        .payload_size = sizeof some_bytes,
        .ssrc = MAIN_SSRC,
        .timestamp = (uint32_t)(at_ms * 90),
        .sequence = sequence,
        .payload_type = VIDEO_TYPE,
        .arrival_ns = at_ms * NS_PER_MS,
    };
}

void listener_push(Listener *listener, const RtpPacket *packet)
{
    receiver_push(listener->receiver, packet);
    g_assert_true(ledger_row_balances(&listener->counters.ledger, STAGE_RECEIVE));
}

void listener_media(Listener *listener, uint16_t sequence, int64_t at_ms)
{
    const RtpPacket packet = video_packet(sequence, at_ms);
    listener_push(listener, &packet);
}

void listener_padding(Listener *listener, uint16_t sequence, int64_t at_ms)
{
    RtpPacket packet = video_packet(sequence, at_ms);
    packet.payload_size = 0;
    listener_push(listener, &packet);
}

void listener_retransmission(Listener *listener, uint16_t sequence, int64_t at_ms)
{
    const uint8_t payload[] = {(uint8_t)(sequence >> 8), (uint8_t)sequence, 1, 2, 3};
    RtpPacket packet = video_packet(7, at_ms);
    packet.ssrc = RTX_SSRC;
    packet.payload_type = VIDEO_RTX_TYPE;
    packet.payload = payload;
    packet.payload_size = sizeof payload;
    listener_push(listener, &packet);
}

void listener_expect(Listener *listener, const char *said)
{
    g_assert_cmpstr(listener->said->str, ==, said);
    g_string_truncate(listener->said, 0);
}

uint64_t listener_dropped(const Listener *listener, DropReason reason)
{
    return ledger_value(&listener->counters.ledger.rows[STAGE_RECEIVE].dropped[reason]);
}

uint64_t listener_held(const Listener *listener)
{
    return ledger_value(&listener->counters.ledger.rows[STAGE_RECEIVE].held);
}
