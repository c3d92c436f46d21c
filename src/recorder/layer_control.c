#include "recorder/layer_control.h"

#include "base/clock.h"

#define LOSS_BAD_PERMILLE 80
#define LOSS_GOOD_PERMILLE 30
#define DELAY_BAD_NS (200 * NS_PER_MS)
#define DELAY_GOOD_NS (60 * NS_PER_MS)
#define BAD_SECONDS_FULL 2
#define BAD_SECONDS_LOSES 3
#define SETTLE_SECONDS 3
#define FAILED_CLIMB_SECONDS 15 /* going down so soon after a climb */
#define PROVEN_CLIMB_SECONDS 60

void layer_control_init(LayerControl *control)
{
    *control = (LayerControl){.climb_seconds = LAYER_CONTROL_CLIMB_SECONDS};
}

static unsigned permille(const LinkReport *report)
{
    return (unsigned)(report->missing * 1000 / report->expected);
}

static LinkState judge(const LinkReport *report)
{
    if (report->queue_delay_ns >= DELAY_BAD_NS)
        return LINK_IS_FULL;
    return permille(report) >= LOSS_BAD_PERMILLE ? LINK_LOSES : LINK_GOOD;
}

static bool is_clean(const LinkReport *report)
{
    return report->queue_delay_ns < DELAY_GOOD_NS && permille(report) < LOSS_GOOD_PERMILLE;
}

static bool go_down(LayerControl *control, const LinkReport *report, LinkState state)
{
    if (control->has_climbed && control->since_climb < FAILED_CLIMB_SECONDS &&
        control->climb_seconds < LAYER_CONTROL_CLIMB_MAX_SECONDS)
        control->climb_seconds *= 2;
    control->has_climbed = false;
    control->steps++;
    control->why = state;
    control->why_permille = permille(report);
    control->why_delay_ms = (unsigned)(report->queue_delay_ns / NS_PER_MS);
    control->bad_seconds = control->good_seconds = 0;
    control->settle_seconds = SETTLE_SECONDS;
    return true;
}

static bool climb(LayerControl *control)
{
    control->steps--;
    control->has_climbed = true;
    control->since_climb = 0;
    control->good_seconds = 0;
    control->settle_seconds = SETTLE_SECONDS;
    return true;
}

static void count(LayerControl *control, const LinkReport *report, LinkState state)
{
    /* what is neither good nor bad says nothing: loss is uneven */
    control->bad_seconds += state != LINK_GOOD;
    if (is_clean(report))
        control->bad_seconds = 0;
    control->good_seconds = is_clean(report) ? control->good_seconds + 1 : 0;
    control->since_climb++;
    if (control->has_climbed && control->since_climb >= PROVEN_CLIMB_SECONDS) {
        control->has_climbed = false;
        control->climb_seconds = LAYER_CONTROL_CLIMB_SECONDS;
    }
}

bool layer_control_second(LayerControl *control, const LinkReport *report, unsigned max_steps)
{
    if (report->expected < LAYER_CONTROL_MIN_PACKETS)
        return false;
    const LinkState state = judge(report);
    count(control, report, state);
    if (control->settle_seconds > 0) {
        /* what was on its way still comes; a climb that fails at once shows in it */
        control->settle_seconds--;
        if (!control->has_climbed)
            control->bad_seconds = 0;
    }
    const unsigned patience = state == LINK_IS_FULL ? BAD_SECONDS_FULL : BAD_SECONDS_LOSES;
    if (state != LINK_GOOD && control->bad_seconds >= patience && control->steps < max_steps)
        return go_down(control, report, state);
    if (control->steps > 0 && control->settle_seconds == 0 &&
        control->good_seconds >= control->climb_seconds)
        return climb(control);
    return false;
}
