#include "encode/frame_decoder.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "encode/av_codec_id.h"

#define PIXELS_MAX (FRAME_DECODER_MAX_WIDTH * FRAME_DECODER_MAX_HEIGHT)

struct FrameDecoder {
    FrameDecoderOut out;
    Codec codec;
    AVCodecContext *context; /* NULL until the first frame */
    AVPacket *packet;
    AVFrame *frame;
    AVFrame *picture; /* decoded, and not handed on yet */
    uint64_t errors;
};

FrameDecoder *frame_decoder_new(FrameDecoderOut out)
{
    FrameDecoder *decoder = calloc(1, sizeof *decoder);
    require(decoder != NULL);
    decoder->out = out;
    decoder->packet = av_packet_alloc();
    decoder->frame = av_frame_alloc();
    decoder->picture = av_frame_alloc();
    require(decoder->packet != NULL && decoder->frame != NULL && decoder->picture != NULL);
    return decoder;
}

void frame_decoder_free(FrameDecoder *decoder)
{
    if (decoder == NULL)
        return;
    avcodec_free_context(&decoder->context);
    av_packet_free(&decoder->packet);
    av_frame_free(&decoder->frame);
    av_frame_free(&decoder->picture);
    free(decoder);
}

/* Neither Opus' pre-skip nor G.711's format is in the packets. */
static void describe_sound(AVCodecContext *context, Codec codec)
{
    context->sample_rate = (int)codec_clock_rate(codec);
    av_channel_layout_default(&context->ch_layout, codec == CODEC_OPUS ? 2 : 1);
}

static bool open_context(FrameDecoder *decoder, Codec codec)
{
    avcodec_free_context(&decoder->context);
    const AVCodec *found = avcodec_find_decoder(av_codec_id(codec));
    if (found == NULL)
        return false;
    AVCodecContext *context = avcodec_alloc_context3(found);
    require(context != NULL);
    context->pkt_timebase = (AVRational){1, (int)NS_PER_SECOND};
    context->thread_count = 1;
    context->max_pixels = PIXELS_MAX;
    context->flags |= AV_CODEC_FLAG_LOW_DELAY;
    if (codec_kind(codec) == TRACK_AUDIO)
        describe_sound(context, codec);
    decoder->context = context;
    decoder->codec = codec;
    if (avcodec_open2(context, found, NULL) == 0)
        return true;
    avcodec_free_context(&decoder->context);
    return false;
}

static void hand_on(FrameDecoder *decoder, AVFrame *frame)
{
    if (frame->format != -1)
        decoder->out.decoded(decoder->out.owner, frame);
    av_frame_unref(frame);
}

/* Of the spatial layers of one picture, which decode one after another, the last is the picture. */
static void take_picture(FrameDecoder *decoder)
{
    if (decoder->picture->pts != decoder->frame->pts)
        hand_on(decoder, decoder->picture);
    av_frame_unref(decoder->picture);
    av_frame_move_ref(decoder->picture, decoder->frame);
}

static void take_decoded(FrameDecoder *decoder)
{
    while (avcodec_receive_frame(decoder->context, decoder->frame) == 0) {
        if (codec_kind(decoder->codec) == TRACK_VIDEO)
            take_picture(decoder);
        else
            hand_on(decoder, decoder->frame);
    }
    hand_on(decoder, decoder->picture);
}

bool frame_decoder_takes(unsigned width, unsigned height)
{
    return (uint64_t)width * height <= PIXELS_MAX;
}

void frame_decoder_flush(FrameDecoder *decoder)
{
    if (decoder->context == NULL)
        return;
    if (avcodec_send_packet(decoder->context, NULL) == 0)
        take_decoded(decoder);
    avcodec_flush_buffers(decoder->context);
}

bool frame_decoder_push(FrameDecoder *decoder, const Frame *frame)
{
    if (decoder->context != NULL && decoder->codec != frame->codec)
        frame_decoder_flush(decoder);
    if ((decoder->context == NULL || decoder->codec != frame->codec) &&
        !open_context(decoder, frame->codec))
        return false;
    /* A copy, as decoders read beyond the end. */
    require(av_new_packet(decoder->packet, (int)frame->size) == 0);
    memcpy(decoder->packet->data, frame->data, frame->size);
    decoder->packet->pts = decoder->packet->dts = frame->pts_ns;
    decoder->packet->flags = frame->is_key ? AV_PKT_FLAG_KEY : 0;
    if (avcodec_send_packet(decoder->context, decoder->packet) < 0)
        decoder->errors++;
    av_packet_unref(decoder->packet);
    take_decoded(decoder);
    return true;
}

uint64_t frame_decoder_errors(const FrameDecoder *decoder)
{
    return decoder->errors;
}
