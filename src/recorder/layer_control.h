/* Decides how many layers below the wanted ones the server is asked for, by what the link loses and
 * by how long packets wait on it. It goes down after a few bad seconds, waits for what came of it,
 * and climbs back a layer at a time after good ones; a climb that fails makes the next one later.
 * Thread: any; a value. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t expected, missing; /* packets of the last second, before they were asked for again */
    int64_t queue_delay_ns;     /* the lowest of all tracks: what they share is the link */
} LinkReport;

typedef enum {
    LINK_GOOD,
    LINK_LOSES,
    LINK_IS_FULL,
} LinkState;

typedef struct {
    unsigned steps; /* below the wanted layer; 0 = none */
    LinkState why;  /* it went down last */
    unsigned why_permille, why_delay_ms;
    unsigned bad_seconds, good_seconds;
    unsigned settle_seconds; /* until what was asked for shows */
    unsigned climb_seconds;  /* good ones that a climb takes */
    unsigned since_climb;    /* seconds; counts only after one */
    bool has_climbed;
} LayerControl;

#define LAYER_CONTROL_MIN_PACKETS 20 /* a second with fewer says nothing */
#define LAYER_CONTROL_CLIMB_SECONDS 10
#define LAYER_CONTROL_CLIMB_MAX_SECONDS 160

void layer_control_init(LayerControl *control);

/* Once a second; true when `steps` changed. `max_steps`: as many as any track has. */
bool layer_control_second(LayerControl *control, const LinkReport *report, unsigned max_steps);
