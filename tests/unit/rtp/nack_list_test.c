#include <glib.h>

#include "base/clock.h"
#include "rtp/nack_list.h"
#include "rtp_test.h"

static void asks_three_times_with_pauses(void)
{
    NackList *list = nack_list_new(64);
    uint16_t asked[8];
    unsigned asks = 0;
    int64_t last_ms = 0;
    nack_list_add(list, 65535, 65537, 0);
    for (int64_t ms = 0; ms < 1000; ms++) {
        const unsigned count = nack_list_take(list, 65530, 65540, ms * NS_PER_MS, asked, 8);
        if (count == 0)
            continue;
        g_assert_cmpuint(count, ==, 2);
        g_assert_cmpuint(asked[0], ==, 65535);
        g_assert_cmpuint(asked[1], ==, 0);
        g_assert_cmpint(ms - last_ms, >=, asks == 0 ? 20 : 100);
        last_ms = ms;
        asks++;
    }
    g_assert_cmpuint(asks, ==, NACK_MAX_ASKS);
    nack_list_free(list);
}

static void spacing_grows_with_the_round_trip(void)
{
    NackList *list = nack_list_new(64);
    uint16_t asked[1];
    nack_list_set_rtt(list, 200 * NS_PER_MS);
    nack_list_add(list, 5, 6, 0);
    g_assert_cmpint(nack_list_next_due(list, 0, 10, 0), ==, NACK_FIRST_DELAY_NS);
    g_assert_cmpuint(nack_list_take(list, 0, 10, 20 * NS_PER_MS, asked, 1), ==, 1);
    g_assert_cmpint(nack_list_next_due(list, 0, 10, 20 * NS_PER_MS), ==, 320 * NS_PER_MS);
    g_assert_true(nack_list_remove(list, 5));
    g_assert_false(nack_list_remove(list, 5));
    g_assert_cmpint(nack_list_next_due(list, 0, 10, NS_PER_SECOND), ==, CLOCK_NEVER);
    nack_list_free(list);
}

static void gives_no_more_than_there_is_room_for(void)
{
    NackList *list = nack_list_new(64);
    uint16_t asked[3];
    nack_list_add(list, 10, 15, 0);
    g_assert_cmpuint(nack_list_take(list, 0, 64, NS_PER_SECOND, asked, 3), ==, 3);
    g_assert_cmpuint(asked[2], ==, 12);
    g_assert_cmpuint(nack_list_take(list, 0, 64, NS_PER_SECOND, asked, 3), ==, 2);
    g_assert_cmpuint(asked[0], ==, 13);
    g_assert_cmpuint(nack_list_count(list), ==, 5);
    nack_list_free(list);
}

void nack_list_test_add(void)
{
    g_test_add_func("/nack_list/asks", asks_three_times_with_pauses);
    g_test_add_func("/nack_list/round_trip", spacing_grows_with_the_round_trip);
    g_test_add_func("/nack_list/room", gives_no_more_than_there_is_room_for);
}
