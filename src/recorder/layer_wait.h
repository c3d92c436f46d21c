/* Holds a picture back until the layer that was asked for is there: a server begins with the best
 * one and changes. Thread: net. */
#pragma once

#include "flow/frame.h"

typedef struct {
    uint32_t longest;    /* side of that layer; 0 = every picture is welcome */
    int64_t deadline_ns; /* 0 = it begins with the next picture */
} LayerWait;

/* Whether that picture is of another one. The first begins the deadline; the key frame that is
 * not refused ends the wait. */
bool layer_wait_refuses(LayerWait *wait, const Frame *frame);
