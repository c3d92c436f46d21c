/* The cases of this folder's program, by file, and what they share. */
#pragma once

#include <stdint.h>

#include "depay/depayloader.h"
#include "room/media_frame.h"

/* Sends a frame's payloads through the depayloader, as packets of its own numbers. */
void room_test_carry(Depayloader *depayloader, const MediaFrame *frame, uint16_t *sequence);

void fault_script_test_add(void);
void room_options_test_add(void);
void test_media_test_add(void);
void load_cursor_test_add(void);
void load_media_test_add(void);
void packetizer_test_add(void);
void rtp_sender_test_add(void);
void packet_link_test_add(void);
void return_link_test_add(void);
void offer_writer_test_add(void);
void room_admission_test_add(void);
void embedded_room_test_add(void);
void hostile_client_test_add(void);
