/* The linker sends the calls of our own objects to these (--wrap), the libraries' stay theirs. */
#include <glib.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "rtp/receiver.h"
#include "rtp/rtp_packet.h"
#include "rtp_test.h"

static unsigned allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    allocations++;
    return __real_realloc(memory, size);
}

static void on_packet(void *owner, const RtpPacket *packet, Codec codec, unsigned lost_before)
{
    uint64_t *bytes = owner;
    (void)codec;
    (void)lost_before;
    *bytes += packet->payload_size;
}

static void receive_datagram(Receiver *receiver, uint16_t sequence, int64_t now_ns)
{
    uint8_t datagram[1200] = {0};
    ByteWriter writer = byte_writer(datagram, sizeof datagram);
    bytes_write_u8(&writer, 0x80);
    bytes_write_u8(&writer, 96);
    bytes_write_u16(&writer, sequence);
    bytes_write_u32(&writer, sequence * 90u);
    bytes_write_u32(&writer, 1);
    RtpPacket packet;
    g_assert_true(rtp_packet_parse(datagram, sizeof datagram, now_ns, &packet));
    receiver_push(receiver, &packet);
}

static void none_in_ten_thousand_packets(void)
{
    TrackCounters counters = {0};
    uint64_t bytes = 0;
    const ReceiverConfig config = {
        .ssrc = 1,
        .kind = TRACK_VIDEO,
        .payloads = {{96, CODEC_H264, 0}},
        .payload_count = 1,
        .counters = &counters,
    };
    allocations = 0;
    Receiver *receiver = receiver_new(&config, (ReceiverOut){&bytes, on_packet});
    g_assert_cmpuint(allocations, >, 0); /* the wrapper is in force */

    allocations = 0;
    uint16_t asked[64];
    for (unsigned i = 0; i < 10000; i++) {
        const int64_t now_ns = (int64_t)i * 1000000;
        if (i % 50 != 7) /* each hole is filled 300 packets later or given up */
            receive_datagram(receiver, (uint16_t)i, now_ns);
        if (i % 100 == 7 && i > 300)
            receive_datagram(receiver, (uint16_t)(i - 300), now_ns);
        receiver_advance(receiver, now_ns);
        receiver_take_nacks(receiver, now_ns, asked, 64);
    }
    receiver_flush(receiver);
    g_assert_cmpuint(allocations, ==, 0);
    g_assert_cmpuint(bytes, >, 9000 * 1188);
    receiver_free(receiver);
}

void allocation_test_add(void)
{
    g_test_add_func("/allocation/none", none_in_ten_thousand_packets);
}
