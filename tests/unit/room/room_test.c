#include "room_test.h"

#include <glib.h>

/* libx265 does not give back what it takes. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libx265\n";
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fault_script_test_add();
    room_options_test_add();
    test_media_test_add();
    load_cursor_test_add();
    load_media_test_add();
    packetizer_test_add();
    rtp_sender_test_add();
    packet_link_test_add();
    return_link_test_add();
    offer_writer_test_add();
    room_admission_test_add();
    embedded_room_test_add();
    hostile_client_test_add();
    return g_test_run();
}
