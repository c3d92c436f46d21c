/* The parts of this folder's test program. */
#pragma once

void agent_loop_test_add(void);
void peer_test_add(void);
void net_pace_test_add(void);
void net_timers_test_add(void);
void parts_test_add(void);
void sctp_test_add(void);
void gcm_test_add(void);
void srtp_gcm_test_add(void);
void stun_probe_test_add(void);
void udp_path_test_add(void);
void stun_responder_test_add(void);
