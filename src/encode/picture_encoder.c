#include "encode/picture_encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

#define TIME_BASE ((AVRational){1, 90000})
#define NOMINAL_RATE ((AVRational){30, 1}) /* for the rate control's first guess */

struct PictureEncoder {
    EncoderOut out;
    EncoderSettings settings;
    Codec codec;
    PictureSize size;
    Pool *pool;
    AVCodecContext *context;
    AVPacket *packet;
    AVFrame *picture; /* refers to the caller's */
    bool has_key, key_requested;
    int64_t last_key_ns, last_ticks;
};

static void set_option(AVCodecContext *context, const char *name, const char *value)
{
    if (value != NULL)
        av_opt_set(context, name, value, AV_OPT_SEARCH_CHILDREN);
}

/* Every encoder has its own words for: at once, in real time, no look at what comes later. */
static void set_speed(AVCodecContext *context, const EncoderSettings *settings)
{
    const char *name = settings->encoder;
    if (strcmp(name, "libx264") == 0 || strcmp(name, "libx265") == 0) {
        set_option(context, "preset", settings->speed);
        set_option(context, "tune", "zerolatency");
        set_option(context, "forced-idr", "1");
    } else if (strcmp(name, "libvpx-vp9") == 0 || strcmp(name, "libvpx") == 0) {
        set_option(context, "deadline", "realtime");
        set_option(context, "cpu-used", settings->speed);
        set_option(context, "lag-in-frames", "0");
        set_option(context, "auto-alt-ref", "0");
        set_option(context, "row-mt", "1");
    } else if (strcmp(name, "libaom-av1") == 0) {
        set_option(context, "usage", "realtime");
        set_option(context, "cpu-used", settings->speed);
        set_option(context, "lag-in-frames", "0");
        set_option(context, "row-mt", "1");
    } else if (strcmp(name, "libsvtav1") == 0) {
        set_option(context, "preset", settings->speed);
        set_option(context, "svtav1-params", "pred-struct=1:lookahead=0");
    }
}

/* A buffer of half a second keeps any five seconds under 1.1 times the rate. */
static void set_rate(AVCodecContext *context, const EncoderSettings *settings)
{
    const int64_t rate = (int64_t)settings->bitrate;
    if (settings->crf >= 0)
        av_opt_set_int(context, "crf", settings->crf, AV_OPT_SEARCH_CHILDREN);
    else
        context->bit_rate = rate;
    if (strcmp(settings->encoder, "libsvtav1") == 0)
        context->bit_rate = rate - rate / 20; /* it wants its aim below its limit */
    context->rc_max_rate = rate;
    context->rc_buffer_size = (int)(rate / 2);
}

/* Key frames are asked for by time; SVT-AV1 does not hear that and counts pictures. */
static int keyframe_distance(const EncoderSettings *settings)
{
    if (strcmp(settings->encoder, "libsvtav1") != 0)
        return 1 << 20;
    return (int)(settings->keyframe_interval_ns * NOMINAL_RATE.num / NS_PER_SECOND);
}

static int open_context(PictureEncoder *encoder)
{
    const EncoderSettings *settings = &encoder->settings;
    const AVCodec *found = avcodec_find_encoder_by_name(settings->encoder);
    if (found == NULL)
        return AVERROR_ENCODER_NOT_FOUND;
    AVCodecContext *context = avcodec_alloc_context3(found);
    require(context != NULL);
    encoder->context = context;
    context->width = (int)encoder->size.width;
    context->height = (int)encoder->size.height;
    context->pix_fmt = AV_PIX_FMT_YUV420P;
    context->time_base = TIME_BASE;
    context->framerate = NOMINAL_RATE;
    context->gop_size = keyframe_distance(settings);
    context->max_b_frames = 0;
    context->thread_count = (int)settings->threads;
    set_rate(context, settings);
    set_speed(context, settings);
    return avcodec_open2(context, found, NULL);
}

