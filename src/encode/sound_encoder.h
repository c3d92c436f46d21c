/* Encodes sound through libavcodec: resamples to 48 kHz, keeps the samples where the timeline has
 * them. Small differences are stretched away, holes are left to the writer, which fills them.
 * Thread: one at a time (an encoder's). */
#pragma once

#include <libavutil/frame.h>

#include "encode/picture_encoder.h"

typedef struct SoundEncoder SoundEncoder;

SoundEncoder *sound_encoder_new(Codec codec, const EncoderSettings *settings, Pool *pool,
                                EncoderOut out, int *ret_error);
void sound_encoder_free(SoundEncoder *encoder);

/* `samples->pts` is in nanoseconds. FFmpeg's error, negative. */
int sound_encoder_push(SoundEncoder *encoder, const AVFrame *samples);
int sound_encoder_flush(SoundEncoder *encoder);
