#include "room/test_sound.h"

#include <math.h>

#define BEEP_HZ 1000.0
#define LEVEL 0.5

void test_sound_write(int64_t first, unsigned count, float *samples)
{
    for (unsigned i = 0; i < count; i++) {
        const int64_t sample = first + i;
        const int64_t in_second = sample % (int64_t)TEST_SOUND_RATE;
        const int beeps = sample >= 0 && in_second < (int64_t)TEST_SOUND_BEEP_SAMPLES;
        samples[i] =
            beeps ? (float)(LEVEL * sin(2.0 * M_PI * BEEP_HZ * (double)in_second / TEST_SOUND_RATE))
                  : 0.0f;
    }
}
