#include "room/rtp_sender.h"

#include <glib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "rtp/rtcp.h"

#define HEADER_SIZE 12u
#define VIDEO_HISTORY 512u
#define AUDIO_HISTORY 256u
#define MAX_REPEATS 3u
#define REPEAT_AFTER_NS (100 * NS_PER_MS)
#define REPEAT_AFTER_LEAST_NS (5 * NS_PER_MS)

typedef struct {
    MediaFrame *frame; /* NULL = nothing, or a stray that cannot be sent again */
    int64_t sent_ns;
    uint32_t payload, timestamp;
    uint16_t sequence;
    uint8_t repeats;
    bool marker;
} SentPacket;

struct RtpSender {
    RtpSenderConfig config;
    RtpSenderOut out;
    char *cname;
    SentPacket *history;
    unsigned history_size; /* a power of two */
    uint16_t next_sequence, next_rtx_sequence;
    uint32_t timestamp_shift;
    bool needs_key, pictures_lost;
    int64_t repeat_after_ns;
    unsigned max_repeats;
    uint32_t packets, bytes;
};

RtpSender *rtp_sender_new(const RtpSenderConfig *config, RtpSenderOut out)
{
    RtpSender *const sender = g_new0(RtpSender, 1);
    sender->config = *config;
    sender->out = out;
    sender->cname = g_strdup(config->cname);
    sender->config.cname = sender->cname;
    sender->history_size = config->kind == TRACK_VIDEO ? VIDEO_HISTORY : AUDIO_HISTORY;
    sender->history = g_new0(SentPacket, sender->history_size);
    sender->next_sequence = config->first_sequence;
    sender->needs_key = config->kind == TRACK_VIDEO;
    sender->repeat_after_ns = REPEAT_AFTER_NS;
    sender->max_repeats = MAX_REPEATS;
    return sender;
}

void rtp_sender_free(RtpSender *sender)
{
    if (sender == NULL) {
        return;
    }
    for (unsigned i = 0; i < sender->history_size; i++) {
        media_frame_unref(sender->history[i].frame);
    }
    g_free(sender->history);
    g_free(sender->cname);
    g_free(sender);
}

uint32_t rtp_sender_ssrc(const RtpSender *sender)
{
    return sender->config.ssrc;
}

bool rtp_sender_waits_for_key(const RtpSender *sender)
{
    return sender->needs_key;
}

void rtp_sender_skip_key(RtpSender *sender)
{
    sender->needs_key = false;
}

static SentPacket *history_slot(RtpSender *sender, uint16_t sequence)
{
    return &sender->history[sequence & (sender->history_size - 1)];
}

static uint32_t frame_timestamp(const RtpSender *sender, const MediaFrame *frame)
{
    return sender->config.timestamp_offset + sender->timestamp_shift + (uint32_t)frame->ticks;
}

void rtp_sender_shift_timestamps(RtpSender *sender, uint32_t ticks)
{
    sender->timestamp_shift = ticks;
}

static void write_header(ByteWriter *writer, uint8_t payload_type, bool marker, uint16_t sequence,
                         uint32_t timestamp, uint32_t ssrc)
{
    bytes_write_u8(writer, 0x80);
    bytes_write_u8(writer, (uint8_t)((marker ? 0x80 : 0) | payload_type));
    bytes_write_u16(writer, sequence);
    bytes_write_u32(writer, timestamp);
    bytes_write_u32(writer, ssrc);
}

static void send_payload(RtpSender *sender, MediaFrame *frame, unsigned index, int64_t now_ns)
{
    const MediaPayload payload = frame->payloads[index];
    const bool marker = sender->config.kind == TRACK_VIDEO && index + 1 == frame->payload_count;
    const uint16_t sequence = sender->next_sequence++;
    const uint32_t timestamp = frame_timestamp(sender, frame);
    uint8_t packet[RTP_SENDER_MAX_PACKET];
    ByteWriter writer = byte_writer(packet, sizeof packet);
    write_header(&writer, sender->config.payloads[frame->codec].payload_type, marker, sequence,
                 timestamp, sender->config.ssrc);
    bytes_write_span(&writer, frame->bytes + payload.offset, payload.size);
    require(!writer.failed);
    SentPacket *const slot = history_slot(sender, sequence);
    media_frame_unref(slot->frame);
    *slot = (SentPacket){media_frame_ref(frame), now_ns, index, timestamp, sequence, 0, marker};
    sender->packets++;
    sender->bytes += payload.size;
    sender->out.packet(sender->out.owner, packet, writer.size);
}

