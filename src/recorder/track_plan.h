/* Decides what happens to a track on its way into a file, with the least work that the format and
 * the preset allow: a layer of the server's, as published, or encoded anew.
 * Thread: any; values only. */
#pragma once

#include "flow/format.h"
#include "flow/track.h"

#define TRACK_PLAN_MAX_LAYERS 4

typedef struct {
    uint32_t width, height;
} TrackSize;

typedef struct {
    TrackKind kind;
    Codec codec;    /* as announced; CODEC_UNKNOWN passes as published */
    TrackSize size; /* of the best layer; zero = the room does not say */
    TrackSize layers[TRACK_PLAN_MAX_LAYERS];
    unsigned layer_count;
} TrackFacts;

typedef struct {
    Treatment treatment;
    Codec codec;       /* in the file */
    Encoding encoding; /* where it is encoded */
    TrackSize layer;   /* what the server is asked for; zero = the best */
    uint32_t longest;  /* side of a picture of that shape that the preset allows; 0 = any */
    TrackSize size;    /* of what will come; zero = the room does not say */
    bool awaits_size;  /* the first picture decides: the room did not say how large it is */
    char why[160];     /* a sentence */
} TrackPlan;

/* A picture that arrived: where it is larger than announced, so are all layers. */
void track_facts_update(TrackFacts *facts, Codec codec, TrackSize size);

TrackPlan track_plan_make(const TrackFacts *facts, const Format *format, const Quality *quality);
