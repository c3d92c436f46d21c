/* One open file of an output, with the tracks that its header names.
 * Thread: the output's sink thread; blocks. Errors are FFmpeg's numbers (negative). */
#pragma once

#include "sink/container_writer.h"
#include "sink/sink_track.h"

struct Part {
    char *path;
    Container container;
    ContainerWriter *writer;
    SinkTrack *tracks[OUTPUT_MAX_TRACKS]; /* by stream; borrowed */
    Codec codecs[OUTPUT_MAX_TRACKS];      /* by stream: a track may change its own later */
    unsigned track_count;
    bool has_start[OUTPUT_MAX_TRACKS];   /* by stream: something is written */
    int64_t start_ns[OUTPUT_MAX_TRACKS]; /* its first time */
    int64_t zero_ns;                     /* its zero on the recording's timeline */
    int64_t end_ns;
    int64_t fragment_start_ns; /* first media of the open fragment */
    int64_t flushed_ns;        /* monotonic */
    bool has_fragment;         /* the open fragment holds something */
    bool closed;
    bool interrupted; /* by a crash: it has no index, and its last packet may be cut */
    uint64_t packets, payload_bytes, bytes;
    uint64_t fragments;
};

typedef struct {
    char *path; /* taken over, also on failure */
    Container container;
    int64_t zero_ns;
    const char *title;
    int64_t created_wall_ns;
} PartConfig;

/* Creates the file and writes its header. The tracks have parameters. NULL with an error, and no
 * file of ours left. */
Part *part_new(const PartConfig *config, SinkTrack *const *tracks, unsigned track_count,
               int *ret_error);
void part_free(Part *part);

typedef struct {
    Frame *frame; /* whose data they are, held as long as needed; NULL: they last for ever */
    const uint8_t *data;
    size_t size;
    int64_t pts_ns, duration_ns; /* recording's timeline */
    bool is_key;
    bool is_silence; /* made up: no frame of the track */
} PartPacket;

/* The stream of a track in this part, or -1. */
int part_stream(const Part *part, const SinkTrack *track);
int part_write(Part *part, SinkTrack *track, const PartPacket *packet, int64_t now_ns);
int part_flush(Part *part, int64_t now_ns);

/* Flushes a fragment that is older than OUTPUT_FRAGMENT_NS. */
int part_flush_due(Part *part, int64_t now_ns);

/* Writes the rest and closes the file. */
int part_finish(Part *part, int64_t now_ns);

/* Closes the file as it is on disk. */
void part_abandon(Part *part);
uint64_t part_bytes(const Part *part);
/* What it becomes at most when it is finalised now. */
uint64_t part_final_bytes(const Part *part);
