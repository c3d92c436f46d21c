#include <glib.h>
#include <string.h>

#include "base/bytes.h"
#include "base_test.h"

static const uint8_t counting[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void test_reads_big_endian(void)
{
    const uint8_t data[] = {0xFF, 0xFE, 0xFD, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    ByteReader reader = byte_reader(data, sizeof data);
    g_assert_cmphex(bytes_read_u8(&reader), ==, 0xFF);
    g_assert_cmphex(bytes_read_u16(&reader), ==, 0xFEFD);
    g_assert_cmphex(bytes_read_u24(&reader), ==, 0x010203);
    g_assert_cmphex(bytes_read_u32(&reader), ==, 0x04050607);
    g_assert_cmphex(bytes_read_u64(&reader), ==, G_GUINT64_CONSTANT(0x08090A0B0C0D0E0F));
    g_assert_false(reader.failed);
    g_assert_cmpuint(bytes_left(&reader), ==, 0);
}

typedef uint64_t (*ReadFn)(ByteReader *reader);

static uint64_t read_u8(ByteReader *reader)
{
    return bytes_read_u8(reader);
}

static uint64_t read_u16(ByteReader *reader)
{
    return bytes_read_u16(reader);
}

static uint64_t read_u24(ByteReader *reader)
{
    return bytes_read_u24(reader);
}

static uint64_t read_u32(ByteReader *reader)
{
    return bytes_read_u32(reader);
}

static void test_read_past_the_end_fails(void)
{
    static const struct {
        ReadFn read;
        size_t size;
    } rows[] = {{read_u8, 1}, {read_u16, 2}, {read_u24, 3}, {read_u32, 4}, {bytes_read_u64, 8}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (size_t size = 0; size < rows[i].size; size++) {
            /* A heap copy of the exact size: the sanitizer sees one byte too many. */
            g_autofree uint8_t *exact = g_memdup2(counting, size);
            ByteReader reader = byte_reader(exact, size);
            g_assert_cmpuint(rows[i].read(&reader), ==, 0);
            g_assert_true(reader.failed);
            g_assert_cmpuint(bytes_left(&reader), ==, 0);
        }
        ByteReader reader = byte_reader(counting, rows[i].size);
        g_assert_cmpuint(rows[i].read(&reader), !=, 0);
        g_assert_false(reader.failed);
    }
}

static void test_failure_stays(void)
{
    ByteReader reader = byte_reader(counting, 3);
    bytes_read_u32(&reader);
    g_assert_cmpuint(bytes_read_u8(&reader), ==, 0);
    g_assert_null(bytes_read_span(&reader, 0));
    g_assert_true(reader.failed);
}

static void test_spans_and_parts(void)
{
    ByteReader reader = byte_reader(counting, sizeof counting);
    g_assert_true(bytes_skip(&reader, 2));
    g_assert_true(bytes_read_span(&reader, 3) == counting + 2);
    ByteReader part = bytes_read_part(&reader, 2);
    g_assert_cmpuint(bytes_read_u16(&part), ==, 0x0607);
    g_assert_cmpuint(bytes_read_u8(&part), ==, 0);
    g_assert_true(part.failed);
    g_assert_false(reader.failed);
    part = bytes_read_part(&reader, 3);
    g_assert_true(part.failed);
    g_assert_true(reader.failed);
    g_assert_false(bytes_skip(&reader, 0));
}

static void test_huge_sizes_do_not_wrap(void)
{
    ByteReader reader = byte_reader(counting, sizeof counting);
    bytes_read_u8(&reader);
    g_assert_null(bytes_read_span(&reader, SIZE_MAX));
    g_assert_true(reader.failed);

    uint8_t room[4];
    ByteWriter writer = byte_writer(room, sizeof room);
    bytes_write_u8(&writer, 1);
    bytes_write_span(&writer, counting, SIZE_MAX);
    g_assert_true(writer.failed);
}

static void test_empty_reader(void)
{
    ByteReader reader = byte_reader(NULL, 0);
    g_assert_nonnull(bytes_read_span(&reader, 0));
    g_assert_false(reader.failed);
    bytes_read_u8(&reader);
    g_assert_true(reader.failed);
}

static void test_leb128(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        uint64_t value;
        bool failed;
        size_t left;
    } rows[] = {
        {"\x00", 1, 0, false, 0},
        {"\x7f", 1, 127, false, 0},
        {"\x80\x01", 2, 128, false, 0},
        {"\xe5\x8e\x26!", 4, 624485, false, 1},
        {"\xff\xff\xff\xff\x0f", 5, UINT32_MAX, false, 0},
        {"\x81\x80\x80\x80\x80\x80\x80\x00", 8, 1, false, 0},
        {"\x80\x80\x80\x80\x10", 5, 0, true, 0},
        {"\x81\x80\x80\x80\x80\x80\x80\x80\x00", 9, 0, true, 0},
        {"\xff\xff\xff\xff\xff\xff\xff\x7f", 8, 0, true, 0},
        {"\x80", 1, 0, true, 0},
        {"", 0, 0, true, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        ByteReader reader = byte_reader((const uint8_t *)rows[i].bytes, rows[i].size);
        g_assert_cmpuint(bytes_read_leb128(&reader), ==, rows[i].value);
        g_assert_cmpint(reader.failed, ==, rows[i].failed);
        g_assert_cmpuint(bytes_left(&reader), ==, rows[i].left);
    }
}

static void test_writes_big_endian(void)
{
    uint8_t data[21];
    ByteWriter writer = byte_writer(data, sizeof data);
    bytes_write_u8(&writer, 1);
    bytes_write_u16(&writer, 0x0203);
    bytes_write_u24(&writer, 0x040506);
    bytes_write_u32(&writer, 0x0708090A);
    bytes_write_u64(&writer, G_GUINT64_CONSTANT(0x0B0C0D0E0F101112));
    bytes_write_span(&writer, counting, 3);
    bytes_patch_u16(&writer, 1, 0xAABB);
    g_assert_false(writer.failed);
    const uint8_t expected[] = {1,  0xAA, 0xBB, 4,  5,  6,  7,  8, 9, 10, 11,
                                12, 13,   14,   15, 16, 17, 18, 1, 2, 3};
    g_assert_cmpmem(data, writer.size, expected, sizeof expected);
}

static void test_write_past_the_end_writes_nothing(void)
{
    uint8_t data[5] = {9, 9, 9, 9, 9};
    ByteWriter writer = byte_writer(data, 4);
    bytes_write_u16(&writer, 0x0102);
    bytes_write_u24(&writer, 0x030405);
    g_assert_true(writer.failed);
    bytes_write_u8(&writer, 6); /* would fit, but the structure is broken already */
    bytes_patch_u16(&writer, 3, 7);
    g_assert_cmpuint(writer.size, ==, 2);
    const uint8_t expected[] = {1, 2, 9, 9, 9};
    g_assert_cmpmem(data, sizeof data, expected, sizeof expected);
}

static void test_reads_bits(void)
{
    const uint8_t data[] = {0xA5, 0xFF, 0x00, 0x12, 0x34, 0x56, 0x78, 0x80};
    BitReader reader = bit_reader(data, sizeof data);
    g_assert_cmpuint(bits_read(&reader, 1), ==, 1);
    g_assert_cmpuint(bits_read(&reader, 3), ==, 2);
    g_assert_cmpuint(bits_read(&reader, 8), ==, 0x5F);
    g_assert_cmpuint(bits_read(&reader, 0), ==, 0);
    g_assert_cmpuint(bits_read(&reader, 12), ==, 0xF00);
    g_assert_cmphex(bits_read(&reader, 32), ==, 0x12345678);
    g_assert_cmpuint(bits_position(&reader), ==, 56);
    g_assert_cmpuint(bits_read(&reader, 3), ==, 4);
    g_assert_cmpuint(bits_position(&reader), ==, 59);
    g_assert_cmpuint(bits_read(&reader, 5), ==, 0);
    g_assert_cmpuint(bits_position(&reader), ==, 64);
    g_assert_false(bits_failed(&reader));
    g_assert_cmpuint(bits_read(&reader, 1), ==, 0);
    g_assert_true(bits_failed(&reader));
}

static void test_bits_past_the_end_fail(void)
{
    const uint8_t data[] = {0xFF, 0xFF};
    BitReader reader = bit_reader(data, sizeof data);
    bits_read(&reader, 3);
    g_assert_cmpuint(bits_read(&reader, 14), ==, 0);
    g_assert_true(bits_failed(&reader));
    g_assert_cmpuint(bits_read(&reader, 32), ==, 0);
}

static void test_exp_golomb(void)
{
    static const struct {
        uint8_t data[9];
        size_t size;
        uint32_t ue;
        int32_t se;
        bool failed;
    } rows[] = {
        {{0x80}, 1, 0, 0, false},
        {{0x40}, 1, 1, 1, false},
        {{0x60}, 1, 2, -1, false},
        {{0x20}, 1, 3, 2, false},
        {{0x38}, 1, 6, -3, false},
        /* 31 zeros: the largest that H.264 knows, 2^32 - 2 */
        {{0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFE}, 8, UINT32_MAX - 1, -INT32_MAX, false},
        {{0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFC}, 8, UINT32_MAX - 2, INT32_MAX, false},
        /* 32 zeros */
        {{0, 0, 0, 0, 0x80, 0, 0, 0, 0}, 9, 0, 0, true},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0}, 9, 0, 0, true},
        {{0}, 1, 0, 0, true},
        {{0x10}, 1, 7, 4, false},
        {{0x08}, 1, 0, 0, true}, /* the suffix is cut off */
        {{0}, 0, 0, 0, true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        BitReader ue = bit_reader(rows[i].data, rows[i].size);
        BitReader se = bit_reader(rows[i].data, rows[i].size);
        g_assert_cmpuint(bits_read_ue(&ue), ==, rows[i].ue);
        g_assert_cmpint(bits_read_se(&se), ==, rows[i].se);
        g_assert_cmpint(bits_failed(&ue), ==, rows[i].failed);
        g_assert_cmpint(bits_failed(&se), ==, rows[i].failed);
    }
}

void bytes_test_add(void)
{
    g_test_add_func("/bytes/reads-big-endian", test_reads_big_endian);
    g_test_add_func("/bytes/read-past-the-end-fails", test_read_past_the_end_fails);
    g_test_add_func("/bytes/failure-stays", test_failure_stays);
    g_test_add_func("/bytes/spans-and-parts", test_spans_and_parts);
    g_test_add_func("/bytes/huge-sizes-do-not-wrap", test_huge_sizes_do_not_wrap);
    g_test_add_func("/bytes/empty-reader", test_empty_reader);
    g_test_add_func("/bytes/leb128", test_leb128);
    g_test_add_func("/bytes/writes-big-endian", test_writes_big_endian);
    g_test_add_func("/bytes/write-past-the-end", test_write_past_the_end_writes_nothing);
    g_test_add_func("/bytes/reads-bits", test_reads_bits);
    g_test_add_func("/bytes/bits-past-the-end-fail", test_bits_past_the_end_fail);
    g_test_add_func("/bytes/exp-golomb", test_exp_golomb);
}
