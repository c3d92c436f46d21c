#include <glib.h>
#include <stdbool.h>

#include "base/clock.h"
#include "transport/net_timers.h"
#include "transport_test.h"

#define MANY 400

typedef struct Alarm Alarm;

typedef struct {
    GMainContext *context;
    NetTimers *timers;
    GArray *fired; /* of unsigned, the alarms' numbers */
} Clockwork;

struct Alarm {
    NetTimer timer;
    Clockwork *clockwork;
    unsigned number, count;
    int64_t at_ns;
    void (*act)(Alarm *alarm);
    Alarm *other;
};

static void on_fire(void *owner)
{
    Alarm *alarm = owner;
    g_assert_cmpint(clock_monotonic_ns(), >=, alarm->at_ns);
    g_assert_cmpint(alarm->at_ns, !=, CLOCK_NEVER);
    alarm->at_ns = CLOCK_NEVER;
    alarm->count++;
    g_array_append_val(alarm->clockwork->fired, alarm->number);
    if (alarm->act)
        alarm->act(alarm);
}

static void clockwork_init(Clockwork *clockwork)
{
    clockwork->context = g_main_context_new();
    clockwork->timers = net_timers_new(clockwork->context);
    clockwork->fired = g_array_new(FALSE, FALSE, sizeof(unsigned));
}

static void clockwork_clear(Clockwork *clockwork)
{
    net_timers_free(clockwork->timers);
    g_main_context_unref(clockwork->context);
    g_array_unref(clockwork->fired);
}

static void alarm_add(Alarm *alarm)
{
    alarm->timer = (NetTimer){.owner = alarm, .fire = on_fire};
    alarm->at_ns = CLOCK_NEVER;
    net_timers_add(alarm->clockwork->timers, &alarm->timer);
}

static void alarm_set(Alarm *alarm, int64_t at_ns)
{
    alarm->at_ns = at_ns;
    net_timers_set(alarm->clockwork->timers, &alarm->timer, at_ns);
}

static void alarm_remove(Alarm *alarm)
{
    net_timers_remove(alarm->clockwork->timers, &alarm->timer);
    alarm->at_ns = CLOCK_NEVER;
}

static void alarms_init(Alarm *alarms, unsigned count, Clockwork *clockwork)
{
    for (unsigned i = 0; i < count; i++) {
        alarms[i] = (Alarm){.clockwork = clockwork, .number = i};
        alarm_add(&alarms[i]);
    }
}

static void alarms_remove(Alarm *alarms, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        alarm_remove(&alarms[i]);
}

static void wait_for(Clockwork *clockwork, unsigned fired)
{
    while (clockwork->fired->len < fired)
        g_main_context_iteration(clockwork->context, TRUE);
    g_assert_cmpuint(clockwork->fired->len, ==, fired);
}

static unsigned fired_at(const Clockwork *clockwork, unsigned index)
{
    return g_array_index(clockwork->fired, unsigned, index);
}

/* What is due now fires; then there is nothing left to wake up for. */
static void run_due(Clockwork *clockwork)
{
    for (unsigned turns = 0; g_main_context_iteration(clockwork->context, FALSE); turns++)
        g_assert_cmpuint(turns, <, 100);
}

static void test_order(void)
{
    Clockwork clockwork;
    Alarm alarms[3];
    clockwork_init(&clockwork);
    alarms_init(alarms, 3, &clockwork);
    const int64_t now_ns = clock_monotonic_ns();
    alarm_set(&alarms[1], now_ns + 2 * NS_PER_MS);
    alarm_set(&alarms[2], now_ns + 60 * NS_PER_SECOND);
    alarm_set(&alarms[0], now_ns + 60 * NS_PER_SECOND);
    wait_for(&clockwork, 1);
    g_assert_cmpuint(fired_at(&clockwork, 0), ==, 1);
    alarm_set(&alarms[0], clock_monotonic_ns() + NS_PER_MS); /* to an earlier time */
    wait_for(&clockwork, 2);
    g_assert_cmpuint(fired_at(&clockwork, 1), ==, 0);
    alarm_set(&alarms[2], 0); /* long past */
    wait_for(&clockwork, 3);
    run_due(&clockwork);
    g_assert_cmpuint(clockwork.fired->len, ==, 3);
    alarms_remove(alarms, 3);
    clockwork_clear(&clockwork);
}

