#include "depay/av1_header.h"
#include "depay/h264_sps.h"
#include "depay/h265_sps.h"
#include "depay/rbsp.h"
#include "depay/vp8_header.h"
#include "depay/vp9_header.h"
#include "depay_test.h"

/* Made with x264, x265, libaom and libvpx from a test picture. */
static const uint8_t h264_high[] = {0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f,
                                    0xea, 0x6c, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40,
                                    0x00, 0x00, 0x0f, 0x03, 0xc5, 0x8b, 0x65, 0x80};
static const uint8_t h264_high444[] = {0x67, 0xf4, 0x00, 0x28, 0x91, 0x9b, 0x28, 0x0f, 0x00, 0x44,
                                       0xf7, 0x17, 0x80, 0x88, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00,
                                       0x00, 0x03, 0x01, 0xe0, 0x78, 0xc1, 0x8c, 0xb0};
static const uint8_t h264_interlaced[] = {0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x63,
                                          0xf3, 0xe0, 0x22, 0x00, 0x00, 0x03, 0x00, 0x02, 0x00,
                                          0x00, 0x03, 0x00, 0x78, 0x3e, 0x28, 0x53, 0x2c};
static const uint8_t h265_main[] = {
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00,
    0x03, 0x00, 0x3f, 0xa0, 0x05, 0x02, 0x01, 0x69, 0xd5, 0x65, 0x95, 0x9a, 0x49, 0x32, 0xbc,
    0x05, 0xa0, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03, 0xc1};
static const uint8_t av1_sequence[] = {0x00, 0x00, 0x00, 0x0c, 0xc4, 0xfb,
                                       0x65, 0x36, 0xbe, 0x40, 0x10};
static const uint8_t vp9_key[] = {0x82, 0x49, 0x83, 0x42, 0x00, 0x27, 0xd0, 0x16, 0x56, 0x08};

static void expect_h264(const uint8_t *nal, size_t size, unsigned profile, unsigned width,
                        unsigned height)
{
    H264Sps sps;
    g_assert_true(h264_sps_parse(nal, size, &sps));
    g_assert_cmpuint(sps.profile_idc, ==, profile);
    g_assert_cmpuint(sps.width, ==, width);
    g_assert_cmpuint(sps.height, ==, height);
    g_assert_cmpuint(sps.id, ==, 0);
}

static void test_h264(void)
{
    expect_h264(h264_high, sizeof h264_high, 100, 638, 358);
    expect_h264(h264_high444, sizeof h264_high444, 244, 1918, 1078);
    expect_h264(h264_interlaced, sizeof h264_interlaced, 100, 640, 360);
    GByteArray *tiny = test_h264_sps(31, 2, 2);
    H264Sps sps;
    g_assert_true(h264_sps_parse(tiny->data, tiny->len, &sps));
    g_assert_cmpuint(sps.width, ==, 2);
    g_assert_cmpuint(sps.height, ==, 2);
    g_assert_cmpuint(sps.id, ==, 31);
    g_byte_array_unref(tiny);
    for (unsigned size = 0; size < 10; size++)
        g_assert_false(h264_sps_parse(h264_high, size, &sps));
}

/* Numbers that no picture has: the parse fails, and nothing overflows. */
static void test_h264_absurd(void)
{
    static const struct {
        uint32_t columns, rows, crop;
    } cases[] = {
        {0xfffffffe, 9, 0}, {9, 0xfffffffe, 0}, {1024, 9, 0},
        {9, 1024, 0},       {1, 1, 16},         {1, 1, 0xfffffffe},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        TestBits bits = test_bits(true);
        test_bits_put(&bits, 8, 0x67);
        test_bits_put(&bits, 24, 0x42e01f);
        test_bits_put_ue(&bits, 0);
        test_bits_put_ue(&bits, 0);
        test_bits_put_ue(&bits, 2);
        test_bits_put_ue(&bits, 1);
        test_bits_put(&bits, 1, 0);
        test_bits_put_ue(&bits, cases[i].columns);
        test_bits_put_ue(&bits, cases[i].rows);
        test_bits_put(&bits, 3, 7);
        for (unsigned side = 0; side < 4; side++)
            test_bits_put_ue(&bits, cases[i].crop);
        GByteArray *nal = test_bits_end(&bits);
        H264Sps sps;
        g_assert_false(h264_sps_parse(nal->data, nal->len, &sps));
        g_byte_array_unref(nal);
    }
}

static void test_h265(void)
{
    H265Sps sps;
    g_assert_true(h265_sps_parse(h265_main, sizeof h265_main, &sps));
    g_assert_cmpuint(sps.width, ==, 638);
    g_assert_cmpuint(sps.height, ==, 358);
    g_assert_cmpuint(sps.profile_idc, ==, 1);
    g_assert_cmpuint(sps.level_idc, ==, 63);
    for (unsigned size = 0; size < 22; size++)
        g_assert_false(h265_sps_parse(h265_main, size, &sps));
}

static void test_vpx(void)
{
    static const uint8_t vp8_key[] = {0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x7e, 0x42, 0x66, 0x81};
    Vp8Header vp8;
    g_assert_true(vp8_header_parse(vp8_key, sizeof vp8_key, &vp8));
    g_assert_true(vp8.is_key);
    g_assert_cmpuint(vp8.width, ==, 638); /* without the scale bits */
    g_assert_cmpuint(vp8.height, ==, 358);
    for (unsigned size = 0; size < sizeof vp8_key; size++)
        g_assert_false(vp8_header_parse(vp8_key, size, &vp8));

    Vp9Header vp9;
    g_assert_true(vp9_header_parse(vp9_key, sizeof vp9_key, &vp9));
    g_assert_true(vp9.is_key);
    g_assert_cmpuint(vp9.profile, ==, 0);
    g_assert_cmpuint(vp9.width, ==, 638);
    g_assert_cmpuint(vp9.height, ==, 358);
    for (unsigned size = 0; size < 9; size++)
        g_assert_false(vp9_header_parse(vp9_key, size, &vp9));
}

static void test_av1(void)
{
    Av1Sequence sequence;
    g_assert_true(av1_sequence_parse(av1_sequence, sizeof av1_sequence, &sequence));
    g_assert_cmpuint(sequence.max_width, ==, 638);
    g_assert_cmpuint(sequence.max_height, ==, 358);
    g_assert_false(sequence.is_reduced_still);
    for (unsigned size = 0; size < 6; size++)
        g_assert_false(av1_sequence_parse(av1_sequence, size, &sequence));
}

static void test_rbsp(void)
{
    static const uint8_t nal[] = {0, 0, 3, 0, 0, 0, 3, 1, 0, 3, 0, 0, 3};
    static const uint8_t expected[] = {0, 0, 0, 0, 0, 1, 0, 3, 0, 0};
    uint8_t out[sizeof nal];
    const size_t size = rbsp_unescape(nal, sizeof nal, out, sizeof out);
    g_assert_cmpmem(out, size, expected, sizeof expected);
    g_assert_cmpuint(rbsp_unescape(nal, sizeof nal, out, 4), ==, 4);
}

void header_test_add(void)
{
    g_test_add_func("/header/h264", test_h264);
    g_test_add_func("/header/h264-absurd", test_h264_absurd);
    g_test_add_func("/header/h265", test_h265);
    g_test_add_func("/header/vpx", test_vpx);
    g_test_add_func("/header/av1", test_av1);
    g_test_add_func("/header/rbsp", test_rbsp);
}
