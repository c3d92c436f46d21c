/* What the files of an interrupted recording hold, by whose camera and microphone it is.
 * Thread: main. */
#pragma once

#include <json-glib/json-glib.h>

#include "store/media_measure.h"

#define LEFTOVER_MAX_TRACKS 256

typedef struct {
    char identity[260];
    bool screen_share;
    TrackKind kind;
    uint64_t packets, bytes;
    uint32_t width, height;
} LeftoverTrack;

typedef struct {
    LeftoverTrack list[LEFTOVER_MAX_TRACKS];
    unsigned count;
} LeftoverTracks;

/* `file` tells whose it is: identity and screen_share. */
void leftover_tracks_add(LeftoverTracks *tracks, JsonObject *file, const MediaMeasure *measure);
uint64_t leftover_tracks_packets(const LeftoverTracks *tracks, TrackKind kind);

/* Puts into the recording's tracks what was found of them, where it is clear which one is meant:
 * frames_written, bytes_written, size and outcome. */
void leftover_tracks_tell(const LeftoverTracks *tracks, JsonObject *recording);
