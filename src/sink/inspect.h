/* Opens a finished media file and measures it: tracks, durations, gaps, start offsets, layout.
 * Thread: any; blocks. Untrusted files: FFmpeg reads them, with at most 512 MiB at once (which
 * holds for the whole process) and INSPECT_MAX_TRACKS streams; our limits bound what is kept. */
#pragma once

#include <stddef.h>

#include "flow/codec.h"

#define INSPECT_MAX_TRACKS 64
#define INSPECT_MAX_GAPS 64

typedef struct {
    TrackKind kind;
    char codec[32];                 /* FFmpeg's name: "h264", "opus" */
    uint32_t width, height;         /* video */
    uint32_t sample_rate, channels; /* audio */
    uint64_t packets, keyframes, bytes;
    int64_t first_pts_ns, last_pts_ns; /* from the file's zero */
    int64_t duration_ns;
    double frames_per_second;
    unsigned gap_count; /* no packet for over a second */
    struct {
        int64_t start_ns, end_ns;
    } gaps[INSPECT_MAX_GAPS];
    char title[128];
} InspectTrack;

typedef struct {
    char container[32]; /* "mp4", "webm", "mkv", "ogg" */
    char layout[32];    /* "plain" (index first), "index_last", "fragmented", "clusters", "pages" */
    bool has_index;     /* or needs none */
    uint64_t bytes;
    int64_t duration_ns;
    int64_t start_offset_ns; /* first video minus first audio; 0 unless both are there */
    InspectTrack tracks[INSPECT_MAX_TRACKS];
    unsigned track_count;
    unsigned data_errors;     /* packets that could not be read */
    bool goes_on_after_error; /* it is damaged, not cut off */
} Inspection;

/* False with a sentence in `error` when it is no media file or holds no packet. */
bool inspect_file(const char *path, Inspection *ret_inspection, char *error, size_t error_size);
