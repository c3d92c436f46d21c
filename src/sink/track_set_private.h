/* What the two halves of the track set share: choosing files (track_files.c) and writing to them
 * (track_set.c).
 * Thread: the output's sink thread. */
#pragma once

#include "sink/track_set.h"

struct TrackSet {
    const OutputConfig *config;
    const OutputEvents *events;
    SinkTrack *tracks[OUTPUT_MAX_TRACKS];
    unsigned track_count;
    Part *parts[TRACK_SET_MAX_PARTS];
    unsigned part_count;
    Part *current; /* the newest; borrowed from parts */
    bool is_stopping;
    int64_t held_until_ns; /* 0: not held */
    Outcome outcome;       /* NONE until writing ended for good */
};

/* Ends writing for good: drops what waits, closes the files as they are on disk, reports it. */
void track_set_fail(TrackSet *set, const Outcome *outcome);
void track_set_fail_av(TrackSet *set, int error, const char *action, const char *path);

/* Opens the first file or a part if a track needs it and enough of them are there. */
void track_files_open_due(TrackSet *set, int64_t now_ns);

/* Lets a track whose next frame allows it go over to the newest file. False when writing failed. */
bool track_files_move(TrackSet *set, SinkTrack *track, int64_t now_ns);

/* The track is in no file any more (its codec changed); a file without tracks is closed. */
bool track_files_leave(TrackSet *set, SinkTrack *track, int64_t now_ns);
