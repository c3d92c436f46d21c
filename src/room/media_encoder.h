/* Encodes the test picture and sound as a WebRTC publisher would: no B frames, no delay, key frames
 * on request with parameter sets in front.
 * Thread: one user each; may block for the time of one picture. */
#pragma once

#include <glib.h>

#include "flow/codec.h"
#include "room/test_picture.h"

typedef struct {
    const uint8_t *data; /* valid until the next call */
    size_t size;
    bool is_key;
} EncodedMedia;

typedef struct VideoEncoder VideoEncoder;

/* Any even size from 2x2; NULL with EMBEDDED_ROOM_ERROR_ENCODER. */
VideoEncoder *video_encoder_new(Codec codec, unsigned width, unsigned height, unsigned fps,
                                unsigned bitrate, GError **error);
void video_encoder_free(VideoEncoder *encoder);
bool video_encoder_encode(VideoEncoder *encoder, const uint8_t *const planes[3],
                          const unsigned strides[3], bool force_key, EncodedMedia *ret_media);

#define AUDIO_ENCODER_FRAME_SAMPLES 960u /* 20 ms */

typedef struct AudioEncoder AudioEncoder;

AudioEncoder *audio_encoder_new(GError **error);
void audio_encoder_free(AudioEncoder *encoder);
/* Samples by which a decoder's output lags behind the input. */
unsigned audio_encoder_delay(const AudioEncoder *encoder);
bool audio_encoder_encode(AudioEncoder *encoder, const float *samples, EncodedMedia *ret_media);
