#include "api_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    caller_test_add();
    formats_test_add();
    handshake_turns_test_add();
    http_api_test_add();
    http_access_test_add();
    http_recording_test_add();
    http_tls_test_add();
    json_body_test_add();
    rate_limiter_test_add();
    request_check_test_add();
    request_head_test_add();
    start_request_test_add();
    tls_record_test_add();
    url_list_test_add();
    return g_test_run();
}