bool rtp_sender_frame(RtpSender *sender, MediaFrame *frame, int64_t now_ns)
{
    if (sender->config.payloads[frame->codec].payload_type == 0) {
        return false;
    }
    if (sender->needs_key && !frame->is_key) {
        return false;
    }
    sender->needs_key = false;
    if (frame->is_key) {
        sender->pictures_lost = false;
    }
    for (unsigned i = 0; i < frame->payload_count; i++) {
        send_payload(sender, frame, i, now_ns);
    }
    return true;
}

static void repeat(RtpSender *sender, const SentPacket *slot)
{
    const MediaFrame *const frame = slot->frame;
    const MediaPayload payload = frame->payloads[slot->payload];
    const RtpSenderPayload types = sender->config.payloads[frame->codec];
    const bool by_rtx = sender->config.rtx_ssrc != 0 && types.rtx_payload_type != 0;
    uint8_t packet[RTP_SENDER_MAX_PACKET];
    ByteWriter writer = byte_writer(packet, sizeof packet);
    if (by_rtx) {
        write_header(&writer, types.rtx_payload_type, slot->marker, sender->next_rtx_sequence++,
                     slot->timestamp, sender->config.rtx_ssrc);
        bytes_write_u16(&writer, slot->sequence);
    } else {
        write_header(&writer, types.payload_type, slot->marker, slot->sequence, slot->timestamp,
                     sender->config.ssrc);
    }
    bytes_write_span(&writer, frame->bytes + payload.offset, payload.size);
    require(!writer.failed);
    sender->out.packet(sender->out.owner, packet, writer.size);
}

bool rtp_sender_nack(RtpSender *sender, uint16_t sequence, int64_t now_ns)
{
    SentPacket *const slot = history_slot(sender, sequence);
    if (slot->frame == NULL || slot->sequence != sequence || sender->pictures_lost ||
        slot->repeats >= sender->max_repeats || now_ns - slot->sent_ns < sender->repeat_after_ns) {
        return false;
    }
    slot->repeats++;
    slot->sent_ns = now_ns;
    repeat(sender, slot);
    return true;
}

void rtp_sender_set_repeats(RtpSender *sender, unsigned repeats)
{
    sender->max_repeats = MIN(repeats, UINT8_MAX);
}

void rtp_sender_on_keyframe_request(RtpSender *sender)
{
    sender->pictures_lost = true;
}

void rtp_sender_on_receiver_report(RtpSender *sender, int64_t round_trip_ns)
{
    sender->repeat_after_ns = CLAMP(2 * round_trip_ns, REPEAT_AFTER_LEAST_NS, REPEAT_AFTER_NS);
}

void rtp_sender_stray(RtpSender *sender, uint8_t payload_type, const uint8_t *payload, size_t size)
{
    const uint16_t sequence = sender->next_sequence++;
    uint8_t packet[RTP_SENDER_MAX_PACKET];
    ByteWriter writer = byte_writer(packet, sizeof packet);
    write_header(&writer, payload_type, true, sequence, 0, sender->config.ssrc);
    bytes_write_span(&writer, payload, size);
    require(!writer.failed);
    SentPacket *const slot = history_slot(sender, sequence);
    media_frame_unref(slot->frame);
    *slot = (SentPacket){.sequence = sequence};
    sender->out.packet(sender->out.owner, packet, writer.size);
}

void rtp_sender_report(const RtpSender *sender, uint64_t ntp, uint64_t ticks, ByteWriter *writer)
{
    if (sender->packets == 0) {
        return;
    }
    const RtcpSenderReport report = {
        .ssrc = sender->config.ssrc,
        .ntp = ntp,
        .rtp_timestamp =
            sender->config.timestamp_offset + sender->timestamp_shift + (uint32_t)ticks,
        .packets = sender->packets,
        .bytes = sender->bytes,
    };
    rtcp_write_sender_report(writer, &report, sender->cname);
}
