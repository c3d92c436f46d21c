#include "signal_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    access_token_test_add();
    frame_meter_test_add();
    messages_test_add();
    room_view_test_add();
    server_url_test_add();
    signal_client_test_add();
    signal_guard_test_add();
    sync_state_test_add();
    return g_test_run();
}
