#include "encode/sound_encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

#define RATE 48000
#define CHANNELS 2
#define PCM_FRAME_SAMPLES 960    /* of codecs that take any number */
#define HOLE_NS (15 * NS_PER_MS) /* more is no clock's correction */
#define LONG_HOLE_FRAMES 8       /* less is encoded as silence */
#define HOLE_EDGE_FRAMES 3       /* of silence that a codec needs to come to rest */
#define TOLERANCE_NS NS_PER_MS   /* less is left alone */
#define STRETCH_SAMPLES RATE     /* over which a difference is spread */

struct SoundEncoder {
    EncoderOut out;
    Codec codec;
    EncoderSettings settings;
    Pool *pool;
    AVCodecContext *context;
    SwrContext *resampler;
    AVChannelLayout in_layout;
    int in_rate, in_format;
    AVAudioFifo *fifo;
    AVFrame *frame;
    AVPacket *packet;
    bool has_origin;
    int64_t origin_ns;                          /* the timeline's time of sample 0 */
    int64_t resampled, sent;                    /* samples since then, skipped ones not counted */
    int64_t skip_at, skipped, formerly_skipped; /* samples; the last skip begins at `skip_at` */
};

static int open_context(SoundEncoder *encoder)
{
    const AVCodec *found = avcodec_find_encoder_by_name(encoder->settings.encoder);
    if (found == NULL)
        return AVERROR_ENCODER_NOT_FOUND;
    AVCodecContext *context = avcodec_alloc_context3(found);
    require(context != NULL);
    avcodec_free_context(&encoder->context);
    encoder->context = context;
    context->sample_rate = RATE;
    av_channel_layout_default(&context->ch_layout, CHANNELS);
    context->sample_fmt = found->sample_fmts[0];
    context->bit_rate = (int64_t)encoder->settings.bitrate;
    context->time_base = (AVRational){1, RATE};
    /* Each MP3 frame has to decode alone, for silence may stand before it. */
    if (encoder->codec == CODEC_MP3)
        av_opt_set_int(context, "reservoir", 0, AV_OPT_SEARCH_CHILDREN);
    return avcodec_open2(context, found, NULL);
}

SoundEncoder *sound_encoder_new(Codec codec, const EncoderSettings *settings, Pool *pool,
                                EncoderOut out, int *ret_error)
{
    SoundEncoder *encoder = calloc(1, sizeof *encoder);
    require(encoder != NULL);
    encoder->out = out;
    encoder->codec = codec;
    encoder->settings = *settings;
    encoder->pool = pool_ref(pool);
    encoder->frame = av_frame_alloc();
    encoder->packet = av_packet_alloc();
    require(encoder->frame != NULL && encoder->packet != NULL);
    *ret_error = open_context(encoder);
    if (*ret_error < 0) {
        sound_encoder_free(encoder);
        return NULL;
    }
    encoder->fifo = av_audio_fifo_alloc(encoder->context->sample_fmt, CHANNELS, RATE);
    require(encoder->fifo != NULL);
    return encoder;
}

void sound_encoder_free(SoundEncoder *encoder)
{
    if (encoder == NULL)
        return;
    avcodec_free_context(&encoder->context);
    swr_free(&encoder->resampler);
    av_channel_layout_uninit(&encoder->in_layout);
    if (encoder->fifo != NULL)
        av_audio_fifo_free(encoder->fifo);
    av_frame_free(&encoder->frame);
    av_packet_free(&encoder->packet);
    pool_unref(encoder->pool);
    free(encoder);
}

static int64_t samples_ns(int64_t samples)
{
    return samples * NS_PER_SECOND / RATE;
}

/* Players decode a codec's frame whole, also the last, which was not full: what the writer puts
 * behind it has to begin after that. */
static int64_t decoded_samples(const SoundEncoder *encoder, const AVPacket *packet)
{
    const int whole = encoder->context->frame_size;
    return whole > 0 ? whole : packet->duration;
}

