#include "rtp/receive_statistics.h"

#include "base/clock.h"

#define TOTAL_LOST_MAX 0x7fffff
#define TOTAL_LOST_MIN (-0x800000)

void receive_statistics_start(ReceiveStatistics *statistics, int64_t sequence)
{
    statistics->base_sequence = sequence;
    statistics->highest_sequence = sequence;
    statistics->received = 0;
    statistics->expected_prior = 0;
    statistics->received_prior = 0;
    statistics->has_transit = false;
}

void receive_statistics_packet(ReceiveStatistics *statistics, int64_t sequence)
{
    statistics->received++;
    if (sequence > statistics->highest_sequence)
        statistics->highest_sequence = sequence;
}

/* Modulo 2^32, like the timestamps that it is compared with. */
static uint32_t ticks_at(int64_t time_ns, uint32_t clock_rate)
{
    const uint64_t seconds = (uint64_t)(time_ns / NS_PER_SECOND);
    const uint64_t rest_ns = (uint64_t)(time_ns % NS_PER_SECOND);
    return (uint32_t)(seconds * clock_rate + rest_ns * clock_rate / (uint64_t)NS_PER_SECOND);
}

void receive_statistics_jitter(ReceiveStatistics *statistics, uint32_t rtp_timestamp,
                               int64_t arrival_ns, uint32_t clock_rate)
{
    const uint32_t transit = ticks_at(arrival_ns, clock_rate) - rtp_timestamp;
    const int32_t change = (int32_t)(transit - statistics->transit);
    const bool has_before = statistics->has_transit;
    statistics->transit = transit;
    statistics->has_transit = true;
    if (!has_before)
        return;
    const uint32_t distance = change < 0 ? 0u - (uint32_t)change : (uint32_t)change;
    statistics->jitter_scaled += distance - ((statistics->jitter_scaled + 8) >> 4);
}

void receive_statistics_sender_report(ReceiveStatistics *statistics, uint64_t ntp, int64_t now_ns)
{
    statistics->last_sr = (uint32_t)(ntp >> 16);
    statistics->last_sr_ns = now_ns;
}

static uint8_t fraction_lost(ReceiveStatistics *statistics, uint64_t expected)
{
    const int64_t expected_now = (int64_t)(expected - statistics->expected_prior);
    const int64_t received_now = (int64_t)(statistics->received - statistics->received_prior);
    const int64_t lost_now = expected_now - received_now;
    statistics->expected_prior = expected;
    statistics->received_prior = statistics->received;
    statistics->expected_last = expected_now > 0 ? (uint32_t)expected_now : 0;
    statistics->lost_last = expected_now > 0 && lost_now > 0 ? (uint32_t)lost_now : 0;
    if (expected_now <= 0 || lost_now <= 0)
        return 0;
    const int64_t fraction = lost_now * 256 / expected_now;
    return fraction > 255 ? 255 : (uint8_t)fraction;
}

static int32_t total_lost(const ReceiveStatistics *statistics, uint64_t expected)
{
    const int64_t lost = (int64_t)(expected - statistics->received);
    if (lost > TOTAL_LOST_MAX)
        return TOTAL_LOST_MAX;
    return lost < TOTAL_LOST_MIN ? TOTAL_LOST_MIN : (int32_t)lost;
}

static uint32_t delay_since_sr(const ReceiveStatistics *statistics, int64_t now_ns)
{
    const int64_t delay_us = (now_ns - statistics->last_sr_ns) / NS_PER_US;
    if (statistics->last_sr == 0 || delay_us <= 0)
        return 0;
    return (uint32_t)((uint64_t)delay_us * 65536 / 1000000);
}

void receive_statistics_report(ReceiveStatistics *statistics, uint32_t ssrc, int64_t now_ns,
                               RtcpReportBlock *ret_block)
{
    const uint64_t expected =
        (uint64_t)(statistics->highest_sequence - statistics->base_sequence + 1);
    *ret_block = (RtcpReportBlock){
        .ssrc = ssrc,
        .fraction_lost = fraction_lost(statistics, expected),
        .total_lost = total_lost(statistics, expected),
        .highest_sequence = (uint32_t)statistics->highest_sequence,
        .jitter = statistics->jitter_scaled >> 4,
        .last_sr = statistics->last_sr,
        .delay_since_sr = delay_since_sr(statistics, now_ns),
    };
}
