/* The cases of this folder's test program; each function registers those of one file. */
#pragma once

void config_environment_test_add(void);
void config_file_test_add(void);
void config_value_test_add(void);
