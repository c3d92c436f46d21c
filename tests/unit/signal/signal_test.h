/* The cases of each source file of src/signal. */
#pragma once

void access_token_test_add(void);
void frame_meter_test_add(void);
void messages_test_add(void);
void room_view_test_add(void);
void server_url_test_add(void);
void signal_client_test_add(void);
void signal_guard_test_add(void);
void sync_state_test_add(void);
