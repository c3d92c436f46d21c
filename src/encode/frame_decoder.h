/* Turns the frames of one track into pictures or samples, through libavcodec. A frame that does not
 * decode is counted and passed over; a change of codec is followed.
 * Thread: one at a time (an encoder's). */
#pragma once

#include <libavutil/frame.h>

#include "flow/frame.h"

typedef struct FrameDecoder FrameDecoder;

typedef struct {
    void *owner;
    /* Borrowed; `pts` is in nanoseconds on the recording's timeline. */
    void (*decoded)(void *owner, AVFrame *frame);
} FrameDecoderOut;

FrameDecoder *frame_decoder_new(FrameDecoderOut out);
void frame_decoder_free(FrameDecoder *decoder);

/* 8K. A VP8 header can ask for seven times as much, 400 MB a picture, of which decoders keep some.
 */
#define FRAME_DECODER_MAX_WIDTH 8192
#define FRAME_DECODER_MAX_HEIGHT 4352

/* Whether a picture has no more pixels than a decoder is given memory for. */
bool frame_decoder_takes(unsigned width, unsigned height);

/* False when this FFmpeg has no decoder for the codec. */
bool frame_decoder_push(FrameDecoder *decoder, const Frame *frame);

/* Hands on what the decoder still holds; frames may follow. */
void frame_decoder_flush(FrameDecoder *decoder);

uint64_t frame_decoder_errors(const FrameDecoder *decoder);
