/* Encodes pictures of one size through libavcodec: no reordering, a key frame at regular times, the
 * rate bounded over any second.
 * Thread: one at a time (an encoder's). */
#pragma once

#include <libavutil/frame.h>

#include "flow/encoder_settings.h"
#include "flow/frame.h"

typedef struct PictureEncoder PictureEncoder;

typedef struct {
    void *owner;
    void (*frame)(void *owner, Frame *frame); /* the reference is the callee's */
} EncoderOut;

/* Size and colours are those of the `first` picture, which is still to be pushed. NULL with
 * FFmpeg's error when the encoder is not there or refuses its settings. */
PictureEncoder *picture_encoder_new(Codec codec, const AVFrame *first,
                                    const EncoderSettings *settings, Pool *pool, EncoderOut out,
                                    int *ret_error);
void picture_encoder_free(PictureEncoder *encoder);

/* `picture->pts` is in nanoseconds. FFmpeg's error, negative. */
int picture_encoder_push(PictureEncoder *encoder, const AVFrame *picture);
int picture_encoder_flush(PictureEncoder *encoder);
void picture_encoder_request_key(PictureEncoder *encoder); /* with the next picture */
