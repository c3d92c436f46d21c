/* The cases of each unit, registered by the program's main. */
#pragma once

void media_clock_test_add(void);
