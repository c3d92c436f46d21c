/* The cases of each source file of src/cli. */
#pragma once

void commands_test_add(void);
void flags_test_add(void);
void output_flag_test_add(void);
void progress_test_add(void);
