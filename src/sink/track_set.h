/* The tracks of one output and the files they go to: opens the first file and the parts, writes the
 * frames of all queues in the order of their times, and fills missing sound with silence.
 * Thread: the output's sink thread; blocks on the disk. */
#pragma once

#include "sink/part.h"

typedef struct TrackSet TrackSet;

#define TRACK_SET_MAX_PARTS 64

/* `config` and `events` are borrowed. */
TrackSet *track_set_new(const OutputConfig *config, const OutputEvents *events);
void track_set_free(TrackSet *set);

void track_set_add(TrackSet *set, const OutputTrack *track, int64_t now_ns);
SinkTrack *track_set_find(TrackSet *set, unsigned track_id); /* NULL if there is none */

/* Moves what the queues hold to the files. */
void track_set_drain(TrackSet *set, int64_t now_ns);

/* At the stop the sound is silent, and the picture stays, up to that time. */
void track_set_hold_until(TrackSet *set, int64_t until_ns);

/* After the queues were ended. True when everything is written and closed; to be called again, with
 * drained queues, while it is false. `is_late` gives up on queues that were not ended. */
bool track_set_stop(TrackSet *set, int64_t now_ns, bool is_late);

const Outcome *track_set_outcome(const TrackSet *set);
unsigned track_set_parts(const TrackSet *set, Part *const **ret_parts);
unsigned track_set_tracks(const TrackSet *set, SinkTrack *const **ret_tracks);
OutputProgress track_set_progress(const TrackSet *set);