PictureEncoder *picture_encoder_new(Codec codec, PictureSize size, const EncoderSettings *settings,
                                    Pool *pool, EncoderOut out, int *ret_error)
{
    PictureEncoder *encoder = calloc(1, sizeof *encoder);
    require(encoder != NULL);
    encoder->out = out;
    encoder->settings = *settings;
    encoder->codec = codec;
    encoder->size = size;
    encoder->pool = pool_ref(pool);
    encoder->packet = av_packet_alloc();
    encoder->picture = av_frame_alloc();
    require(encoder->packet != NULL && encoder->picture != NULL);
    *ret_error = open_context(encoder);
    if (*ret_error >= 0)
        return encoder;
    picture_encoder_free(encoder);
    return NULL;
}

void picture_encoder_free(PictureEncoder *encoder)
{
    if (encoder == NULL)
        return;
    avcodec_free_context(&encoder->context);
    av_packet_free(&encoder->packet);
    av_frame_free(&encoder->picture);
    pool_unref(encoder->pool);
    free(encoder);
}

static void hand_on(PictureEncoder *encoder)
{
    const AVPacket *packet = encoder->packet;
    Frame *frame = frame_new(encoder->pool, (size_t)packet->size);
    if (frame == NULL)
        return; /* the pool is at its ceiling: the consumer is far behind */
    memcpy(frame->data, packet->data, (size_t)packet->size);
    frame->size = (size_t)packet->size;
    frame->codec = encoder->codec;
    frame->is_key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    frame->width = frame->is_key ? (uint16_t)encoder->size.width : 0;
    frame->height = frame->is_key ? (uint16_t)encoder->size.height : 0;
    frame->pts_ns = av_rescale_q(packet->pts, TIME_BASE, (AVRational){1, (int)NS_PER_SECOND});
    frame->arrival_ns = frame->pts_ns;
    frame->packets = 1;
    encoder->out.frame(encoder->out.owner, frame);
}

static int take_encoded(PictureEncoder *encoder)
{
    int error;
    while ((error = avcodec_receive_packet(encoder->context, encoder->packet)) == 0) {
        hand_on(encoder);
        av_packet_unref(encoder->packet);
    }
    return error == AVERROR(EAGAIN) || error == AVERROR_EOF ? 0 : error;
}

static bool is_key_due(const PictureEncoder *encoder, int64_t pts_ns)
{
    return !encoder->has_key || encoder->key_requested ||
           pts_ns - encoder->last_key_ns >= encoder->settings.keyframe_interval_ns;
}

int picture_encoder_push(PictureEncoder *encoder, const AVFrame *picture)
{
    const int64_t pts_ns = picture->pts;
    int64_t ticks = av_rescale_q(pts_ns, (AVRational){1, (int)NS_PER_SECOND}, TIME_BASE);
    if (encoder->has_key && ticks <= encoder->last_ticks)
        ticks = encoder->last_ticks + 1;
    if (av_frame_ref(encoder->picture, picture) < 0)
        return AVERROR(ENOMEM);
    const bool is_key = is_key_due(encoder, pts_ns);
    encoder->picture->pts = ticks;
    encoder->picture->pict_type = is_key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    const int error = avcodec_send_frame(encoder->context, encoder->picture);
    av_frame_unref(encoder->picture);
    if (error < 0)
        return error;
    encoder->last_ticks = ticks;
    if (is_key) {
        encoder->has_key = true;
        encoder->key_requested = false;
        encoder->last_key_ns = pts_ns;
    }
    return take_encoded(encoder);
}

int picture_encoder_flush(PictureEncoder *encoder)
{
    const int error = avcodec_send_frame(encoder->context, NULL);
    return error < 0 ? error : take_encoded(encoder);
}

void picture_encoder_request_key(PictureEncoder *encoder)
{
    encoder->key_requested = true;
}
