#include <glib.h>

#include "base/clock.h"
#include "rtp/nack_list.h"
#include "rtp_test.h"

/* Asks at 20 ms, then every 40 until 160 ms after the first. */
static const NackTiming timing = {
    .reorder_ns = 20 * NS_PER_MS,
    .first_ns = 50 * NS_PER_MS,
    .spacing_ns = 40 * NS_PER_MS,
    .answer_ns = 30 * NS_PER_MS,
    .patience_ns = 160 * NS_PER_MS,
};

static NackList *list_new(void)
{
    NackList *list = nack_list_new(64);
    nack_list_set_timing(list, &timing);
    return list;
}

/* When each NACK went out, in milliseconds. */
static char *asked_at(NackList *list, int64_t begin, int64_t end, int64_t until_ms)
{
    GString *said = g_string_new(NULL);
    uint16_t sequences[8];
    for (int64_t ms = 0; ms < until_ms; ms++) {
        const unsigned count = nack_list_take(list, begin, end, ms * NS_PER_MS, sequences, 8);
        for (unsigned i = 0; i < count; i++)
            g_string_append_printf(said, "%" G_GINT64_FORMAT ":%u ", ms, sequences[i]);
    }
    return g_string_free(said, FALSE);
}

static void asks_while_an_answer_can_come(void)
{
    NackList *list = list_new();
    nack_list_add(list, 65535, 65537, -100 * NS_PER_MS, 0);
    g_autofree char *said = asked_at(list, 65530, 65540, 1000);
    /* the next would be at 180 ms, when it is given up */
    g_assert_cmpstr(said, ==, "20:65535 20:0 60:65535 60:0 100:65535 100:0 140:65535 140:0 ");
    g_assert_cmpint(nack_list_gives_up_at(list, 65535), ==, 180 * NS_PER_MS);
    nack_list_free(list);
}

/* It is asked for as soon as the sender heeds, and other packets had time to be overtaken. */
static void the_first_waits_for_both(void)
{
    NackList *list = list_new();
    nack_list_add(list, 1, 2, 0, 0);
    nack_list_add(list, 2, 3, -40 * NS_PER_MS, 0);
    nack_list_add(list, 3, 4, -20 * NS_PER_MS, 0);
    g_autofree char *said = asked_at(list, 1, 4, 55);
    g_assert_cmpstr(said, ==, "20:2 30:3 50:1 ");
    nack_list_free(list);
}

static void is_due_when_it_says(void)
{
    NackList *list = list_new();
    uint16_t asked[1];
    nack_list_add(list, 5, 6, -NS_PER_SECOND, 0);
    g_assert_cmpint(nack_list_next_due(list, 0, 10, 0), ==, 20 * NS_PER_MS);
    g_assert_cmpuint(nack_list_take(list, 0, 10, 19 * NS_PER_MS, asked, 1), ==, 0);
    g_assert_false(nack_list_was_asked(list, 5));
    g_assert_cmpuint(nack_list_take(list, 0, 10, 20 * NS_PER_MS, asked, 1), ==, 1);
    g_assert_true(nack_list_was_asked(list, 5));
    g_assert_cmpint(nack_list_next_due(list, 0, 10, 20 * NS_PER_MS), ==, 60 * NS_PER_MS);
    g_assert_true(nack_list_remove(list, 5));
    g_assert_false(nack_list_remove(list, 5));
    g_assert_cmpint(nack_list_next_due(list, 0, 10, NS_PER_SECOND), ==, CLOCK_NEVER);
    nack_list_free(list);
}

static void begins_anew_with_a_sender_that_was_deaf(void)
{
    NackList *list = list_new();
    nack_list_add(list, 1, 2, -NS_PER_SECOND, 0);
    nack_list_hold(list, 500 * NS_PER_MS);
    g_assert_cmpint(nack_list_gives_up_at(list, 1), ==, 500 * NS_PER_MS);
    g_autofree char *before = asked_at(list, 1, 2, 300);
    g_assert_cmpstr(before, ==, "20:1 60:1 100:1 140:1 ");
    nack_list_restart(list, 1, 2, 300 * NS_PER_MS);
    g_assert_cmpint(nack_list_gives_up_at(list, 1), ==, 460 * NS_PER_MS);
    g_autofree char *after = asked_at(list, 1, 2, 1000);
    g_assert_cmpstr(after, ==, "300:1 340:1 380:1 420:1 ");
    nack_list_free(list);
}

static void gives_no_more_than_there_is_room_for(void)
{
    NackList *list = list_new();
    uint16_t asked[3];
    nack_list_add(list, 10, 15, 0, 0);
    g_assert_cmpuint(nack_list_take(list, 0, 64, 60 * NS_PER_MS, asked, 3), ==, 3);
    g_assert_cmpuint(asked[2], ==, 12);
    g_assert_cmpuint(nack_list_take(list, 0, 64, 60 * NS_PER_MS, asked, 3), ==, 2);
    g_assert_cmpuint(asked[0], ==, 13);
    g_assert_cmpuint(nack_list_count(list), ==, 5);
    nack_list_free(list);
}

void nack_list_test_add(void)
{
    g_test_add_func("/nack_list/asks", asks_while_an_answer_can_come);
    g_test_add_func("/nack_list/first", the_first_waits_for_both);
    g_test_add_func("/nack_list/due", is_due_when_it_says);
    g_test_add_func("/nack_list/restart", begins_anew_with_a_sender_that_was_deaf);
    g_test_add_func("/nack_list/room", gives_no_more_than_there_is_room_for);
}
