/* Writes the tracks that belong together (a person's camera and microphone, or a screen share with
 * its sound) into one file that plays at every moment of its life.
 * The file is opened at the first frame, after at most OUTPUT_HEADER_WAIT for the tracks that are
 * expected; fragments or clusters of about half a second go to disk whole. What the open file
 * cannot take any more (a new track, another codec) opens a part file NAME.part2.EXT on the same
 * timeline. A clean stop merges the parts where one container holds them and, for MP4, writes the
 * plain file with its index first beside the fragmented one, syncs, measures it and renames it
 * over. Thread: every call from main, none blocks; files are touched on the pool's threads, which
 * drain the tracks' queues in batches. Events arrive through the mailbox given. */
#pragma once

#include "base/clock.h"
#include "base/mailbox.h"
#include "flow/bounded_queue.h"
#include "flow/container.h"
#include "flow/outcome.h"
#include "flow/track.h"

typedef struct SinkPool SinkPool;

/* A few threads shared by all outputs; NULL when the system gives none. */
SinkPool *sink_pool_new(unsigned threads);
void sink_pool_free(SinkPool *pool); /* after its outputs */

#define OUTPUT_MAX_TRACKS 16
#define OUTPUT_HEADER_WAIT_NS (2 * NS_PER_SECOND)
#define OUTPUT_FRAGMENT_NS (500 * NS_PER_MS)

typedef struct {
    unsigned id; /* unique in the recording; what events name */
    TrackKind kind;
    Codec expected_codec;    /* as the room announced it; CODEC_UNKNOWN if not */
    bool muted;              /* nothing will come now: the header does not wait for it; an Opus
                                track is put in all the same, filled with silence */
    BoundedQueue *queue;     /* borrowed until output_free */
    TrackCounters *counters; /* STAGE_QUEUE's out and STAGE_WRITE are kept here; borrowed */
    char language[16];       /* "und" */
    char title[128];         /* shown by players: "alice, camera" */
} OutputTrack;

typedef struct {
    char *stem;          /* path without extension; the caller has reserved it */
    Container container; /* AUTO: the first that takes the tracks at hand */
    bool audio_only;
    bool falls_back_to_mkv;      /* a codec that `container` does not take goes on in an MKV */
    int64_t stop_patience_ns;    /* for queues to be ended after output_stop(); 0: two seconds */
    uint64_t finalize_max_bytes; /* a larger MP4 stays fragmented */
    char *title;                 /* metadata: the room's name; may be NULL */
    int64_t started_at_wall_ns;  /* metadata: creation_time */
} OutputConfig;

typedef struct {
    unsigned track_id;
    Codec codec;
    uint64_t frames, bytes;
    int64_t first_pts_ns, last_pts_ns; /* recording's timeline */
    int64_t silence_ns;
    uint32_t width, height; /* of the last key frame */
    unsigned gap_count;     /* video: no frame for over a second; audio: silence filled in */
    struct {
        int64_t start_ns, end_ns;
    } gaps[64]; /* the first ones */
} OutputTrackResult;

typedef struct {
    char *path; /* of a file that exists and plays */
    uint64_t bytes;
    int64_t zero_ns;     /* its zero on the recording's timeline */
    int64_t duration_ns; /* as measured from the file */
    bool fragmented;     /* layout: not finalised, `reason` says why */
    char reason[128];
} OutputFile;

typedef struct {
    OutputFile *files; /* one after a merge; the parts where that was not possible */
    unsigned file_count;
    OutputTrackResult tracks[OUTPUT_MAX_TRACKS];
    unsigned track_count;
    Outcome outcome; /* NONE: fine or nothing came; else what went wrong with the file */
} OutputResult;

void output_result_clear(OutputResult *result);

typedef struct {
    void *owner;
    Mailbox *mailbox; /* the callbacks run where it is drained */
    /* A file (the first, or a part) exists and holds its first frame. */
    void (*opened)(void *owner, const char *path, Container container);
    /* This track's first frame left its queue and is in the file. */
    void (*track_started)(void *owner, unsigned track_id);
    /* A part was opened, or frames had to be dropped: go on with a key frame. */
    void (*need_keyframe)(void *owner, unsigned track_id);
    /* Writing ended for good (disk full, write failed, codec refused); what is on disk stays and
     * plays. Frames that come later are counted as dropped. Sent once. */
    void (*failed)(void *owner, const Outcome *outcome);
    /* One track cannot be written (its codec); the others go on. */
    void (*track_failed)(void *owner, unsigned track_id, const Outcome *outcome);
    /* After output_stop(); borrowed. Nothing comes after it. */
    void (*finished)(void *owner, const OutputResult *result);
} OutputEvents;

typedef struct Output Output;

Output *output_new(SinkPool *pool, const OutputConfig *config, OutputEvents events);
/* False when OUTPUT_MAX_TRACKS are there. Legal at any time before output_stop(). */
bool output_add_track(Output *output, const OutputTrack *track);
void output_set_muted(Output *output, unsigned track_id, bool muted);

/* Where the head of a track moves when the file is finalised (timing/media_clock.h). */
void output_set_head_correction(Output *output, unsigned track_id, int64_t delta_ns,
                                int64_t slew_start_ns, int64_t slew_end_ns);

/* The last sound and picture last up to there, on the recording's timeline: the recording was held
 * when it ended. Before output_stop(); 0: nothing. */
void output_hold_until(Output *output, int64_t until_ns);

/* Nothing is finished any more and nothing stays on disk; any time before `finished`. */
void output_discard(Output *output);

/* The queues have been ended by their producers: drains them, closes the file, and finalises it if
 * asked. `finished` follows. */
void output_stop(Output *output, bool finalize);

/* After `finished`, or before anything was added. */
void output_free(Output *output);

typedef struct {
    uint64_t bytes;       /* on disk now, all parts */
    uint64_t final_bytes; /* what they become at most, were this the end */
    int64_t zero_ns;      /* the first file's, on the recording's timeline */
    int64_t duration_ns;  /* written */
} OutputProgress;

OutputProgress output_progress(const Output *output); /* any thread */
