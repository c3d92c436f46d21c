#include <glib.h>

#include "base/clock.h"
#include "rtp/receive_statistics.h"
#include "rtp_test.h"

static void counts_loss_by_interval(void)
{
    ReceiveStatistics statistics = {0};
    RtcpReportBlock block;
    receive_statistics_start(&statistics, 65530);
    for (int64_t i = 65530; i < 65530 + 100; i++) {
        if (i % 4 != 0)
            receive_statistics_packet(&statistics, i);
    }
    receive_statistics_report(&statistics, 42, 0, &block);
    g_assert_cmpuint(block.ssrc, ==, 42);
    g_assert_cmpuint(block.highest_sequence, ==, 65629);
    g_assert_cmpint(block.total_lost, ==, 25);
    g_assert_cmpuint(block.fraction_lost, ==, 64);
    g_assert_cmpuint(statistics.expected_last, ==, 100);
    g_assert_cmpuint(statistics.lost_last, ==, 25);

    receive_statistics_packet(&statistics, 65630);
    receive_statistics_report(&statistics, 42, 0, &block);
    g_assert_cmpuint(block.fraction_lost, ==, 0);
    g_assert_cmpint(block.total_lost, ==, 25);
}

static void duplicates_make_the_loss_negative(void)
{
    ReceiveStatistics statistics = {0};
    RtcpReportBlock block;
    receive_statistics_start(&statistics, 1);
    for (unsigned i = 0; i < 5; i++)
        receive_statistics_packet(&statistics, 1);
    receive_statistics_report(&statistics, 1, 0, &block);
    g_assert_cmpint(block.total_lost, ==, -4);
    g_assert_cmpuint(block.fraction_lost, ==, 0);
}

/* RFC 3550 A.8 by hand: J += (|D| - J) / 16. */
static void jitter_follows_the_formula(void)
{
    ReceiveStatistics statistics = {0};
    RtcpReportBlock block;
    double expected = 0;
    receive_statistics_start(&statistics, 0);
    int64_t arrival_ns = 86400 * NS_PER_SECOND * 365;
    uint32_t timestamp = 0xfffffff0;
    receive_statistics_jitter(&statistics, timestamp, arrival_ns, 48000);
    for (unsigned i = 0; i < 200; i++) {
        const int64_t late_ns = i % 2 == 0 ? 5 * NS_PER_MS : -5 * NS_PER_MS;
        timestamp += 960;
        arrival_ns += 20 * NS_PER_MS + late_ns;
        receive_statistics_jitter(&statistics, timestamp, arrival_ns, 48000);
        expected += (240.0 - expected) / 16;
    }
    receive_statistics_report(&statistics, 1, arrival_ns, &block);
    g_assert_cmpfloat_with_epsilon((double)block.jitter, expected, 2);
}

static void echoes_the_sender_report(void)
{
    ReceiveStatistics statistics = {0};
    RtcpReportBlock block;
    receive_statistics_start(&statistics, 0);
    receive_statistics_report(&statistics, 1, NS_PER_SECOND, &block);
    g_assert_cmpuint(block.last_sr, ==, 0);
    g_assert_cmpuint(block.delay_since_sr, ==, 0);
    receive_statistics_sender_report(&statistics, 0x1111222233334444, NS_PER_SECOND);
    receive_statistics_report(&statistics, 1, NS_PER_SECOND * 5 / 2, &block);
    g_assert_cmphex(block.last_sr, ==, 0x22223333);
    g_assert_cmpuint(block.delay_since_sr, ==, 65536 * 3 / 2);
}

void receive_statistics_test_add(void)
{
    g_test_add_func("/receive_statistics/loss", counts_loss_by_interval);
    g_test_add_func("/receive_statistics/duplicates", duplicates_make_the_loss_negative);
    g_test_add_func("/receive_statistics/jitter", jitter_follows_the_formula);
    g_test_add_func("/receive_statistics/sender_report", echoes_the_sender_report);
}
