/* Learns from sender reports what a publisher's NTP clock showed at a track's media time (RFC 3550
 * section 6.4.1), and keeps absurd reports out: a report that does not continue the ones before it
 * counts only when the next one agrees with it.
 * Thread: net; a value, no allocation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t ntp_ns;   /* since 1900 */
    int64_t media_ns; /* of the track */
} NtpReport;

typedef struct {
    bool is_known;
    bool is_loose;     /* the RTP timeline may have been moved: the next report is believed */
    int64_t offset_ns; /* NTP minus media time */
    int64_t accepted_ns;
    NtpReport last;
    bool has_candidate;
    NtpReport candidate;
} NtpAlignment;

typedef enum {
    NTP_REJECTED,
    NTP_USED,
    NTP_JUMPED, /* used, and the NTP clock is another one than before */
} NtpVerdict;

/* Time of a 32.32 fixed point NTP timestamp in nanoseconds since 1900. */
int64_t ntp_to_ns(uint64_t ntp);

NtpVerdict ntp_alignment_report(NtpAlignment *alignment, NtpReport report, int64_t arrival_ns);

/* The media times were set ahead by so much; the next report is believed. */
void ntp_alignment_move(NtpAlignment *alignment, int64_t media_by_ns);
