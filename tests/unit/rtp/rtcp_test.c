#include <glib.h>
#include <string.h>

#include "rtp/rtcp.h"
#include "rtp_test.h"

typedef struct {
    GString *said; /* what the handler heard, as text */
} Ear;

static void on_sender_report(void *owner, const RtcpSenderReport *report)
{
    Ear *ear = owner;
    g_string_append_printf(ear->said, "sr %x %llx %u %u %u;", report->ssrc,
                           (unsigned long long)report->ntp, report->rtp_timestamp, report->packets,
                           report->bytes);
}

static void on_bye(void *owner, uint32_t ssrc)
{
    Ear *ear = owner;
    g_string_append_printf(ear->said, "bye %x;", ssrc);
}

static void on_nack(void *owner, uint32_t media_ssrc, uint16_t sequence)
{
    Ear *ear = owner;
    g_string_append_printf(ear->said, "nack %x %u;", media_ssrc, sequence);
}

static void on_keyframe_request(void *owner, uint32_t media_ssrc)
{
    Ear *ear = owner;
    g_string_append_printf(ear->said, "pli %x;", media_ssrc);
}

static void on_receiver_report(void *owner, uint32_t ssrc, uint8_t fraction_lost, uint32_t lost)
{
    Ear *ear = owner;
    g_string_append_printf(ear->said, "rr %x %u %u;", ssrc, fraction_lost, lost);
}

static void on_reference_answer(void *owner, uint32_t receiver_ssrc, uint32_t reference,
                                uint32_t delay)
{
    Ear *ear = owner;
    g_string_append_printf(ear->said, "answer %x %x %u;", receiver_ssrc, reference, delay);
}

static void on_reference_time(void *owner, uint32_t receiver_ssrc, uint64_t ntp)
{
    Ear *ear = owner;
    g_string_append_printf(ear->said, "reference %x %llx;", receiver_ssrc, (unsigned long long)ntp);
}

/* Parses a copy of exact size, so that a read past the end is seen. */
static bool listen(const uint8_t *data, size_t size, const char *expected)
{
    Ear ear = {g_string_new(NULL)};
    const RtcpHandler handler = {
        .owner = &ear,
        .sender_report = on_sender_report,
        .bye = on_bye,
        .nack = on_nack,
        .keyframe_request = on_keyframe_request,
        .receiver_report = on_receiver_report,
        .reference_answer = on_reference_answer,
        .reference_time = on_reference_time,
    };
    uint8_t *copy = g_memdup2(data, size);
    const bool is_valid = rtcp_parse(copy, size, &handler);
    const RtcpHandler deaf = {0};
    rtcp_parse(copy, size, &deaf);
    g_assert_cmpstr(ear.said->str, ==, expected);
    g_string_free(ear.said, TRUE);
    g_free(copy);
    return is_valid;
}

static void sender_report_goes_round(void)
{
    uint8_t buffer[128];
    ByteWriter writer = byte_writer(buffer, sizeof buffer);
    const RtcpSenderReport report = {0xabc, 0x1234567890abcdef, 55, 66, 77};
    rtcp_write_sender_report(&writer, &report, "me");
    g_assert_false(writer.failed);
    g_assert_cmpuint(writer.size, ==, 28 + 16);
    g_assert_true(listen(buffer, writer.size, "sr abc 1234567890abcdef 55 66 77;"));
}

static void receiver_report_goes_round(void)
{
    uint8_t buffer[1024];
    ByteWriter writer = byte_writer(buffer, sizeof buffer);
    const RtcpReportBlock blocks[] = {{.ssrc = 1, .fraction_lost = 5, .total_lost = 6},
                                      {.ssrc = 2, .fraction_lost = 0, .total_lost = -3}};
    rtcp_write_receiver_report(&writer, 9, blocks, 2, "roomtape");
    g_assert_false(writer.failed);
    g_assert_cmpuint(writer.size % 4, ==, 0);
    g_assert_true(listen(buffer, writer.size, "rr 1 5 6;rr 2 0 0;"));
}

static void cname_is_padded_and_bounded(void)
{
    char name[400];
    for (unsigned length = 0; length < 300; length++) {
        uint8_t buffer[512];
        ByteWriter writer = byte_writer(buffer, sizeof buffer);
        memset(name, 'x', sizeof name);
        name[length] = '\0';
        rtcp_write_receiver_report(&writer, 9, NULL, 0, name);
        g_assert_false(writer.failed);
        g_assert_cmpuint(writer.size % 4, ==, 0);
        g_assert_cmpuint(buffer[writer.size - 1], ==, 0);
        g_assert_true(listen(buffer, writer.size, ""));
    }
}

static void at_most_31_blocks(void)
{
    uint8_t buffer[2048];
    ByteWriter writer = byte_writer(buffer, sizeof buffer);
    const RtcpReportBlock blocks[40] = {0};
    rtcp_write_receiver_report(&writer, 9, blocks, 40, "a");
    g_assert_cmpuint(buffer[0] & 0x1f, ==, 31);
    g_assert_cmpuint(writer.size, ==, 8 + 31 * 24 + 12);
}

static void nack_packs_neighbours(void)
{
    uint8_t buffer[128];
    ByteWriter writer = byte_writer(buffer, sizeof buffer);
    const uint16_t sequences[] = {65534, 65535, 0, 14, 15, 400};
    rtcp_write_nack(&writer, 1, 0xbeef, sequences, G_N_ELEMENTS(sequences));
    g_assert_cmpuint(writer.size, ==, 12 + 3 * 4);
    g_assert_true(listen(buffer, writer.size,
                         "nack beef 65534;nack beef 65535;nack beef 0;nack beef 14;"
                         "nack beef 15;nack beef 400;"));
}

