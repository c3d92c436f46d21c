#include <string.h>

#include "depay_test.h"

static void keep_frame(void *owner, Frame *frame)
{
    Bench *bench = owner;
    g_assert_cmpuint(frame->size, >, 0);
    g_assert_cmpint(frame->codec, ==, bench->codec);
    bench->frame_count++;
    if (bench->break_at == bench->frame_count)
        depayloader_break_references(bench->depay);
    if (bench->discard) {
        frame_unref(frame);
        return;
    }
    g_assert_cmpuint(bench->frame_count, <=, BENCH_MAX_FRAMES);
    bench->frames[bench->frame_count - 1] = frame;
}

static void count_request(void *owner)
{
    Bench *bench = owner;
    bench->requests++;
}

Bench *bench_new_sized(Codec codec, size_t pool_bytes)
{
    Bench *bench = g_new0(Bench, 1);
    bench->pool = pool_new(pool_bytes);
    bench->row = &bench->ledger.rows[STAGE_DEPAY];
    bench->codec = codec;
    bench->timestamp = 1000;
    const DepayloaderOut out = {bench, keep_frame, count_request};
    bench->depay = depayloader_new(codec_kind(codec), bench->pool, bench->row, out);
    return bench;
}

Bench *bench_new(Codec codec)
{
    return bench_new_sized(codec, 64u << 20);
}

void bench_free(Bench *bench)
{
    depayloader_flush(bench->depay);
    g_assert_true(ledger_row_balances(&bench->ledger, STAGE_DEPAY));
    g_assert_cmpuint(ledger_value(&bench->row->held), ==, 0);
    g_assert_cmpuint(ledger_value(&bench->row->out), ==, bench->frame_count);
    for (unsigned i = 0; i < bench->frame_count && !bench->discard; i++)
        frame_unref(bench->frames[i]);
    depayloader_free(bench->depay);
    g_assert_cmpuint(pool_usage(bench->pool).in_use_bytes, ==, 0);
    pool_unref(bench->pool);
    g_free(bench);
}

void bench_push_after_loss(Bench *bench, const void *payload, size_t size, bool marker,
                           unsigned lost)
{
    /* A copy of its exact size, so that a read past the end is seen. */
    uint8_t *copy = g_memdup2(payload, size);
    const RtpPacket packet = {
        .payload = copy,
        .payload_size = size,
        .timestamp = bench->timestamp,
        .marker = marker,
        .arrival_ns = (int64_t)bench->timestamp * 10,
    };
    depayloader_push(bench->depay, &packet, bench->codec, lost);
    g_free(copy);
    g_assert_true(ledger_row_balances(&bench->ledger, STAGE_DEPAY));
}

void bench_push(Bench *bench, const void *payload, size_t size, bool marker)
{
    bench_push_after_loss(bench, payload, size, marker, 0);
    if (marker)
        bench->timestamp += 3000;
}

void bench_expect_frame(const Bench *bench, unsigned index, const void *data, size_t size)
{
    g_assert_cmpuint(index, <, bench->frame_count);
    g_assert_cmpmem(bench->frames[index]->data, bench->frames[index]->size, data, size);
}

uint64_t bench_dropped(const Bench *bench, DropReason reason)
{
    return ledger_value(&bench->row->dropped[reason]);
}

static void packet_free(gpointer data)
{
    TestPacket *packet = data;
    g_byte_array_unref(packet->payload);
    g_free(packet);
}

GPtrArray *packets_new(void)
{
    return g_ptr_array_new_with_free_func(packet_free);
}

void packets_add(GPtrArray *packets, const void *payload, size_t size, unsigned frame)
{
    TestPacket *packet = g_new0(TestPacket, 1);
    packet->payload = g_byte_array_append(g_byte_array_new(), payload, (guint)size);
    packet->frame = frame;
    packet->timestamp = 0xfffff000u + frame * 3000; /* wraps early */
    g_ptr_array_add(packets, packet);
}

void packets_mark_last(GPtrArray *packets)
{
    TestPacket *packet = g_ptr_array_index(packets, packets->len - 1);
    packet->marker = true;
}

TestBits test_bits(bool escapes)
{
    return (TestBits){.bytes = g_byte_array_new(), .escapes = escapes};
}

static void put_byte(TestBits *bits, uint8_t byte)
{
    static const uint8_t prevention = 3;
    if (bits->escapes && bits->zeros >= 2 && byte <= 3) {
        g_byte_array_append(bits->bytes, &prevention, 1);
        bits->zeros = 0;
    }
    bits->zeros = byte == 0 ? bits->zeros + 1 : 0;
    g_byte_array_append(bits->bytes, &byte, 1);
}

void test_bits_put(TestBits *bits, unsigned count, uint32_t value)
{
    while (count-- > 0) {
        bits->current = bits->current << 1 | (value >> count & 1);
        if (++bits->used < 8)
            continue;
        put_byte(bits, (uint8_t)bits->current);
        bits->used = bits->current = 0;
    }
}

void test_bits_put_ue(TestBits *bits, uint32_t value)
{
    unsigned length = 0;
    while (((uint64_t)value + 1) >> (length + 1))
        length++;
    test_bits_put(bits, length, 0);
    test_bits_put(bits, length + 1, value + 1);
}

GByteArray *test_bits_end(TestBits *bits)
{
    test_bits_put(bits, 1, 1);
    while (bits->used)
        test_bits_put(bits, 1, 0);
    return bits->bytes;
}

