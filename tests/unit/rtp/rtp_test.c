#include "rtp_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    allocation_test_add();
    nack_list_test_add();
    nack_timing_test_add();
    queue_delay_test_add();
    receive_statistics_test_add();
    receiver_test_add();
    reorder_test_add();
    round_trip_test_add();
    rtcp_test_add();
    rtp_packet_test_add();
    sequence_test_add();
    return g_test_run();
}
