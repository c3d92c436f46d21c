/* The cases of each unit, registered by the program's main. */
#pragma once

void allocation_test_add(void);
void nack_list_test_add(void);
void nack_timing_test_add(void);
void queue_delay_test_add(void);
void receive_statistics_test_add(void);
void receiver_test_add(void);
void reorder_test_add(void);
void round_trip_test_add(void);
void rtcp_test_add(void);
void rtp_packet_test_add(void);
void sequence_test_add(void);
