/* Keeps out of a recording's file what comes while it is paused, and closes the hole: behind the
 * clock and in front of the queues, for all tracks of a recording alike, so that picture and sound
 * stay together to the sample. A pause is the stretch [start, end) of the recording's timeline. It
 * ends at the first key frame after the resume, where a picture flows; sound of that time is held
 * until then. Where it is cut out, everything behind it moves forward by one length for all tracks,
 * chosen so that the first track's sound goes on at the sample at which it stopped.
 * Thread: net. Allocates in new and add only. */
#pragma once

#include "flow/frame.h"

typedef struct PauseGate PauseGate;
typedef struct GateTrack GateTrack;

/* Sound that waits for the end of a pause to be known: four seconds of 20 ms packets. */
#define PAUSE_GATE_MAX_HELD 200

typedef struct {
    int64_t start_ns, end_ns; /* on the recording's timeline */
    int64_t cut_ns;           /* by what later frames move forward; 0 where it is held */
    bool holds;
} GatePause;

typedef struct {
    void *owner;
    void (*paused)(void *owner, const GatePause *pause);
    void (*resumed)(void *owner, const GatePause *pause);
} PauseGateOut;

typedef struct {
    void *owner;
    /* Both take over the frame; what passes has its time in the file. */
    void (*pass)(void *owner, Frame *frame);
    void (*drop)(void *owner, Frame *frame);
    void (*need_keyframe)(void *owner);
    bool (*is_flowing)(void *owner); /* a key frame of it can be waited for */
} GateTrackOut;

/* `patience_ns`: how long sound waits for a key frame. */
PauseGate *pause_gate_new(int64_t patience_ns, PauseGateOut out);
void pause_gate_free(PauseGate *gate); /* with its tracks */

/* The gate's; lives as long as it. */
GateTrack *pause_gate_add(PauseGate *gate, TrackKind kind, GateTrackOut out);

/* Takes over the frame, whose time is on the recording's timeline. */
void pause_gate_push(GateTrack *track, Frame *frame);

/* Nothing from `now_ns` on passes; `holds` keeps the time in the file. Nothing new while paused. */
void pause_gate_pause(PauseGate *gate, int64_t now_ns, bool holds);
void pause_gate_resume(PauseGate *gate, int64_t now_ns);

/* The recording ends: a resume that waits for its key frame waits no longer. */
void pause_gate_end(PauseGate *gate);

/* Paused and not asked to go on: no key frames are wanted. */
bool pause_gate_is_closed(const PauseGate *gate);

/* Where a time from around the last pause, or behind it, is in the file. */
int64_t pause_gate_file_ns(const PauseGate *gate, int64_t pts_ns);

/* Adds what a frame of the track touches while nothing is paused. */
void pause_gate_hot_memory(const GateTrack *track, HotMemory *hot);
