/* The tests of this folder, each file's cases registered by its own function.
 * Thread: the test's. */
#pragma once

void output_test_add(void);
void inspect_test_add(void);
void parts_test_add(void);
void robust_test_add(void);
void container_writer_test_add(void);
void mp4_fragments_test_add(void);
