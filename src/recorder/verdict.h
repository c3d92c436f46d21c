/* Reads the cause out of a finished recording's ledger: the first stage into which something went
 * and out of which nothing came.
 * Thread: any; pure. */
#pragma once

#include "flow/ledger.h"
#include "flow/outcome.h"
#include "flow/track.h"

typedef struct {
    const char *name; /* "camera of alice" */
    TrackKind kind;
    const Ledger *ledger;
    uint64_t plis;
    bool confirmed;   /* the server agreed to the subscription */
    bool was_unmuted; /* at any time */
} VerdictTrack;

/* NONE when frames of the track are in a file. */
void verdict_track(const VerdictTrack *track, Outcome *ret_outcome);

typedef struct {
    bool has_media;   /* a finished file with frames in it */
    bool was_stopped; /* somebody asked for the end */
    Outcome cause;    /* what ended the recording, or NONE for a wanted end */
    const Outcome *tracks;
    unsigned track_count;
    const Outcome *files; /* what went wrong with each output, or NONE */
    unsigned file_count;
} VerdictRecording;

void verdict_recording(const VerdictRecording *recording, Outcome *ret_outcome);
