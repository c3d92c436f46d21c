/* The cases of status_json, for this folder's test program.
 * Thread: main. */
#pragma once

void status_json_test_add(void);
