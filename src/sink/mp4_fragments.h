/* The movie fragments of a growing MP4 (ISO 14496-12 8.8): samples are collected as the frames they
 * are, and go from there to disk with one write. The header that names the tracks is the caller's.
 * Thread: one at a time (a sink's); blocks. Errors are FFmpeg's numbers (negative). */
#pragma once

#include "flow/frame.h"
#include "sink/fragment_file.h"

typedef struct Mp4Fragments Mp4Fragments;

#define MP4_FRAGMENTS_MAX_TRACKS 64

Mp4Fragments *mp4_fragments_new(void);

/* Drops what was not committed. */
void mp4_fragments_free(Mp4Fragments *fragments);

/* Tracks are numbered from 0 here and from 1 in the file; their times are in ticks of `rate` a
 * second. */
void mp4_fragments_add_track(Mp4Fragments *fragments, Codec codec, unsigned rate);

typedef struct {
    Frame *frame;        /* is held until it is on disk; NULL: the data outlive the fragment */
    const uint8_t *data; /* as the depayloader or the encoder gave it */
    size_t size;
    int64_t ticks; /* behind the track's last one */
    int64_t duration_ticks;
    bool is_key;
} Mp4Sample;

void mp4_fragments_add(Mp4Fragments *fragments, unsigned track, const Mp4Sample *sample);

/* The fragment has to be committed before another sample is added. */
bool mp4_fragments_is_full(const Mp4Fragments *fragments);

/* Writes what was added as one fragment; nothing when there is nothing. */
int mp4_fragments_commit(Mp4Fragments *fragments, FragmentFile *file);

/* Writes where the file can be entered, behind the last fragment (8.8.9). */
int mp4_fragments_finish(Mp4Fragments *fragments, FragmentFile *file);