static int64_t skipped_before(const SoundEncoder *encoder, const AVPacket *packet)
{
    return packet->pts >= encoder->skip_at ? encoder->skipped : encoder->formerly_skipped;
}

static void hand_on(SoundEncoder *encoder)
{
    const AVPacket *packet = encoder->packet;
    Frame *frame = frame_new(encoder->pool, (size_t)packet->size);
    if (frame == NULL)
        return;
    memcpy(frame->data, packet->data, (size_t)packet->size);
    frame->size = (size_t)packet->size;
    frame->codec = encoder->codec;
    frame->is_key = true;
    frame->pts_ns = encoder->origin_ns + samples_ns(packet->pts + skipped_before(encoder, packet));
    frame->duration_ns = samples_ns(decoded_samples(encoder, packet));
    frame->arrival_ns = frame->pts_ns;
    frame->packets = 1;
    encoder->out.frame(encoder->out.owner, frame);
}

static int take_encoded(SoundEncoder *encoder)
{
    int error;
    while ((error = avcodec_receive_packet(encoder->context, encoder->packet)) == 0) {
        hand_on(encoder);
        av_packet_unref(encoder->packet);
    }
    return error == AVERROR(EAGAIN) || error == AVERROR_EOF ? 0 : error;
}

static int encode_samples(SoundEncoder *encoder, int count)
{
    AVFrame *frame = encoder->frame;
    frame->format = encoder->context->sample_fmt;
    frame->sample_rate = RATE;
    frame->nb_samples = count;
    av_channel_layout_default(&frame->ch_layout, CHANNELS);
    int error = av_frame_get_buffer(frame, 0);
    if (error == 0) {
        av_audio_fifo_read(encoder->fifo, (void **)frame->data, count);
        frame->pts = encoder->sent;
        encoder->sent += count;
        error = avcodec_send_frame(encoder->context, frame);
    }
    av_frame_unref(frame);
    return error < 0 ? error : take_encoded(encoder);
}

static int frame_samples(const SoundEncoder *encoder)
{
    return encoder->context->frame_size > 0 ? encoder->context->frame_size : PCM_FRAME_SAMPLES;
}

static int encode_whole_frames(SoundEncoder *encoder)
{
    const int wanted = frame_samples(encoder);
    int error = 0;
    while (error >= 0 && av_audio_fifo_size(encoder->fifo) >= wanted)
        error = encode_samples(encoder, wanted);
    return error;
}

/* ---- resampling ---- */

static bool is_same_input(const SoundEncoder *encoder, const AVFrame *samples)
{
    return encoder->resampler != NULL && encoder->in_rate == samples->sample_rate &&
           encoder->in_format == samples->format &&
           av_channel_layout_compare(&encoder->in_layout, &samples->ch_layout) == 0;
}

static int resample(SoundEncoder *encoder, const AVFrame *samples)
{
    AVFrame *out = encoder->frame;
    out->format = encoder->context->sample_fmt;
    out->sample_rate = RATE;
    av_channel_layout_default(&out->ch_layout, CHANNELS);
    out->nb_samples = swr_get_out_samples(encoder->resampler, samples ? samples->nb_samples : 0);
    int count = out->nb_samples > 0 ? av_frame_get_buffer(out, 0) : AVERROR_EOF;
    if (count == 0)
        count = swr_convert(encoder->resampler, out->data, out->nb_samples,
                            samples ? (const uint8_t **)samples->extended_data : NULL,
                            samples ? samples->nb_samples : 0);
    if (count > 0) {
        av_audio_fifo_write(encoder->fifo, (void **)out->data, count);
        encoder->resampled += count;
    }
    av_frame_unref(out);
    return count == AVERROR_EOF || count > 0 ? 0 : count;
}

