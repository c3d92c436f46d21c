#include "recorder/pause_gate.h"

#include <glib.h>

#include "base/clock.h"

#define CONTINUES_NS                                                                               \
    (100 * NS_PER_MS)              /* sound that ended so shortly before a pause goes on after */
#define SETTLE_NS (40 * NS_PER_MS) /* so that the packet that fits is still to come */
#define PICTURE_STEP_NS (2 * NS_PER_MS)

typedef enum { GATE_OPEN, GATE_PAUSED, GATE_RESUMING } GateState;

struct PauseGate {
    GateState state;
    PauseGateOut out;
    GPtrArray *tracks; /* of GateTrack* */
    int64_t patience_ns;
    GatePause pause;       /* the last one */
    int64_t asked_ns;      /* when it was to go on */
    int64_t former_cut_ns; /* of all pauses before it */
    int64_t former_end_ns; /* of the cut before it: what is older would go back in the file */
    int64_t cut_ns;        /* with it */
};

struct GateTrack {
    PauseGate *gate;
    TrackKind kind;
    GateTrackOut out;
    bool has_passed;
    int64_t pts_ns, end_ns;           /* of the last frame that passed */
    int64_t seen_end_ns, duration_ns; /* of the last one that came */
    int64_t from_ns;                  /* what comes behind the last pause */
    int64_t file_ns;                  /* of the last frame that passed */
    bool wants_key;                   /* a picture was dropped: what follows refers to it */
    bool has_asked;
    unsigned held_count;
    Frame *held[PAUSE_GATE_MAX_HELD];
};

PauseGate *pause_gate_new(int64_t patience_ns, PauseGateOut out)
{
    PauseGate *gate = g_new0(PauseGate, 1);
    gate->patience_ns = patience_ns;
    gate->out = out;
    gate->tracks = g_ptr_array_new_with_free_func(g_free);
    gate->pause.start_ns = gate->pause.end_ns = gate->former_end_ns = INT64_MIN;
    return gate;
}

static void drop_held(GateTrack *track)
{
    for (unsigned i = 0; i < track->held_count; i++)
        track->out.drop(track->out.owner, track->held[i]);
    track->held_count = 0;
}

void pause_gate_free(PauseGate *gate)
{
    if (!gate)
        return;
    g_ptr_array_unref(gate->tracks);
    g_free(gate);
}

GateTrack *pause_gate_add(PauseGate *gate, TrackKind kind, GateTrackOut out)
{
    GateTrack *track = g_new0(GateTrack, 1);
    track->gate = gate;
    track->kind = kind;
    track->out = out;
    track->from_ns = gate->pause.end_ns;
    g_ptr_array_add(gate->tracks, track);
    return track;
}

/* ---- one frame ---- */

/* The picture before a cut and the one behind it may fall together. */
static int64_t file_time(const GateTrack *track, const Frame *frame, int64_t cut_ns)
{
    const int64_t start_ns = track->gate->pause.start_ns, file_ns = frame->pts_ns - cut_ns;
    const bool crosses = track->has_passed && track->pts_ns < start_ns && frame->pts_ns >= start_ns;
    if (track->kind == TRACK_VIDEO && crosses)
        return MAX(file_ns, track->file_ns + PICTURE_STEP_NS);
    return file_ns;
}

static void pass(GateTrack *track, Frame *frame, int64_t cut_ns)
{
    const int64_t file_ns = file_time(track, frame, cut_ns);
    track->pts_ns = frame->pts_ns;
    track->end_ns = frame->pts_ns + frame->duration_ns;
    frame->pts_ns = file_ns;
    track->file_ns = frame->pts_ns;
    track->has_passed = true;
    track->wants_key = false;
    track->out.pass(track->out.owner, frame);
}

static void ask(GateTrack *track)
{
    if (track->has_asked)
        return;
    track->has_asked = true;
    track->out.need_keyframe(track->out.owner);
}

static void drop(GateTrack *track, Frame *frame)
{
    if (track->kind == TRACK_VIDEO) {
        track->wants_key = true;
        if (frame->is_key) /* the one that was asked for came too early */
            track->has_asked = false;
        if (track->gate->state != GATE_PAUSED)
            ask(track);
    }
    track->out.drop(track->out.owner, frame);
}

/* Behind the last pause. */
static void admit(GateTrack *track, Frame *frame)
{
    if (frame->pts_ns < track->from_ns || (track->wants_key && !frame->is_key))
        drop(track, frame);
    else
        pass(track, frame, track->gate->cut_ns);
}

/* ---- the end of a pause ---- */

/* Its sound went on up to the pause. */
static bool continues(const PauseGate *gate, const GateTrack *track)
{
    return track->kind == TRACK_AUDIO && track->has_passed && track->duration_ns > 0 &&
           gate->pause.start_ns - track->end_ns < CONTINUES_NS;
}

/* The first packet at or after a time, as packets follow each other without holes. */
static int64_t packet_from(const GateTrack *track, int64_t at_ns)
{
    const int64_t distance_ns = at_ns - track->seen_end_ns;
    int64_t packets = distance_ns / track->duration_ns;
    if (packets * track->duration_ns < distance_ns)
        packets++;
    return track->seen_end_ns + packets * track->duration_ns;
}

static int64_t cut_length(const PauseGate *gate)
{
    const int64_t length_ns = gate->pause.end_ns - gate->pause.start_ns;
    for (unsigned i = 0; i < gate->tracks->len; i++) {
        const GateTrack *track = gate->tracks->pdata[i];
        if (!continues(gate, track))
            continue;
        const int64_t seamless_ns = packet_from(track, gate->pause.end_ns) - track->end_ns;
        if (llabs(seamless_ns - length_ns) <= track->duration_ns)
            return seamless_ns;
    }
    return length_ns;
}

