/* How a track is encoded: the encoder by libavcodec's name, its speed, its rate.
 * Thread: any; a value whose strings are borrowed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *encoder; /* "libx264" */
    const char *speed;   /* the word or number that the encoder has for it; NULL = its default */
    uint64_t bitrate;    /* bits a second, not exceeded over a second or two */
    int crf;             /* constant quality below that bitrate; -1 = the bitrate is the aim */
    unsigned threads;    /* 1: frames come out at once */
    int64_t keyframe_interval_ns;
} EncoderSettings;

/* Whether this machine's libavcodec has an encoder of that name. */
bool encoder_is_available(const char *name);
