/* The cases of this folder's test program.
 * Thread: main. */
#pragma once

void states_test_add(void);
void verdict_test_add(void);
void checklist_test_add(void);
void gap_watch_test_add(void);
void input_watch_test_add(void);
void track_pipeline_test_add(void);
void track_plan_test_add(void);
void pause_gate_test_add(void);
void layer_control_test_add(void);
void reconnection_test_add(void);
void service_tick_test_add(void);
