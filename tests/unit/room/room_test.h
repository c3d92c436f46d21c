/* The cases of this folder's program, by file. */
#pragma once

void fault_script_test_add(void);
void room_options_test_add(void);
void test_media_test_add(void);
void load_media_test_add(void);
void packetizer_test_add(void);
void rtp_sender_test_add(void);
void packet_link_test_add(void);
void return_link_test_add(void);
void offer_writer_test_add(void);
void room_admission_test_add(void);
void embedded_room_test_add(void);
void hostile_client_test_add(void);
