#include "timing/ntp_alignment.h"

#include <stdlib.h>

#include "base/clock.h"

#define JUMP_NS (50 * NS_PER_MS) /* more than reports of one timeline differ by */
#define ADOPT_NS (4 * NS_PER_MS) /* less is noise and averaged */

int64_t ntp_to_ns(uint64_t ntp)
{
    return (int64_t)(ntp >> 32) * NS_PER_SECOND +
           (int64_t)(((ntp & 0xffffffff) * (uint64_t)NS_PER_SECOND) >> 32);
}

static int64_t offset_of(NtpReport report)
{
    return report.ntp_ns - report.media_ns;
}

static bool continues(NtpReport before, NtpReport after)
{
    return after.ntp_ns > before.ntp_ns && llabs(offset_of(after) - offset_of(before)) <= JUMP_NS;
}

static void adopt(NtpAlignment *alignment, NtpReport report, int64_t arrival_ns)
{
    alignment->is_known = true;
    alignment->is_loose = false;
    alignment->has_candidate = false;
    alignment->offset_ns = offset_of(report);
    alignment->accepted_ns = arrival_ns;
    alignment->last = report;
}

NtpVerdict ntp_alignment_report(NtpAlignment *alignment, NtpReport report, int64_t arrival_ns)
{
    const int64_t change_ns = offset_of(report) - alignment->offset_ns;
    if (!alignment->is_known) {
        adopt(alignment, report, arrival_ns);
        return NTP_USED;
    }
    if (continues(alignment->last, report)) {
        const int64_t offset_ns = alignment->offset_ns;
        adopt(alignment, report, arrival_ns);
        if (llabs(change_ns) <= ADOPT_NS)
            alignment->offset_ns = offset_ns + change_ns / 2;
        return NTP_USED;
    }
    if (alignment->is_loose && report.ntp_ns > alignment->last.ntp_ns) {
        adopt(alignment, report, arrival_ns);
        return NTP_USED;
    }
    if (!alignment->has_candidate || !continues(alignment->candidate, report)) {
        alignment->has_candidate = true;
        alignment->candidate = report;
        return NTP_REJECTED;
    }
    adopt(alignment, report, arrival_ns);
    return NTP_JUMPED;
}

void ntp_alignment_move(NtpAlignment *alignment, int64_t media_by_ns)
{
    alignment->is_loose = true;
    alignment->has_candidate = false;
    alignment->offset_ns -= media_by_ns;
    alignment->last.media_ns += media_by_ns;
}
