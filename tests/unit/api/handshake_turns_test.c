#include "api/handshake_turns.h"
#include "api_test.h"
#include "base/clock.h"

#define COUNT 8
#define LONG_NS (60 * NS_PER_SECOND)

typedef struct {
    HandshakeTurns *turns;
    HandshakeTurn turn;
    unsigned begun, yields;
    bool ends_at_once;
} Handshake;

static void on_begin(void *owner)
{
    Handshake *handshake = owner;
    handshake->begun++;
    if (handshake->ends_at_once)
        handshake_turn_end(handshake->turns, &handshake->turn);
}

static void on_yield(void *owner)
{
    Handshake *handshake = owner;
    handshake->yields++;
}

static void ask(Handshake *handshake, HandshakeTurns *turns)
{
    handshake->turns = turns;
    handshake->turn = (HandshakeTurn){.owner = handshake, .begin = on_begin, .yield = on_yield};
    handshake_turn_ask(turns, &handshake->turn);
}

static void end_all(Handshake all[COUNT], HandshakeTurns *turns)
{
    for (unsigned i = 0; i < COUNT; i++)
        handshake_turn_end(turns, &all[i].turn);
    handshake_turns_free(turns);
}

static void test_as_many_as_may(void)
{
    Handshake all[COUNT] = {0};
    HandshakeTurns *turns = handshake_turns_new(2, LONG_NS);
    for (unsigned i = 0; i < 5; i++)
        ask(&all[i], turns);
    for (unsigned i = 0; i < 5; i++)
        g_assert_cmpuint(all[i].begun, ==, i < 2);
    handshake_turn_end(turns, &all[0].turn);
    g_assert_cmpuint(all[4].begun, ==, 1); /* the newest */
    g_assert_cmpuint(all[2].begun + all[3].begun, ==, 0);
    handshake_turn_end(turns, &all[3].turn); /* gave up waiting */
    handshake_turn_end(turns, &all[1].turn);
    g_assert_cmpuint(all[2].begun, ==, 1);
    g_assert_cmpuint(all[3].begun, ==, 0);
    end_all(all, turns);
}

/* One that is over before `begin` returns lets in the next. */
static void test_ending_at_once(void)
{
    Handshake all[COUNT] = {0};
    HandshakeTurns *turns = handshake_turns_new(1, LONG_NS);
    for (unsigned i = 0; i < COUNT; i++) {
        all[i].ends_at_once = i > 0;
        ask(&all[i], turns);
    }
    handshake_turn_end(turns, &all[0].turn);
    for (unsigned i = 0; i < COUNT; i++)
        g_assert_cmpuint(all[i].begun, ==, 1);
    end_all(all, turns);
}

/* What is due now: with shares of no time, all of it. */
static void run_all(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        continue;
}

/* The oldest, and as many as wait: no handshake ends for nothing. */
static void test_shares(void)
{
    Handshake all[COUNT] = {0};
    HandshakeTurns *turns = handshake_turns_new(3, 0);
    for (unsigned i = 0; i < 5; i++)
        ask(&all[i], turns);
    run_all();
    g_assert_cmpuint(all[0].yields, ==, 1);
    g_assert_cmpuint(all[1].yields, ==, 1);
    g_assert_cmpuint(all[2].yields, ==, 0);
    g_assert_cmpuint(all[4].begun, ==, 0); /* its thread is not free yet */
    handshake_turn_end(turns, &all[0].turn);
    g_assert_cmpuint(all[4].begun, ==, 1);
    handshake_turn_end(turns, &all[1].turn);
    g_assert_cmpuint(all[3].begun, ==, 1);
    ask(&all[5], turns);
    run_all();
    g_assert_cmpuint(all[2].yields, ==, 1);
    g_assert_cmpuint(all[3].yields + all[4].yields, ==, 0);
    end_all(all, turns);
}

static void test_no_share_while_nobody_waits(void)
{
    Handshake all[COUNT] = {0};
    HandshakeTurns *turns = handshake_turns_new(2, 0);
    ask(&all[0], turns);
    ask(&all[1], turns);
    ask(&all[2], turns);
    handshake_turn_end(turns, &all[2].turn);
    run_all();
    g_assert_cmpuint(all[0].yields + all[1].yields, ==, 0);
    end_all(all, turns);
}

/* The end of all: who ends makes room for nobody, and nobody has to yield. */
static void test_stopped(void)
{
    Handshake all[COUNT] = {0};
    HandshakeTurns *turns = handshake_turns_new(2, 0);
    for (unsigned i = 0; i < 5; i++)
        ask(&all[i], turns);
    handshake_turns_stop(turns);
    for (unsigned i = 0; i < 5; i++)
        handshake_turn_end(turns, &all[i].turn);
    run_all();
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmpuint(all[i].begun, ==, i < 2);
        g_assert_cmpuint(all[i].yields, ==, 0);
    }
    end_all(all, turns);
}

void handshake_turns_test_add(void)
{
    g_test_add_func("/handshake-turns/as-many-as-may", test_as_many_as_may);
    g_test_add_func("/handshake-turns/ending-at-once", test_ending_at_once);
    g_test_add_func("/handshake-turns/shares", test_shares);
    g_test_add_func("/handshake-turns/no-share-while-nobody-waits",
                    test_no_share_while_nobody_waits);
    g_test_add_func("/handshake-turns/stopped", test_stopped);
}
