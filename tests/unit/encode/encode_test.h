/* The units of this program.
 * Thread: the test's. */
#pragma once

void rate_test_add(void);
