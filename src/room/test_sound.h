/* Makes the beep that belongs to the test picture's flash: 1 kHz at half level, 100 ms long,
 * beginning exactly at each whole second; digital silence otherwise.
 * Thread: any; no allocation. */
#pragma once

#include <stdint.h>

#define TEST_SOUND_RATE 48000u
#define TEST_SOUND_BEEP_SAMPLES (TEST_SOUND_RATE / 10)

/* Mono samples `first` .. `first + count - 1`; negative ones are silent. */
void test_sound_write(int64_t first, unsigned count, float *samples);
