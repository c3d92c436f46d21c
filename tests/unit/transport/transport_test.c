#include "transport_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    agent_loop_test_add();
    net_pace_test_add();
    net_timers_test_add();
    parts_test_add();
    sctp_test_add();
    gcm_test_add();
    srtp_gcm_test_add();
    stun_probe_test_add();
    udp_path_test_add();
    stun_responder_test_add();
    peer_test_add();
    return g_test_run();
}
