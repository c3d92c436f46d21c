#include "timing/slew.h"

#include <stdlib.h>

#include "base/clock.h"

#define RATE_MIN_PPM 50000
#define RATE_MAX_PPM 500000
#define MOVE_NS (NS_PER_SECOND / 2)
#define MILLION INT64_C(1000000)

static int64_t rate_for(int64_t error_ns)
{
    const int64_t rate_ppm = llabs(error_ns) / (MOVE_NS / MILLION);
    if (rate_ppm > RATE_MAX_PPM)
        return RATE_MAX_PPM;
    return rate_ppm < RATE_MIN_PPM ? RATE_MIN_PPM : rate_ppm;
}

static int64_t limited(int64_t value, int64_t limit)
{
    if (value > limit)
        return limit;
    return value < -limit ? -limit : value;
}

int64_t slew_picture(Slew *slew, int64_t error_ns, int64_t tolerance_ns, int64_t media_step_ns)
{
    if (!slew->is_active && llabs(error_ns) <= tolerance_ns)
        return 0;
    const int64_t rate_ppm = rate_for(error_ns);
    if (!slew->is_active || rate_ppm > slew->rate_ppm)
        slew->rate_ppm = rate_ppm;
    slew->is_active = true;
    if (media_step_ns <= 0)
        return 0;
    const int64_t step_ns = limited(error_ns, media_step_ns / 1000 * slew->rate_ppm / 1000);
    slew->is_active = step_ns != error_ns;
    return step_ns;
}

int64_t slew_picture_duration(int64_t error_ns)
{
    return llabs(error_ns) * MILLION / rate_for(error_ns);
}

int64_t slew_sound(int64_t error_ns, int64_t tolerance_ns, int64_t media_step_ns)
{
    if (llabs(error_ns) <= tolerance_ns || media_step_ns <= 0)
        return 0;
    const int64_t half_ns = media_step_ns / 2;
    return limited(error_ns, half_ns < SLEW_SOUND_STEP_NS ? half_ns : SLEW_SOUND_STEP_NS);
}
