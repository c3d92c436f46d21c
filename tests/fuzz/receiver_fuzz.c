/* The input is a script: each record is one packet (source, number, type, length) and how much time
 * passes. Whatever comes, the ledger balances and ends with nothing held. */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "rtp/receiver.h"

static void on_packet(void *owner, const RtpPacket *packet, Codec codec, unsigned lost_before)
{
    uint64_t *sum = owner;
    *sum += packet->payload[packet->payload_size - 1] + (uint64_t)codec + lost_before;
}

static void push_record(Receiver *receiver, ByteReader *reader, int64_t *now_ns)
{
    static uint8_t payload[3000];
    const uint8_t kind = bytes_read_u8(reader);
    RtpPacket packet = {
        .payload = payload,
        .ssrc = kind & 1 ? 2 : 1,
        .sequence = bytes_read_u16(reader),
        .payload_type = 96 + (kind >> 1 & 3),
        .payload_size = kind & 8 ? (size_t)(kind >> 4) * 200 : kind >> 4,
    };
    payload[0] = bytes_read_u8(reader);
    payload[1] = bytes_read_u8(reader);
    *now_ns += payload[0] * NS_PER_MS;
    packet.arrival_ns = *now_ns;
    receiver_push(receiver, &packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static TrackCounters counters;
    memset(&counters, 0, sizeof counters);
    uint64_t sum = 0;
    const ReceiverConfig config = {
        .ssrc = 1,
        .rtx_ssrc = 2,
        .kind = TRACK_VIDEO,
        .payloads = {{96, CODEC_VP8, 97}},
        .payload_count = 1,
        .window_packets = 32,
        .counters = &counters,
    };
    Receiver *receiver = receiver_new(&config, (ReceiverOut){&sum, on_packet});
    ByteReader reader = byte_reader(data, size);
    int64_t now_ns = 0;
    while (bytes_left(&reader) >= 5) {
        uint16_t asked[8];
        push_record(receiver, &reader, &now_ns);
        receiver_take_nacks(receiver, now_ns, asked, 8);
        require(receiver_advance(receiver, now_ns) > 0);
        require(ledger_row_balances(&counters.ledger, STAGE_RECEIVE));
    }
    RtcpReportBlock block;
    receiver_report_block(receiver, now_ns, &block);
    receiver_flush(receiver);
    require(ledger_value(&counters.ledger.rows[STAGE_RECEIVE].held) == 0);
    require(ledger_row_balances(&counters.ledger, STAGE_RECEIVE));
    receiver_free(receiver);
    return 0;
}
