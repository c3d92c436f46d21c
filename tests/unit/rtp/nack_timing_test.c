#include <glib.h>

#include "base/clock.h"
#include "rtp/nack_list.h"
#include "rtp_test.h"

static NackTiming timing_of(int64_t rtt_ms, int64_t lateness_ms, bool is_shared)
{
    RoundTrip round_trip = {0};
    if (rtt_ms > 0)
        round_trip_sample(&round_trip, rtt_ms * NS_PER_MS);
    for (unsigned i = 0; rtt_ms > 0 && i < 50; i++)
        round_trip_sample(&round_trip, rtt_ms * NS_PER_MS);
    return nack_timing(&round_trip, lateness_ms * NS_PER_MS, is_shared);
}

typedef struct {
    const char *name;
    int64_t rtt_ms, lateness_ms;
    bool is_shared;
    int64_t reorder_ms, first_ms, spacing_ms, patience_ms;
} Row;

static const Row rows[] = {
    /* six NACKs, each after the answer to the one before could have come */
    {"/nack_timing/unknown", 0, 0, false, 20, 32, 112, 5 * 112 + 110},
    /* two NACKs for each time the server heeds one: a lost one costs half of its 100 ms */
    {"/nack_timing/50_ms", 50, 0, true, 20, 52, 52, 7 * 52 + 60},
    {"/nack_timing/50_ms_not_shared", 50, 0, false, 20, 52, 52, 7 * 52 + 60},
    /* where an answer takes longer than the server needs, it would send what is on its way again */
    {"/nack_timing/200_ms", 200, 0, true, 20, 2, 212, 5 * 212 + 210},
    {"/nack_timing/1000_ms", 1000, 0, true, 20, 2, 1012, 2000},
    /* the server heeds after two round trips where that is less than 100 ms, once it knows them */
    {"/nack_timing/20_ms", 20, 0, true, 20, 22, 22, 7 * 22 + 30 + 66},
    {"/nack_timing/20_ms_not_shared", 20, 0, false, 20, 82, 52, 7 * 52 + 30},
    {"/nack_timing/1_ms", 1, 0, true, 20, 3, 20, 250},
    /* who was overtaken by 80 ms may be so again; there is an end to it */
    {"/nack_timing/late", 50, 80, true, 80, 52, 52, 7 * 52 + 60},
    {"/nack_timing/very_late", 50, 800, true, 150, 52, 52, 7 * 52 + 60},
};

static void check_row(gconstpointer data)
{
    const Row *row = data;
    const NackTiming timing = timing_of(row->rtt_ms, row->lateness_ms, row->is_shared);
    g_assert_cmpint(timing.reorder_ns, ==, row->reorder_ms * NS_PER_MS);
    g_assert_cmpint(timing.first_ns, ==, row->first_ms * NS_PER_MS);
    g_assert_cmpint(timing.spacing_ns, ==, row->spacing_ms * NS_PER_MS);
    g_assert_cmpint(timing.patience_ns, ==, row->patience_ms * NS_PER_MS);
}

/* A LiveKit server as its source reads: it sends a packet again three times at most, and not within
 * min(100 ms, two round trips) of the last time. */
typedef struct {
    GRand *chance;
    double loss;
    int64_t one_way_ms, heeds_ms, last_ms;
    unsigned served;
} Server;

/* When the answer to a NACK of that moment comes; -1: never. */
static int64_t answer(Server *server, int64_t sent_ms)
{
    const int64_t heard_ms = sent_ms + server->one_way_ms;
    if (g_rand_double(server->chance) < server->loss || server->served == 3 ||
        heard_ms - server->last_ms <= server->heeds_ms)
        return -1;
    server->served++;
    server->last_ms = heard_ms;
    return g_rand_double(server->chance) < server->loss ? -1 : heard_ms + server->one_way_ms;
}

/* One packet that was lost, sent at -one_way_ms and seen to be missing at 0. */
static bool comes_in_time(Server *server, const NackTiming *timing)
{
    NackList *list = nack_list_new(8);
    uint16_t sequence;
    int64_t best_ms = INT64_MAX;
    nack_list_set_timing(list, timing);
    nack_list_add(list, 1, 2, 0, 0);
    const int64_t end_ms = nack_list_gives_up_at(list, 1) / NS_PER_MS;
    for (int64_t ms = 0; ms < end_ms; ms++) {
        if (nack_list_take(list, 1, 2, ms * NS_PER_MS, &sequence, 1) == 0)
            continue;
        const int64_t at_ms = answer(server, ms);
        if (at_ms >= 0 && at_ms < best_ms)
            best_ms = at_ms;
    }
    nack_list_free(list);
    return best_ms <= end_ms;
}

/* A fifth of all packets lost both ways: of the packets that were lost at first, p^3 cannot be had
 * back; no more than a quarter of that is lost beside it because NACKs were. */
static void near_the_bound(gconstpointer data)
{
    const int64_t rtt_ms = GPOINTER_TO_INT(data);
    const NackTiming timing = timing_of(rtt_ms, 0, true);
    Server server = {.chance = g_rand_new_with_seed(3), .loss = 0.2, .one_way_ms = rtt_ms / 2};
    const unsigned tries = 40000;
    unsigned failed = 0;
    for (unsigned i = 0; i < tries; i++) {
        server.served = 0;
        server.heeds_ms = MIN(100, 2 * rtt_ms);
        server.last_ms = -server.one_way_ms;
        failed += !comes_in_time(&server, &timing);
    }
    g_assert_cmpfloat((double)failed / tries, <, 0.008 * 1.25);
    g_assert_cmpfloat((double)failed / tries, >, 0.008 * 0.8);
    g_rand_free(server.chance);
}

/* When a server counts as deaf that answers none of the NACKs for so many packets each 52 ms. */
static int64_t unheard_after_ms(unsigned packets, unsigned lost_percent)
{
    NackPace pace = {0};
    round_trip_sample(&pace.round_trip, 50 * NS_PER_MS);
    nack_pace_reported(&pace, true, (uint8_t)(256 * lost_percent / 100));
    for (int64_t ms = 0; ms < 2000; ms++) {
        if (ms % 52 == 0)
            nack_pace_asked(&pace, ms * NS_PER_MS, packets);
        if (nack_pace_is_unheard(&pace, ms * NS_PER_MS))
            return ms;
    }
    return -1;
}

/* The more is lost, the more answers may be missing before that says anything. */
static void unheard_for_its_loss(void)
{
    g_assert_cmpint(unheard_after_ms(1, 1), >=, 156);
    g_assert_cmpint(unheard_after_ms(1, 1), <, 400);
    g_assert_cmpint(unheard_after_ms(1, 10), <, 500);
    g_assert_cmpint(unheard_after_ms(1, 20), >=, 11 * 52);
    g_assert_cmpint(unheard_after_ms(4, 20), ==, unheard_after_ms(1, 1));
}

void nack_timing_test_add(void)
{
    g_test_add_func("/nack_timing/unheard_for_its_loss", unheard_for_its_loss);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        g_test_add_data_func(rows[i].name, &rows[i], check_row);
    g_test_add_data_func("/nack_timing/bound_at_20_ms", GINT_TO_POINTER(20), near_the_bound);
    g_test_add_data_func("/nack_timing/bound_at_50_ms", GINT_TO_POINTER(50), near_the_bound);
    g_test_add_data_func("/nack_timing/bound_at_80_ms", GINT_TO_POINTER(80), near_the_bound);
    g_test_add_data_func("/nack_timing/bound_at_200_ms", GINT_TO_POINTER(200), near_the_bound);
}
