#include "encode/picture_encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

#define TIME_BASE ((AVRational){1, 90000})
#define FIRST_RATE 30                 /* pictures a second, until some have come */
#define MEASURED_MIN 8                /* distances that make a rate */
#define DISTANCE_MAX_NS NS_PER_SECOND /* more is a pause */

struct PictureEncoder {
    EncoderOut out;
    EncoderSettings settings;
    Codec codec;
    AVFrame *like; /* has the size and colours of all pictures, and no data */
    Pool *pool;
    AVCodecContext *context;
    AVPacket *packet;
    AVFrame *picture; /* refers to the caller's */
    bool has_picture, has_key, key_requested;
    int64_t last_key_ns, last_ticks;
    int64_t last_ns, distance_ns; /* of pictures, the latter on average */
    unsigned distances;           /* measured since the encoder was begun */
    double rate;                  /* with which it was begun */
};

static void set_option(AVCodecContext *context, const char *name, const char *value)
{
    if (value[0] != '\0')
        av_opt_set(context, name, value, AV_OPT_SEARCH_CHILDREN);
}

/* Every encoder has its own words for: in real time, no look at what comes later, times as they
 * are. (x264's tune "zerolatency" would count pictures instead of heeding their times.) */
static void set_speed(AVCodecContext *context, const EncoderSettings *settings)
{
    const char *name = settings->encoder;
    if (strcmp(name, "libx264") == 0) {
        set_option(context, "preset", settings->speed);
        set_option(context, "x264-params",
                   "rc-lookahead=0:sync-lookahead=0:mbtree=0:sliced-threads=0");
        set_option(context, "forced-idr", "1");
    } else if (strcmp(name, "libvpx-vp9") == 0) {
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

/* SVT-AV1 knows no times and hears no wish for a key frame: it is begun anew for both. */
static bool counts_pictures(const EncoderSettings *settings)
{
    return strcmp(settings->encoder, "libsvtav1") == 0;
}

/* The encoders of AV1 pass their aim, and the limit with it. */
static int64_t aim_of(const EncoderSettings *settings)
{
    const int64_t rate = settings->bitrate;
    if (counts_pictures(settings))
        return rate * 90 / 100;
    return strcmp(settings->encoder, "libaom-av1") == 0 ? rate * 85 / 100 : rate;
}

/* A buffer of half a second keeps any five seconds under 1.1 times the rate. */
static void set_rate(AVCodecContext *context, const EncoderSettings *settings)
{
    const int64_t rate = settings->bitrate;
    const bool is_x264 = strcmp(settings->encoder, "libx264") == 0;
    const int64_t aim = aim_of(settings);
    if (settings->crf >= 0)
        av_opt_set_int(context, "crf", settings->crf, AV_OPT_SEARCH_CHILDREN);
    else
        context->bit_rate = aim;
    context->rc_max_rate = counts_pictures(settings) ? rate : aim;
    /* libvpx and libaom heed the limit in real time only where all rates are the same. */
    if (settings->crf < 0 && !is_x264 && !counts_pictures(settings))
        context->rc_min_rate = aim;
    context->rc_buffer_size = (int)(rate / 2);
}

/* Key frames are asked for by time, where they are heard. */
static int keyframe_distance(const PictureEncoder *encoder)
{
    const double interval = (double)encoder->settings.keyframe_interval_ns / NS_PER_SECOND;
    return counts_pictures(&encoder->settings) ? (int)(interval * encoder->rate) + 1 : 1 << 20;
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
    context->width = encoder->like->width;
    context->height = encoder->like->height;
    context->color_range = encoder->like->color_range;
    context->colorspace = encoder->like->colorspace;
    context->color_primaries = encoder->like->color_primaries;
    context->color_trc = encoder->like->color_trc;
    context->pix_fmt = AV_PIX_FMT_YUV420P;
    context->time_base = TIME_BASE;
    context->framerate = (AVRational){(int)(encoder->rate * 1000), 1000};
    context->gop_size = keyframe_distance(encoder);
    context->max_b_frames = 0;
    context->thread_count = (int)settings->threads;
    set_rate(context, settings);
    set_speed(context, settings);
    return avcodec_open2(context, found, NULL);
}

static AVFrame *like(const AVFrame *picture)
{
    AVFrame *frame = av_frame_alloc();
    require(frame != NULL && av_frame_copy_props(frame, picture) >= 0);
    frame->width = picture->width;
    frame->height = picture->height;
    return frame;
}

PictureEncoder *picture_encoder_new(Codec codec, const AVFrame *first,
                                    const EncoderSettings *settings, Pool *pool, EncoderOut out,
                                    int *ret_error)
{
    PictureEncoder *encoder = calloc(1, sizeof *encoder);
    require(encoder != NULL);
    encoder->out = out;
    encoder->settings = *settings;
    encoder->codec = codec;
    encoder->like = like(first);
    encoder->rate = FIRST_RATE;
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
    av_frame_free(&encoder->like);
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
    frame->width = frame->is_key ? (uint16_t)encoder->like->width : 0;
    frame->height = frame->is_key ? (uint16_t)encoder->like->height : 0;
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

static void measure(PictureEncoder *encoder, int64_t pts_ns)
{
    const int64_t distance_ns = pts_ns - encoder->last_ns;
    encoder->last_ns = pts_ns;
    if (!encoder->has_key || distance_ns <= 0 || distance_ns > DISTANCE_MAX_NS)
        return;
    encoder->distance_ns =
        encoder->distance_ns == 0 ? distance_ns : (3 * encoder->distance_ns + distance_ns) / 4;
    encoder->distances++;
}

static bool has_other_rate(const PictureEncoder *encoder)
{
    if (encoder->distances < MEASURED_MIN)
        return false;
    const double ratio = (double)NS_PER_SECOND / (double)encoder->distance_ns / encoder->rate;
    return ratio < 0.8 || ratio > 1.25;
}

/* For an encoder that can only be told at its beginning. */
static int begin_anew(PictureEncoder *encoder)
{
    const int error = picture_encoder_flush(encoder);
    if (error < 0)
        return error;
    if (encoder->distances >= MEASURED_MIN)
        encoder->rate = (double)NS_PER_SECOND / (double)encoder->distance_ns;
    encoder->distances = 0;
    encoder->has_key = false;
    avcodec_free_context(&encoder->context);
    return open_context(encoder);
}

static int heed_wishes(PictureEncoder *encoder, int64_t pts_ns)
{
    measure(encoder, pts_ns);
    if (!counts_pictures(&encoder->settings) || !encoder->has_key)
        return 0;
    return encoder->key_requested || has_other_rate(encoder) ? begin_anew(encoder) : 0;
}

int picture_encoder_push(PictureEncoder *encoder, const AVFrame *picture)
{
    const int64_t pts_ns = picture->pts;
    int error = heed_wishes(encoder, pts_ns);
    if (error < 0)
        return error;
    int64_t ticks = av_rescale_q(pts_ns, (AVRational){1, (int)NS_PER_SECOND}, TIME_BASE);
    if (encoder->has_picture && ticks <= encoder->last_ticks)
        ticks = encoder->last_ticks + 1;
    if (av_frame_ref(encoder->picture, picture) < 0)
        return AVERROR(ENOMEM);
    const bool is_key = is_key_due(encoder, pts_ns);
    encoder->picture->pts = ticks;
    encoder->picture->pict_type = is_key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    error = avcodec_send_frame(encoder->context, encoder->picture);
    av_frame_unref(encoder->picture);
    if (error < 0)
        return error;
    encoder->last_ticks = ticks;
    encoder->has_picture = true;
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
