#include <glib.h>

#include "rtp/rtp_packet.h"
#include "rtp_test.h"

static const uint8_t plain[] = {0x80, 0xe0, 0x12, 0x34, 0, 0, 0, 5, 1, 2, 3, 4, 0xaa, 0xbb};

static void parses_a_plain_packet(void)
{
    RtpPacket packet;
    g_assert_true(rtp_packet_parse(plain, sizeof plain, 77, &packet));
    g_assert_cmpuint(packet.sequence, ==, 0x1234);
    g_assert_cmpuint(packet.timestamp, ==, 5);
    g_assert_cmphex(packet.ssrc, ==, 0x01020304);
    g_assert_cmpuint(packet.payload_type, ==, 96);
    g_assert_true(packet.marker);
    g_assert_cmpint(packet.arrival_ns, ==, 77);
    g_assert_cmpmem(packet.payload, packet.payload_size, "\xaa\xbb", 2);
}

typedef struct {
    const char *name;
    uint8_t bytes[32];
    size_t size;
    bool is_valid;
    size_t payload_size;
} Row;

#define HEADER(first) first, 0x60, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9

static const Row rows[] = {
    {"/rtp_packet/empty_payload", {HEADER(0x80)}, 12, true, 0},
    {"/rtp_packet/contributing_sources", {HEADER(0x82), 1, 1, 1, 1, 2, 2, 2, 2, 7}, 21, true, 1},
    {"/rtp_packet/extension", {HEADER(0x90), 0xbe, 0xde, 0, 1, 9, 9, 9, 9, 7, 7}, 22, true, 2},
    {"/rtp_packet/extension_without_words", {HEADER(0x90), 0xbe, 0xde, 0, 0, 7}, 17, true, 1},
    {"/rtp_packet/padding", {HEADER(0xa0), 7, 0, 0, 3}, 16, true, 1},
    {"/rtp_packet/padding_only", {HEADER(0xa0), 0, 0, 0, 4}, 16, true, 0},
    {"/rtp_packet/nothing", {0}, 0, false, 0},
    {"/rtp_packet/short", {HEADER(0x80)}, 11, false, 0},
    {"/rtp_packet/version_1", {HEADER(0x40)}, 12, false, 0},
    {"/rtp_packet/version_3", {HEADER(0xc0)}, 12, false, 0},
    {"/rtp_packet/sources_missing", {HEADER(0x8f), 1, 1, 1, 1}, 16, false, 0},
    {"/rtp_packet/extension_missing", {HEADER(0x90)}, 12, false, 0},
    {"/rtp_packet/extension_cut", {HEADER(0x90), 0xbe, 0xde, 0, 2, 9, 9, 9, 9}, 20, false, 0},
    {"/rtp_packet/padding_of_nothing", {HEADER(0xa0)}, 12, false, 0},
    {"/rtp_packet/padding_of_zero", {HEADER(0xa0), 1, 0}, 14, false, 0},
    {"/rtp_packet/padding_too_long", {HEADER(0xa0), 1, 3}, 14, false, 0},
};

static void parse_row(gconstpointer data)
{
    const Row *row = data;
    uint8_t *copy = g_memdup2(row->bytes, row->size); /* so that a read past the end is seen */
    RtpPacket packet;
    g_assert_cmpint(rtp_packet_parse(copy, row->size, 0, &packet), ==, row->is_valid);
    if (row->is_valid)
        g_assert_cmpuint(packet.payload_size, ==, row->payload_size);
    g_free(copy);
}

static void tells_rtcp_from_rtp(void)
{
    const uint8_t report[] = {0x80, 200, 0, 0};
    const uint8_t media[] = {0x80, 96, 0, 0};
    const uint8_t marked[] = {0x80, 0x80 | 96, 0, 0};
    const uint8_t dtls[] = {22, 200, 0, 0};
    g_assert_true(rtp_is_rtcp(report, sizeof report));
    g_assert_false(rtp_is_rtcp(media, sizeof media));
    g_assert_false(rtp_is_rtcp(marked, sizeof marked));
    g_assert_false(rtp_is_rtcp(dtls, sizeof dtls));
    g_assert_false(rtp_is_rtcp(report, 1));
}

void rtp_packet_test_add(void)
{
    g_test_add_func("/rtp_packet/plain", parses_a_plain_packet);
    g_test_add_func("/rtp_packet/is_rtcp", tells_rtcp_from_rtp);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        g_test_add_data_func(rows[i].name, &rows[i], parse_row);
}
