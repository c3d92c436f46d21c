#include <glib.h>
#include <stdlib.h>

#include "base/clock.h"
#include "timing/slew.h"
#include "timing_test.h"

static const struct {
    int64_t error_ms;
    int64_t done_ms; /* of media, at 20 ms a picture */
} rows[] = {{5, 100}, {-5, 100}, {25, 500}, {100, 500}, {-100, 500}, {250, 500}, {1000, 2000}};

static void pictures_move_gradually(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Slew slew = {0};
        int64_t error_ns = rows[i].error_ms * NS_PER_MS;
        int64_t media_ms = 0;
        while (error_ns != 0 && media_ms < 10000) {
            const int64_t step_ns = slew_picture(&slew, error_ns, NS_PER_MS, 20 * NS_PER_MS);
            g_assert_cmpint(llabs(step_ns), <=, 10 * NS_PER_MS);
            error_ns -= step_ns;
            media_ms += 20;
        }
        g_assert_cmpint(media_ms, <=, rows[i].done_ms + 20);
        g_assert_cmpint(slew_picture_duration(rows[i].error_ms * NS_PER_MS), ==,
                        rows[i].done_ms * NS_PER_MS);
        g_assert_false(slew.is_active);
    }
}

static void pictures_rest_within_the_tolerance(void)
{
    Slew slew = {0};
    g_assert_cmpint(slew_picture(&slew, NS_PER_MS, NS_PER_MS, 20 * NS_PER_MS), ==, 0);
    g_assert_cmpint(slew_picture(&slew, NS_PER_SECOND, NS_PER_MS, -5), ==, 0);
}

static void sound_moves_in_steps_shorter_than_a_packet(void)
{
    g_assert_cmpint(slew_sound(14 * NS_PER_MS, 15 * NS_PER_MS, 20 * NS_PER_MS), ==, 0);
    g_assert_cmpint(slew_sound(16 * NS_PER_MS, 15 * NS_PER_MS, 20 * NS_PER_MS), ==, 10 * NS_PER_MS);
    g_assert_cmpint(slew_sound(-90 * NS_PER_MS, 15 * NS_PER_MS, 10 * NS_PER_MS), ==,
                    -5 * NS_PER_MS);
    g_assert_cmpint(slew_sound(-90 * NS_PER_MS, 15 * NS_PER_MS, 60 * NS_PER_MS), ==,
                    -10 * NS_PER_MS);
    g_assert_cmpint(slew_sound(90 * NS_PER_MS, 15 * NS_PER_MS, 0), ==, 0);
}

void slew_test_add(void)
{
    g_test_add_func("/slew/pictures", pictures_move_gradually);
    g_test_add_func("/slew/tolerance", pictures_rest_within_the_tolerance);
    g_test_add_func("/slew/sound", sound_moves_in_steps_shorter_than_a_packet);
}
