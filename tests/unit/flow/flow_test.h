/* The cases of this folder's test program; each function registers those of one file. */
#pragma once

void bounded_queue_test_add(void);
void codec_test_add(void);
void container_test_add(void);
void encoder_settings_test_add(void);
void frame_test_add(void);
void ledger_test_add(void);
void nal_units_test_add(void);
void obu_test_add(void);
void outcome_test_add(void);