/* Packets of other people do not fall on the cut: the nearest goes on, half a packet off at most.
 */
static int64_t goes_on_from(const PauseGate *gate, const GateTrack *track)
{
    if (gate->pause.holds || !continues(gate, track))
        return gate->pause.end_ns;
    return track->end_ns + gate->pause.cut_ns - track->duration_ns / 2;
}

static void release(GateTrack *track)
{
    for (unsigned i = 0; i < track->held_count; i++)
        admit(track, track->held[i]);
    track->held_count = 0;
}

static void open_at(PauseGate *gate, int64_t end_ns)
{
    gate->state = GATE_OPEN;
    gate->pause.end_ns = end_ns;
    gate->pause.cut_ns = gate->pause.holds ? 0 : cut_length(gate);
    gate->cut_ns = gate->former_cut_ns + gate->pause.cut_ns;
    for (unsigned i = 0; i < gate->tracks->len; i++) {
        GateTrack *track = gate->tracks->pdata[i];
        track->from_ns = goes_on_from(gate, track);
    }
    gate->out.resumed(gate->out.owner, &gate->pause);
    for (unsigned i = 0; i < gate->tracks->len; i++)
        release(gate->tracks->pdata[i]);
}

/* ---- frames ---- */

static void hold(GateTrack *track, Frame *frame)
{
    if (track->held_count == PAUSE_GATE_MAX_HELD) {
        open_at(track->gate, track->gate->asked_ns);
        admit(track, frame);
        return;
    }
    track->held[track->held_count++] = frame;
}

static void push_resuming(GateTrack *track, Frame *frame)
{
    PauseGate *gate = track->gate;
    if (frame->pts_ns < gate->asked_ns) {
        drop(track, frame);
    } else if (track->kind == TRACK_VIDEO && frame->is_key) {
        open_at(gate, frame->pts_ns);
        admit(track, frame);
    } else if (track->kind == TRACK_VIDEO) {
        drop(track, frame);
    } else {
        hold(track, frame);
    }
}

void pause_gate_push(GateTrack *track, Frame *frame)
{
    PauseGate *gate = track->gate;
    track->duration_ns = frame->duration_ns;
    track->seen_end_ns = frame->pts_ns + frame->duration_ns;
    if (gate->state == GATE_RESUMING && frame->pts_ns >= gate->asked_ns + gate->patience_ns)
        open_at(gate, gate->asked_ns);
    if (frame->pts_ns < gate->former_end_ns)
        drop(track, frame);
    else if (frame->pts_ns < gate->pause.start_ns)
        pass(track, frame, gate->former_cut_ns);
    else if (gate->state == GATE_OPEN)
        admit(track, frame);
    else if (gate->state == GATE_PAUSED)
        drop(track, frame);
    else
        push_resuming(track, frame);
}

/* ---- commands ---- */

/* Behind everything that passed. */
static int64_t earliest_start(const PauseGate *gate, int64_t now_ns)
{
    int64_t start_ns = MAX(now_ns, gate->pause.end_ns);
    for (unsigned i = 0; i < gate->tracks->len; i++) {
        const GateTrack *track = gate->tracks->pdata[i];
        if (track->has_passed && track->pts_ns >= start_ns)
            start_ns = track->pts_ns + 1;
    }
    return start_ns;
}

void pause_gate_pause(PauseGate *gate, int64_t now_ns, bool holds)
{
    if (gate->state == GATE_RESUMING) { /* the same pause goes on */
        gate->state = GATE_PAUSED;
        for (unsigned i = 0; i < gate->tracks->len; i++)
            drop_held(gate->tracks->pdata[i]);
    }
    if (gate->state == GATE_PAUSED)
        return;
    gate->state = GATE_PAUSED;
    gate->former_cut_ns = gate->cut_ns;
    if (gate->pause.cut_ns > 0)
        gate->former_end_ns = gate->pause.end_ns;
    gate->pause = (GatePause){.start_ns = earliest_start(gate, now_ns), .holds = holds};
    gate->pause.end_ns = gate->pause.start_ns;
    gate->out.paused(gate->out.owner, &gate->pause);
}

void pause_gate_resume(PauseGate *gate, int64_t now_ns)
{
    if (gate->state != GATE_PAUSED)
        return;
    bool is_waiting = false;
    gate->state = GATE_RESUMING;
    gate->asked_ns = MAX(now_ns, gate->pause.start_ns);
    for (unsigned i = 0; i < gate->tracks->len; i++) {
        GateTrack *track = gate->tracks->pdata[i];
        track->has_asked = false;
        if (track->kind != TRACK_VIDEO || !track->out.is_flowing(track->out.owner))
            continue;
        is_waiting = true;
        ask(track);
    }
    if (!is_waiting)
        open_at(gate, gate->asked_ns + SETTLE_NS);
}

void pause_gate_end(PauseGate *gate)
{
    if (gate->state == GATE_RESUMING)
        open_at(gate, gate->asked_ns);
}

bool pause_gate_is_closed(const PauseGate *gate)
{
    return gate->state == GATE_PAUSED;
}

int64_t pause_gate_file_ns(const PauseGate *gate, int64_t pts_ns)
{
    if (pts_ns < gate->pause.start_ns)
        return pts_ns - gate->former_cut_ns;
    if (gate->state != GATE_OPEN && !gate->pause.holds)
        return gate->pause.start_ns - gate->former_cut_ns;
    return MAX(gate->pause.start_ns - gate->former_cut_ns, pts_ns - gate->cut_ns);
}

void pause_gate_hot_memory(const GateTrack *track, HotMemory *hot)
{
    hot_memory_add(hot, track, offsetof(GateTrack, held));
    hot_memory_add(hot, track->gate, sizeof *track->gate);
}
