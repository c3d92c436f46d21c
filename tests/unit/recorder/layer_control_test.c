#include <glib.h>

#include "base/clock.h"
#include "recorder/layer_control.h"
#include "recorder_tests.h"

static const LinkReport good = {300, 1, 5 * NS_PER_MS};
static const LinkReport lossy = {300, 36, 5 * NS_PER_MS};
static const LinkReport full = {300, 0, 200 * NS_PER_MS};
static const LinkReport middling = {300, 15, 100 * NS_PER_MS};

/* So many seconds of it; in which second the steps changed last, 0 = in none. */
static unsigned pass(LayerControl *control, LinkReport report, unsigned seconds, unsigned max_steps)
{
    unsigned changed = 0;
    for (unsigned i = 1; i <= seconds; i++) {
        if (layer_control_second(control, &report, max_steps))
            changed = i;
    }
    return changed;
}

static void goes_down_after_a_few_bad_seconds(void)
{
    LayerControl control;
    layer_control_init(&control);
    g_assert_cmpuint(pass(&control, good, 60, 2), ==, 0);
    g_assert_cmpuint(pass(&control, full, 1, 2), ==, 0);
    g_assert_cmpuint(pass(&control, good, 1, 2), ==, 0);
    g_assert_cmpuint(pass(&control, full, 2, 2), ==, 2);
    g_assert_cmpuint(control.steps, ==, 1);
    g_assert_cmpint(control.why, ==, LINK_IS_FULL);
    g_assert_cmpuint(control.why_delay_ms, ==, 200);
    /* three seconds for the server to follow, then two more */
    g_assert_cmpuint(pass(&control, full, 5, 2), ==, 5);
    g_assert_cmpuint(control.steps, ==, 2);
    g_assert_cmpuint(pass(&control, full, 60, 2), ==, 0);
}

static void loss_takes_a_second_more(void)
{
    LayerControl control;
    layer_control_init(&control);
    g_assert_cmpuint(pass(&control, lossy, 2, 2), ==, 0);
    g_assert_cmpuint(pass(&control, middling, 1, 2), ==, 0);
    g_assert_cmpuint(pass(&control, lossy, 1, 2), ==, 1);
    g_assert_cmpint(control.why, ==, LINK_LOSES);
    g_assert_cmpuint(control.why_permille, ==, 120);
}

static void climbs_back_one_at_a_time(void)
{
    LayerControl control;
    layer_control_init(&control);
    pass(&control, full, 7, 2);
    g_assert_cmpuint(control.steps, ==, 2);
    g_assert_cmpuint(pass(&control, middling, 60, 2), ==, 0);
    g_assert_cmpuint(pass(&control, good, 10, 2), ==, 10);
    g_assert_cmpuint(control.steps, ==, 1);
    g_assert_cmpuint(pass(&control, good, 10, 2), ==, 10);
    g_assert_cmpuint(control.steps, ==, 0);
    g_assert_cmpuint(pass(&control, good, 100, 2), ==, 0);
}

static void a_climb_that_fails_makes_the_next_later(void)
{
    LayerControl control;
    layer_control_init(&control);
    pass(&control, full, 2, 1);
    const unsigned waits[] = {10, 20, 40, 80, 160, 160};
    for (unsigned i = 0; i < G_N_ELEMENTS(waits); i++) {
        g_assert_cmpuint(pass(&control, good, waits[i], 1), ==, waits[i]);
        g_assert_cmpuint(control.steps, ==, 0);
        g_assert_cmpuint(pass(&control, full, 2, 1), ==, 2);
        g_assert_cmpuint(control.steps, ==, 1);
    }
    g_assert_cmpuint(pass(&control, good, 160, 1), ==, 160);
    pass(&control, good, 61, 1); /* it holds: all is as in the beginning */
    pass(&control, full, 2, 1);
    g_assert_cmpuint(pass(&control, good, 10, 1), ==, 10);
}

static void without_layers_nothing_is_asked(void)
{
    LayerControl control;
    layer_control_init(&control);
    g_assert_cmpuint(pass(&control, full, 30, 0), ==, 0);
}

static void a_few_packets_say_nothing(void)
{
    LayerControl control;
    layer_control_init(&control);
    g_assert_cmpuint(pass(&control, (LinkReport){10, 5, 0}, 30, 2), ==, 0);
}

void layer_control_test_add(void)
{
    g_test_add_func("/recorder/layer_control/goes_down_after_a_few_bad_seconds",
                    goes_down_after_a_few_bad_seconds);
    g_test_add_func("/recorder/layer_control/loss_takes_a_second_more", loss_takes_a_second_more);
    g_test_add_func("/recorder/layer_control/climbs_back_one_at_a_time", climbs_back_one_at_a_time);
    g_test_add_func("/recorder/layer_control/a_climb_that_fails_makes_the_next_later",
                    a_climb_that_fails_makes_the_next_later);
    g_test_add_func("/recorder/layer_control/without_layers_nothing_is_asked",
                    without_layers_nothing_is_asked);
    g_test_add_func("/recorder/layer_control/a_few_packets_say_nothing", a_few_packets_say_nothing);
}
