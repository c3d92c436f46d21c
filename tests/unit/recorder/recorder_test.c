#include <glib.h>

#include "recorder_tests.h"

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    states_test_add();
    verdict_test_add();
    checklist_test_add();
    gap_watch_test_add();
    service_tick_test_add();
    input_watch_test_add();
    track_pipeline_test_add();
    track_plan_test_add();
    pause_gate_test_add();
    layer_control_test_add();
    reconnection_test_add();
    return g_test_run();
}
