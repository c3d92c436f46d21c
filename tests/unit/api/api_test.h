/* The cases of this folder's test program; each function registers those of one file. */
#pragma once

void caller_test_add(void);
void formats_test_add(void);
void handshake_turns_test_add(void);
void http_access_test_add(void);
void http_api_test_add(void);
void http_recording_test_add(void);
void http_tls_test_add(void);
void json_body_test_add(void);
void rate_limiter_test_add(void);
void request_check_test_add(void);
void request_head_test_add(void);
void start_request_test_add(void);
void tls_record_test_add(void);
void url_list_test_add(void);