static int follow_input(SoundEncoder *encoder, const AVFrame *samples)
{
    if (is_same_input(encoder, samples))
        return 0;
    int error = encoder->resampler != NULL ? resample(encoder, NULL) : 0;
    swr_free(&encoder->resampler);
    if (error < 0)
        return error;
    AVChannelLayout out;
    av_channel_layout_default(&out, CHANNELS);
    error = swr_alloc_set_opts2(&encoder->resampler, &out, encoder->context->sample_fmt, RATE,
                                (AVChannelLayout *)&samples->ch_layout, samples->format,
                                samples->sample_rate, 0, NULL);
    if (error < 0)
        return error;
    /* The resampler is needed for corrections also where the rates are the same. */
    av_opt_set_int(encoder->resampler, "flags", SWR_FLAG_RESAMPLE, 0);
    error = swr_init(encoder->resampler);
    if (error < 0)
        return error;
    encoder->in_rate = samples->sample_rate;
    encoder->in_format = samples->format;
    return av_channel_layout_copy(&encoder->in_layout, &samples->ch_layout);
}

/* ---- the timeline ---- */

/* Samples that went in since the origin. */
static int64_t taken(const SoundEncoder *encoder)
{
    return encoder->resampled + swr_get_delay(encoder->resampler, RATE);
}

/* Where the next sample that goes in comes out. */
static int64_t next_ns(const SoundEncoder *encoder)
{
    return encoder->origin_ns + samples_ns(taken(encoder) + encoder->skipped);
}

/* A short hole becomes silence. Of a long one whole frames are skipped, which the writer fills, so
 * that what comes after it fits onto them to the sample also where a file keeps no times. */
static int cross_hole(SoundEncoder *encoder, int64_t samples)
{
    const int64_t frame = frame_samples(encoder);
    int64_t silent = samples;
    if (samples > LONG_HOLE_FRAMES * frame) {
        silent = samples % frame + HOLE_EDGE_FRAMES * frame;
        encoder->skip_at = taken(encoder) + HOLE_EDGE_FRAMES * frame / 2;
        encoder->formerly_skipped = encoder->skipped;
        encoder->skipped += samples - silent;
    }
    return swr_inject_silence(encoder->resampler, (int)(silent * encoder->in_rate / RATE));
}

/* False for sound that lies where there is some already. */
static bool keep_time(SoundEncoder *encoder, int64_t pts_ns, int *ret_error)
{
    *ret_error = 0;
    if (!encoder->has_origin)
        encoder->origin_ns = pts_ns;
    encoder->has_origin = true;
    const int64_t error_ns = pts_ns - next_ns(encoder);
    const int64_t samples = error_ns * RATE / NS_PER_SECOND;
    if (error_ns < -HOLE_NS)
        return false;
    if (error_ns > HOLE_NS) {
        *ret_error = cross_hole(encoder, samples);
        return true;
    }
    const bool is_small = error_ns < TOLERANCE_NS && error_ns > -TOLERANCE_NS;
    *ret_error =
        swr_set_compensation(encoder->resampler, is_small ? 0 : (int)samples, STRETCH_SAMPLES);
    return true;
}

int sound_encoder_push(SoundEncoder *encoder, const AVFrame *samples)
{
    int error = follow_input(encoder, samples);
    if (error < 0)
        return error;
    if (!keep_time(encoder, samples->pts, &error))
        return 0;
    if (error >= 0)
        error = resample(encoder, samples);
    return error < 0 ? error : encode_whole_frames(encoder);
}

int sound_encoder_flush(SoundEncoder *encoder)
{
    if (encoder->resampler == NULL)
        return 0;
    int error = resample(encoder, NULL);
    if (error >= 0)
        error = encode_whole_frames(encoder);
    const int rest = av_audio_fifo_size(encoder->fifo);
    if (error >= 0 && rest > 0)
        error = encode_samples(encoder, rest);
    if (error >= 0)
        error = avcodec_send_frame(encoder->context, NULL);
    return error < 0 ? error : take_encoded(encoder);
}
