/* The cases of this folder's test program; each function registers those of one file. */
#pragma once

void bytes_test_add(void);
void clock_test_add(void);
void hot_memory_test_add(void);
void log_test_add(void);
void mailbox_test_add(void);
void pool_test_add(void);
void text_test_add(void);
