#include <glib.h>

#include "base/clock.h"
#include "timing/ntp_alignment.h"
#include "timing_test.h"

static void converts_fixed_point(void)
{
    g_assert_cmpint(ntp_to_ns(UINT64_C(1) << 32), ==, NS_PER_SECOND);
    g_assert_cmpint(ntp_to_ns(UINT64_C(0x80000000)), ==, NS_PER_SECOND / 2);
    g_assert_cmpint(ntp_to_ns(UINT64_MAX), ==, INT64_C(4294967295999999999));
}

/* Times in milliseconds. */
static const struct {
    int64_t ntp_ms, media_ms;
    bool is_loose;
    NtpVerdict verdict;
    int64_t offset_ms;
} rows[] = {
    {5000, 1000, false, NTP_USED, 4000},       {8000, 4000, false, NTP_USED, 4000},
    {11002, 7000, false, NTP_USED, 4001},      /* noise is averaged */
    {14010, 10000, false, NTP_USED, 4010},     /* more than noise is followed */
    {13000, 9000, false, NTP_REJECTED, 4010},  /* runs backwards */
    {24010, 13000, false, NTP_REJECTED, 4010}, /* runs ahead */
    {20010, 16000, false, NTP_USED, 4010},     {33010, 19000, false, NTP_REJECTED, 4010},
    {36010, 22000, false, NTP_JUMPED, 14010}, /* twice the same: the clock was set */
    {39310, 25000, true, NTP_USED, 14310},    /* after a pause at once */
};

static void believes_what_continues(void)
{
    NtpAlignment alignment = {0};
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        const NtpReport report = {rows[i].ntp_ms * NS_PER_MS, rows[i].media_ms * NS_PER_MS};
        alignment.is_loose = rows[i].is_loose;
        g_assert_cmpint(ntp_alignment_report(&alignment, report, i), ==, rows[i].verdict);
        g_assert_cmpint(alignment.offset_ns, ==, rows[i].offset_ms * NS_PER_MS);
    }
}

void ntp_alignment_test_add(void)
{
    g_test_add_func("/ntp_alignment/fixed_point", converts_fixed_point);
    g_test_add_func("/ntp_alignment/reports", believes_what_continues);
}
