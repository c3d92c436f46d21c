#include "flow_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bounded_queue_test_add();
    codec_test_add();
    container_test_add();
    encoder_settings_test_add();
    frame_test_add();
    ledger_test_add();
    nal_units_test_add();
    obu_test_add();
    outcome_test_add();
    return g_test_run();
}