static void pli_goes_round(void)
{
    uint8_t buffer[16];
    ByteWriter writer = byte_writer(buffer, sizeof buffer);
    rtcp_write_pli(&writer, 1, 0xbeef);
    g_assert_cmpuint(writer.size, ==, 12);
    g_assert_true(listen(buffer, writer.size, "pli beef;"));
}

static void reference_time_goes_round(void)
{
    uint8_t buffer[64];
    ByteWriter writer = byte_writer(buffer, sizeof buffer);
    rtcp_write_reference_time(&writer, 0xabc, 0x1234567890abcdef);
    rtcp_write_reference_answer(&writer, 0xdef, 0xabc, 0x567890ab);
    g_assert_cmpuint(writer.size, ==, 20 + 24);
    g_assert_true(
        listen(buffer, writer.size, "reference abc 1234567890abcdef;answer abc 567890ab 0;"));
}

typedef struct {
    const char *name;
    uint8_t bytes[64];
    size_t size;
    bool is_valid;
    const char *heard;
} Row;

#define PLI 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2

static const Row rows[] = {
    {"/rtcp/nothing", {0}, 0, false, ""},
    {"/rtcp/header_cut", {0x81, 206, 0}, 3, false, ""},
    {"/rtcp/version", {0x41, 206, 0, 0}, 4, false, ""},
    {"/rtcp/longer_than_the_packet", {0x81, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2}, 12, false, ""},
    {"/rtcp/first_good_then_cut", {PLI, 0x81, 206, 0, 9}, 16, false, "pli 2;"},
    {"/rtcp/first_good_then_rest", {PLI, 0x81}, 13, false, "pli 2;"},
    {"/rtcp/sender_report_short", {0x80, 200, 0, 1, 0, 0, 0, 1}, 8, false, ""},
    {"/rtcp/report_blocks_missing", {0x9f, 201, 0, 1, 0, 0, 0, 1}, 8, false, ""},
    {"/rtcp/receiver_report_empty", {0x80, 201, 0, 0}, 4, false, ""},
    {"/rtcp/bye", {0x82, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2}, 12, true, "bye 1;bye 2;"},
    {"/rtcp/bye_short", {0x82, 203, 0, 1, 0, 0, 0, 1}, 8, false, ""},
    {"/rtcp/fir",
     {0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 0},
     20,
     true,
     "pli 7;"},
    {"/rtcp/fir_of_nothing", {0x84, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0}, 12, false, ""},
    {"/rtcp/nack_of_nothing", {0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2}, 12, false, ""},
    {"/rtcp/feedback_short", {0x81, 205, 0, 1, 0, 0, 0, 1}, 8, false, ""},
    {"/rtcp/unknown_type", {0x80, 210, 0, 0}, 4, true, ""},
    {"/rtcp/unknown_feedback", {0x8f, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2}, 12, true, ""},
    {"/rtcp/extended_of_nothing", {0x80, 207, 0, 1, 0, 0, 0, 1}, 8, true, ""},
    {"/rtcp/extended_without_ssrc", {0x80, 207, 0, 0}, 4, false, ""},
    {"/rtcp/extended_unknown",
     {0x80, 207, 0, 3, 0, 0, 0, 1, 99, 0, 0, 1, 0, 0, 0, 0},
     16,
     true,
     ""},
    {"/rtcp/extended_longer_than_the_block",
     {0x80, 207, 0, 2, 0, 0, 0, 1, 5, 0, 0, 3},
     12,
     false,
     ""},
    {"/rtcp/reference_time_short",
     {0x80, 207, 0, 3, 0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 0},
     16,
     false,
     ""},
    {"/rtcp/reference_answer_crooked",
     {0x80, 207, 0, 3, 0, 0, 0, 1, 5, 0, 0, 1, 0, 0, 0, 0},
     16,
     false,
     ""},
    {"/rtcp/reference_answers",
     {0x80, 207, 0, 8, 0, 0, 0, 1, 5, 0, 0, 6, 0, 0, 0, 1, 0, 0,
      0,    2,   0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6},
     36,
     true,
     "answer 1 2 3;answer 4 5 6;"},
    {"/rtcp/padding", {0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4}, 16, true, "pli 2;"},
    {"/rtcp/padding_of_nothing", {0xa1, 206, 0, 0}, 4, false, ""},
    {"/rtcp/padding_too_long", {0xa1, 206, 0, 1, 0, 0, 0, 8}, 8, false, ""},
    {"/rtcp/padding_crooked", {0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, 16, false, ""},
};

static void parse_row(gconstpointer data)
{
    const Row *row = data;
    g_assert_cmpint(listen(row->bytes, row->size, row->heard), ==, row->is_valid);
}

void rtcp_test_add(void)
{
    g_test_add_func("/rtcp/sender_report", sender_report_goes_round);
    g_test_add_func("/rtcp/receiver_report", receiver_report_goes_round);
    g_test_add_func("/rtcp/cname", cname_is_padded_and_bounded);
    g_test_add_func("/rtcp/31_blocks", at_most_31_blocks);
    g_test_add_func("/rtcp/nack", nack_packs_neighbours);
    g_test_add_func("/rtcp/pli", pli_goes_round);
    g_test_add_func("/rtcp/reference_time", reference_time_goes_round);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        g_test_add_data_func(rows[i].name, &rows[i], parse_row);
}
