#include "timing_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_clock_test_add();
    ntp_alignment_test_add();
    rtp_timeline_test_add();
    slew_test_add();
    transit_filter_test_add();
    return g_test_run();
}