static void test_never(void)
{
    Clockwork clockwork;
    Alarm alarms[4];
    clockwork_init(&clockwork);
    alarms_init(alarms, 4, &clockwork);
    run_due(&clockwork);                    /* added is not set */
    alarm_set(&alarms[3], CLOCK_NEVER - 1); /* the last time that there is */
    run_due(&clockwork);
    const int64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < 4; i++)
        alarm_set(&alarms[i], now_ns - NS_PER_MS);
    alarm_set(&alarms[0], CLOCK_NEVER);
    alarm_set(&alarms[1], now_ns + 60 * NS_PER_SECOND);
    alarm_set(&alarms[3], CLOCK_NEVER);
    run_due(&clockwork);
    g_assert_cmpuint(clockwork.fired->len, ==, 1);
    g_assert_cmpuint(fired_at(&clockwork, 0), ==, 2);
    alarm_set(&alarms[1], CLOCK_NEVER);
    run_due(&clockwork);
    g_assert_cmpuint(clockwork.fired->len, ==, 1);
    g_assert_false(g_main_context_pending(clockwork.context));
    alarms_remove(alarms, 4);
    clockwork_clear(&clockwork);
}

/* ---- from within `fire` ---- */

static void set_again(Alarm *alarm)
{
    if (alarm->count < 5)
        alarm_set(alarm, alarm->count % 2 ? 0 : clock_monotonic_ns() + NS_PER_MS);
}

static void test_set_within(void)
{
    Clockwork clockwork;
    Alarm alarms[3];
    clockwork_init(&clockwork);
    alarms_init(alarms, 3, &clockwork);
    for (unsigned i = 0; i < 3; i++) {
        alarms[i].act = set_again;
        alarm_set(&alarms[i], 0);
    }
    wait_for(&clockwork, 15);
    run_due(&clockwork);
    for (unsigned i = 0; i < 3; i++)
        g_assert_cmpuint(alarms[i].count, ==, 5);
    alarms_remove(alarms, 3);
    clockwork_clear(&clockwork);
}

static void set_other(Alarm *alarm)
{
    alarm_set(alarm->other, CLOCK_NEVER);
}

/* What another one has put off in the same turn does not fire, either way round. */
static void test_put_off_within(void)
{
    Clockwork clockwork;
    Alarm alarms[2];
    for (unsigned first = 0; first < 2; first++) {
        clockwork_init(&clockwork);
        alarms_init(alarms, 2, &clockwork);
        alarms[0] = (Alarm){.clockwork = &clockwork, .timer = alarms[0].timer, .other = &alarms[1]};
        alarms[0].act = alarms[1].act = set_other;
        alarms[1].other = &alarms[0];
        alarm_set(&alarms[first], 0);
        alarm_set(&alarms[1 - first], 0);
        run_due(&clockwork);
        g_assert_cmpuint(clockwork.fired->len, ==, 1);
        alarms_remove(alarms, 2);
        clockwork_clear(&clockwork);
    }
}

static void remove_other(Alarm *alarm)
{
    alarm_remove(alarm->other);
    alarm->act = NULL;
}

/* Of five that are due the middle one removes one of them: itself, an earlier or a later one. */
static void test_remove_within(gconstpointer data)
{
    const unsigned victim = GPOINTER_TO_UINT(data);
    Clockwork clockwork;
    Alarm alarms[5];
    clockwork_init(&clockwork);
    alarms_init(alarms, 5, &clockwork);
    alarms[2].act = remove_other;
    alarms[2].other = &alarms[victim];
    for (unsigned i = 0; i < 5; i++)
        alarm_set(&alarms[i], 0);
    run_due(&clockwork);
    const unsigned before = alarms[victim].count;
    g_assert_cmpuint(clockwork.fired->len, ==, 4 + before);
    for (unsigned i = 0; i < 5; i++) {
        if (i == victim)
            continue;
        g_assert_cmpuint(alarms[i].count, ==, 1);
        alarm_set(&alarms[i], 0); /* each is still found in its place */
    }
    run_due(&clockwork);
    g_assert_cmpuint(clockwork.fired->len, ==, 8 + before);
    g_assert_cmpuint(alarms[victim].count, ==, before);
    for (unsigned i = 0; i < 5; i++) {
        if (i != victim)
            alarm_remove(&alarms[i]);
    }
    clockwork_clear(&clockwork);
}

static void remove_and_add(Alarm *alarm)
{
    alarm_remove(alarm);
    alarm_add(alarm);
    alarm_add(alarm->other);
    alarm_set(alarm->other, 0);
    alarm->act = NULL;
}

