#include "api_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    formats_test_add();
    http_api_test_add();
    http_recording_test_add();
    json_body_test_add();
    request_check_test_add();
    start_request_test_add();
    return g_test_run();
}
