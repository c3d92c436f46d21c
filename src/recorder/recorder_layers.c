#include "base/clock.h"
#include "recorder/recorder_private.h"

static TrackSize wanted_layer(const TrackContext *track)
{
    return track->plan.layer.height > 0 ? track->plan.layer : track->facts.size;
}

/* The largest that is smaller; false when there is none. */
static bool next_smaller(const TrackContext *track, TrackSize *layer)
{
    TrackSize found = {0};
    for (unsigned i = 0; i < track->facts.layer_count; i++) {
        const TrackSize other = track->facts.layers[i];
        if (other.height < layer->height && other.height > found.height)
            found = other;
    }
    if (found.height == 0)
        return false;
    *layer = found;
    return true;
}

static unsigned steps_of(const TrackContext *track)
{
    TrackSize layer = wanted_layer(track);
    unsigned steps = 0;
    while (next_smaller(track, &layer))
        steps++;
    return steps;
}

static TrackSize layer_below(const TrackContext *track, unsigned steps)
{
    TrackSize layer = wanted_layer(track);
    while (steps > 0 && next_smaller(track, &layer))
        steps--;
    return layer;
}

void recorder_ask_for_layer(WebRTCRecorder *recorder, TrackContext *track)
{
    const unsigned steps = recorder->layer_control.steps;
    const TrackSize layer = steps > 0 ? layer_below(track, steps) : track->plan.layer;
    if (!recorder->signal || track->kind != TRACK_VIDEO)
        return;
    if (layer.height == 0 && !track->layer_was_asked)
        return;
    track->layer_was_asked = true;
    signal_client_track_settings(recorder->signal, track->sid, false, layer.width, layer.height);
}

static bool is_received(const TrackContext *track)
{
    return track->published && track->asked;
}

static void read_counters(TrackContext *track, LinkReport *report, int64_t *lowest_ns)
{
    const TrackCounters *counters = &track->counters;
    const uint64_t expected = ledger_value(&counters->expected);
    const uint64_t missing = ledger_value(&counters->missing);
    if (expected > track->expected_seen)
        *lowest_ns = MIN(*lowest_ns, atomic_load(&counters->queue_delay_ns));
    report->expected += expected - track->expected_seen;
    report->missing += missing - track->missing_seen;
    track->expected_seen = expected;
    track->missing_seen = missing;
}

static char *describe_link(const LayerControl *control)
{
    if (control->why == LINK_IS_FULL)
        return g_strdup_printf("packets wait %u ms on the way", control->why_delay_ms);
    return g_strdup_printf("%u.%u %% of the packets are lost on the way",
                           control->why_permille / 10, control->why_permille % 10);
}

static void apply(WebRTCRecorder *recorder, TrackContext *track, unsigned former_steps)
{
    const unsigned steps = recorder->layer_control.steps;
    const TrackSize layer = layer_below(track, steps);
    if (layer.height == layer_below(track, former_steps).height)
        return;
    g_autofree char *name = recorder_track_name(track);
    g_autofree char *link = describe_link(&recorder->layer_control);
    if (steps > former_steps)
        recorder_note(recorder, "The %s is asked for at %ux%u: %s.", name, layer.width,
                      layer.height, link);
    else
        recorder_note(recorder, "The %s is asked for at %ux%u again: the link is good.", name,
                      layer.width, layer.height);
    recorder_ask_for_layer(recorder, track);
}

void recorder_check_link(WebRTCRecorder *recorder)
{
    LinkReport report = {0};
    int64_t lowest_ns = CLOCK_NEVER;
    unsigned max_steps = 0;
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        read_counters(track, &report, &lowest_ns);
        if (track->kind == TRACK_VIDEO && is_received(track))
            max_steps = MAX(max_steps, steps_of(track));
    }
    report.queue_delay_ns = lowest_ns == CLOCK_NEVER ? 0 : lowest_ns;
    const unsigned former_steps = recorder->layer_control.steps;
    if (!layer_control_second(&recorder->layer_control, &report, max_steps))
        return;
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        if (track->kind == TRACK_VIDEO && is_received(track))
            apply(recorder, track, former_steps);
    }
}

static void explain(const WebRTCRecorder *recorder, const TrackContext *track, TrackStatus *status)
{
    const LayerControl *control = &recorder->layer_control;
    const TrackSize wanted = wanted_layer(track);
    if (status->layer_height < wanted.height) {
        g_autofree char *link = describe_link(control);
        g_snprintf(
            status->layer_why, sizeof status->layer_why,
            "The %ux%u layer was too much for the link (%s); a larger one is asked for after "
            "%u good seconds.",
            wanted.width, wanted.height, link, control->climb_seconds);
    } else if (track->plan.layer.height > 0 && track->plan.treatment == TREATMENT_LAYER) {
        g_strlcpy(status->layer_why, track->plan.why, sizeof status->layer_why);
    } else if (track->plan.layer.height > 0) {
        g_snprintf(status->layer_why, sizeof status->layer_why,
                   "It is the largest layer within the preset.");
    } else {
        g_snprintf(status->layer_why, sizeof status->layer_why, "It is the largest layer.");
    }
}

void recorder_copy_layer(const WebRTCRecorder *recorder, const TrackContext *track,
                         TrackStatus *status)
{
    if (track->kind != TRACK_VIDEO || track->facts.layer_count < 2)
        return;
    const TrackSize layer = layer_below(track, recorder->layer_control.steps);
    status->layer_width = layer.width;
    status->layer_height = layer.height;
    explain(recorder, track, status);
}
