/* Keeps what a receiver report says about one source (RFC 3550 appendix A.3 and A.8).
 * Thread: net; a value, no allocation. */
#pragma once

#include <stdbool.h>

#include "rtp/rtcp.h"

typedef struct {
    int64_t base_sequence, highest_sequence; /* extended */
    uint64_t received;
    uint64_t expected_prior, received_prior; /* at the last report */
    uint32_t expected_last, lost_last;       /* of the interval that it ended */
    bool has_transit;
    uint32_t transit;
    uint32_t jitter_scaled; /* times 16 */
    uint32_t last_sr;
    int64_t last_sr_ns;
} ReceiveStatistics;

/* At the first packet, and again when the source begins anew. */
void receive_statistics_start(ReceiveStatistics *statistics, int64_t sequence);

/* Every packet of the source itself, retransmissions on another SSRC left out. */
void receive_statistics_packet(ReceiveStatistics *statistics, int64_t sequence);
void receive_statistics_jitter(ReceiveStatistics *statistics, uint32_t rtp_timestamp,
                               int64_t arrival_ns, uint32_t clock_rate);
void receive_statistics_sender_report(ReceiveStatistics *statistics, uint64_t ntp, int64_t now_ns);

/* Begins the next interval of the lost fraction. */
void receive_statistics_report(ReceiveStatistics *statistics, uint32_t ssrc, int64_t now_ns,
                               RtcpReportBlock *ret_block);
