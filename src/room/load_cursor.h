/* Where one subscriber is in ready-made media, which is repeated for ever: each frame has its time,
 * and the next key frame takes the place of another where somebody asks for one.
 * Thread: any; values only. */
#pragma once

#include <stdint.h>

#include "room/load_media.h"

typedef struct {
    const LoadTrack *media; /* borrowed; has frames */
    uint64_t next;          /* by which the time is told */
    uint64_t left_out;      /* frames, before that one */
    uint64_t since_key;     /* frames that were sent */
    bool is_key_wanted;
} LoadCursor;

LoadCursor load_cursor(const LoadTrack *media);

/* A key frame is next, or as soon as the last one is a quarter of a second old. */
void load_cursor_want_key(LoadCursor *cursor);

/* The frame that is next, borrowed; when it is due and its RTP clock units, both from 0 on. */
const MediaFrame *load_cursor_frame(LoadCursor *cursor);
int64_t load_cursor_time_ns(const LoadCursor *cursor);
uint64_t load_cursor_ticks(const LoadCursor *cursor);

void load_cursor_advance(LoadCursor *cursor);
