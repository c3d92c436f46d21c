/* The cases of each unit, registered by the program's main. */
#pragma once

void media_clock_test_add(void);
void ntp_alignment_test_add(void);
void rtp_timeline_test_add(void);
void slew_test_add(void);
void transit_filter_test_add(void);