GByteArray *test_h264_sps(unsigned id, unsigned width, unsigned height)
{
    const unsigned columns = (width + 15) / 16, rows = (height + 15) / 16;
    TestBits bits = test_bits(true);
    test_bits_put(&bits, 8, 0x67);
    test_bits_put(&bits, 24, 0x42e01f);
    test_bits_put_ue(&bits, id);
    test_bits_put_ue(&bits, 0);
    test_bits_put_ue(&bits, 2); /* pic_order_cnt_type */
    test_bits_put_ue(&bits, 1);
    test_bits_put(&bits, 1, 0);
    test_bits_put_ue(&bits, columns - 1);
    test_bits_put_ue(&bits, rows - 1);
    test_bits_put(&bits, 2, 3); /* frame_mbs_only, direct_8x8 */
    test_bits_put(&bits, 1, 1); /* cropping, in units of two samples */
    test_bits_put_ue(&bits, 0);
    test_bits_put_ue(&bits, (columns * 16 - width) / 2);
    test_bits_put_ue(&bits, 0);
    test_bits_put_ue(&bits, (rows * 16 - height) / 2);
    test_bits_put(&bits, 1, 0);
    return test_bits_end(&bits);
}

GByteArray *test_h264_pps(unsigned id, unsigned sps_id)
{
    TestBits bits = test_bits(true);
    test_bits_put(&bits, 8, 0x68);
    test_bits_put_ue(&bits, id);
    test_bits_put_ue(&bits, sps_id);
    test_bits_put(&bits, 12, 0x0aa);
    return test_bits_end(&bits);
}

static void fill_random(GRand *rand, GByteArray *bytes, size_t size)
{
    while (bytes->len < size) {
        const uint8_t byte = (uint8_t)g_rand_int(rand);
        g_byte_array_append(bytes, &byte, 1);
    }
    /* Trailing zeros are part of a NAL unit here and must survive. */
    if (bytes->len > 16 && g_rand_int_range(rand, 0, 4) == 0)
        bytes->data[bytes->len - 1] = 0;
}

GByteArray *test_h264_slice(GRand *rand, uint8_t header, unsigned first, unsigned pps_id,
                            size_t size)
{
    TestBits bits = test_bits(true);
    test_bits_put(&bits, 8, header);
    test_bits_put_ue(&bits, first);
    test_bits_put_ue(&bits, 5);
    test_bits_put_ue(&bits, pps_id);
    GByteArray *slice = test_bits_end(&bits);
    fill_random(rand, slice, size);
    return slice;
}

GByteArray *test_vp8_frame(GRand *rand, bool is_key, unsigned width, unsigned height, size_t size)
{
    const uint8_t start[] = {is_key ? 0x10 : 0x11,
                             2,
                             0,
                             0x9d,
                             0x01,
                             0x2a,
                             (uint8_t)width,
                             (uint8_t)(width >> 8),
                             (uint8_t)height,
                             (uint8_t)(height >> 8)};
    GByteArray *frame = g_byte_array_new();
    g_byte_array_append(frame, start, is_key ? sizeof start : 3);
    fill_random(rand, frame, size);
    return frame;
}

void annexb_add(GByteArray *unit, const GByteArray *nal)
{
    static const uint8_t start_code[] = {0, 0, 0, 1};
    g_byte_array_append(unit, start_code, sizeof start_code);
    g_byte_array_append(unit, nal->data, nal->len);
}

static void add_fragments(GPtrArray *packets, const GByteArray *nal, size_t max_payload,
                          unsigned frame)
{
    uint8_t payload[2048];
    const size_t room = max_payload - 2;
    for (size_t at = 1; at < nal->len;) {
        const size_t size = MIN(room, nal->len - at);
        payload[0] = (uint8_t)((nal->data[0] & 0xe0) | 28);
        payload[1] = (uint8_t)((nal->data[0] & 31) | (at == 1 ? 0x80 : 0) |
                               (at + size == nal->len ? 0x40 : 0));
        memcpy(payload + 2, nal->data + at, size);
        packets_add(packets, payload, size + 2, frame);
        at += size;
    }
}

/* As many units from `index` on as fit; returns how many. */
static unsigned add_aggregate(GPtrArray *packets, GPtrArray *nals, unsigned index,
                              size_t max_payload, unsigned frame)
{
    uint8_t payload[2048] = {0x78};
    size_t size = 1;
    unsigned count = 0;
    for (; index + count < nals->len; count++) {
        const GByteArray *nal = g_ptr_array_index(nals, index + count);
        if (size + 2 + nal->len > max_payload)
            break;
        payload[size++] = (uint8_t)(nal->len >> 8);
        payload[size++] = (uint8_t)nal->len;
        memcpy(payload + size, nal->data, nal->len);
        size += nal->len;
    }
    if (count > 0)
        packets_add(packets, payload, size, frame);
    return count;
}

void h264_packetize(GRand *rand, GPtrArray *packets, GPtrArray *nals, size_t max_payload,
                    unsigned frame)
{
    for (unsigned i = 0; i < nals->len;) {
        const GByteArray *nal = g_ptr_array_index(nals, i);
        const unsigned joined =
            g_rand_boolean(rand) ? add_aggregate(packets, nals, i, max_payload, frame) : 0;
        if (joined == 0 && nal->len <= max_payload)
            packets_add(packets, nal->data, nal->len, frame);
        else if (joined == 0)
            add_fragments(packets, nal, max_payload, frame);
        i += joined ? joined : 1;
    }
    packets_mark_last(packets);
}