static void test_add_within(void)
{
    Clockwork clockwork;
    Alarm alarms[3], fresh[3];
    clockwork_init(&clockwork);
    alarms_init(alarms, 3, &clockwork);
    for (unsigned i = 0; i < 3; i++) {
        fresh[i] = (Alarm){.clockwork = &clockwork, .number = 10 + i};
        alarms[i].act = remove_and_add;
        alarms[i].other = &fresh[i];
        alarm_set(&alarms[i], 0);
    }
    run_due(&clockwork);
    g_assert_cmpuint(clockwork.fired->len, ==, 6);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(alarms[i].count, ==, 1);
        g_assert_cmpuint(fresh[i].count, ==, 1);
        alarm_set(&alarms[i], 0);
        alarm_set(&fresh[i], 0);
    }
    run_due(&clockwork);
    g_assert_cmpuint(clockwork.fired->len, ==, 12);
    alarms_remove(alarms, 3);
    alarms_remove(fresh, 3);
    clockwork_clear(&clockwork);
}

/* ---- many ---- */

static void test_many(void)
{
    g_autofree Alarm *alarms = g_new(Alarm, MANY);
    Clockwork clockwork;
    clockwork_init(&clockwork);
    alarms_init(alarms, MANY, &clockwork);
    const int64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < MANY; i++)
        alarm_set(&alarms[i], now_ns + i * 7919 % MANY * (10 * NS_PER_MS / MANY));
    wait_for(&clockwork, MANY);
    run_due(&clockwork);
    for (unsigned i = 0; i < MANY; i++)
        g_assert_cmpuint(alarms[i].count, ==, 1);
    alarms_remove(alarms, MANY);
    clockwork_clear(&clockwork);
}

typedef struct {
    Clockwork clockwork; /* first: what an alarm knows of it */
    Alarm alarms[MANY];
    bool is_added[MANY];
    GRand *random;
} Crowd;

static void change_one(Crowd *crowd)
{
    const unsigned i = (unsigned)g_rand_int_range(crowd->random, 0, MANY);
    Alarm *alarm = &crowd->alarms[i];
    if (!crowd->is_added[i]) {
        alarm_add(alarm);
        crowd->is_added[i] = true;
    } else if (g_rand_int_range(crowd->random, 0, 4) == 0) {
        alarm_remove(alarm);
        crowd->is_added[i] = false;
    } else {
        alarm_set(alarm, g_rand_boolean(crowd->random) ? 0 : CLOCK_NEVER);
    }
}

static void change_some(Alarm *alarm)
{
    for (unsigned i = 0; i < 3; i++)
        change_one((Crowd *)alarm->clockwork);
}

/* At the end nobody waits who was set to a time that is over; on_fire() sees who fires without
 * having been set. */
static void test_many_at_random(void)
{
    Crowd *crowd = g_new0(Crowd, 1);
    clockwork_init(&crowd->clockwork);
    crowd->random = g_rand_new_with_seed(6);
    for (unsigned i = 0; i < MANY; i++) {
        crowd->alarms[i] = (Alarm){.clockwork = &crowd->clockwork, .act = change_some};
        crowd->alarms[i].at_ns = CLOCK_NEVER;
    }
    for (unsigned round = 0; round < 500; round++) {
        for (unsigned i = 0; i < 20; i++)
            change_one(crowd);
        for (unsigned i = 0; i < 3; i++)
            g_main_context_iteration(crowd->clockwork.context, FALSE);
    }
    g_assert_cmpuint(crowd->clockwork.fired->len, >, 1000);
    for (unsigned i = 0; i < MANY; i++)
        crowd->alarms[i].act = NULL;
    run_due(&crowd->clockwork);
    for (unsigned i = 0; i < MANY; i++) {
        g_assert_cmpint(crowd->alarms[i].at_ns, ==, CLOCK_NEVER);
        if (crowd->is_added[i])
            alarm_remove(&crowd->alarms[i]);
    }
    g_rand_free(crowd->random);
    clockwork_clear(&crowd->clockwork);
    g_free(crowd);
}

void net_timers_test_add(void)
{
    g_test_add_func("/net_timers/order", test_order);
    g_test_add_func("/net_timers/never", test_never);
    g_test_add_func("/net_timers/set_within", test_set_within);
    g_test_add_func("/net_timers/put_off_within", test_put_off_within);
    g_test_add_data_func("/net_timers/remove_within/earlier", GUINT_TO_POINTER(1),
                         test_remove_within);
    g_test_add_data_func("/net_timers/remove_within/itself", GUINT_TO_POINTER(2),
                         test_remove_within);
    g_test_add_data_func("/net_timers/remove_within/later", GUINT_TO_POINTER(3),
                         test_remove_within);
    g_test_add_func("/net_timers/add_within", test_add_within);
    g_test_add_func("/net_timers/many", test_many);
    g_test_add_func("/net_timers/many_at_random", test_many_at_random);
}
