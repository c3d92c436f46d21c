#include "room/media_encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>

#include "room/embedded_room.h"
#include "room/test_sound.h"

#define AUDIO_BITRATE 32000
#define KEYFRAME_NEVER (1 << 20)
#define QUIETER 32 /* keeps the encoders' chatter below the default level */

struct VideoEncoder {
    AVCodecContext *context;
    AVFrame *frame;
    AVPacket *packet;
    int64_t next_pts;
};

struct AudioEncoder {
    AVCodecContext *context;
    AVFrame *frame;
    AVPacket *packet;
    int64_t next_pts;
};

typedef struct {
    Codec codec;
    const char *encoder;
    const char *options[6][2];
} VideoEncoderChoice;

static const VideoEncoderChoice VIDEO_ENCODERS[] = {
    {CODEC_H264,
     "libx264",
     {{"preset", "ultrafast"},
      {"tune", "zerolatency"},
      {"profile", "baseline"},
      {"forced-idr", "1"},
      {"x264-params", "scenecut=0:keyint=infinite:sliced-threads=0"}}},
    {CODEC_VP8,
     "libvpx",
     {{"deadline", "realtime"}, {"cpu-used", "12"}, {"lag-in-frames", "0"}, {"auto-alt-ref", "0"}}},
    {CODEC_VP9,
     "libvpx-vp9",
     {{"deadline", "realtime"}, {"cpu-used", "8"}, {"lag-in-frames", "0"}, {"auto-alt-ref", "0"}}},
    {CODEC_H265,
     "libx265",
     {{"preset", "ultrafast"},
      {"tune", "zerolatency"},
      {"forced-idr", "1"},
      {"x265-params",
       "keyint=-1:scenecut=0:log-level=none:repeat-headers=1:pools=none:bframes=0"}}},
    {CODEC_AV1,
     "libaom-av1",
     {{"usage", "realtime"}, {"cpu-used", "10"}, {"lag-in-frames", "0"}, {"row-mt", "0"}}},
};

static const VideoEncoderChoice *choose(Codec codec)
{
    for (size_t i = 0; i < G_N_ELEMENTS(VIDEO_ENCODERS); i++) {
        if (VIDEO_ENCODERS[i].codec == codec) {
            return &VIDEO_ENCODERS[i];
        }
    }
    return NULL;
}

static AVCodecContext *context_new(const char *name, const char *what, GError **error)
{
    const AVCodec *const codec = name != NULL ? avcodec_find_encoder_by_name(name) : NULL;
    if (codec == NULL) {
        g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_ENCODER,
                    "libavcodec has no encoder for %s on this machine.", what);
        return NULL;
    }
    AVCodecContext *const context = avcodec_alloc_context3(codec);
    g_assert(context != NULL);
    context->log_level_offset = QUIETER;
    return context;
}

static bool context_open(AVCodecContext *context, const char *what, GError **error)
{
    const int result = avcodec_open2(context, NULL, NULL);
    if (result < 0) {
        g_set_error(error, EMBEDDED_ROOM_ERROR, EMBEDDED_ROOM_ERROR_ENCODER,
                    "Cannot open the %s encoder: %s.", what, av_err2str(result));
        return false;
    }
    return true;
}

VideoEncoder *video_encoder_new(Codec codec, unsigned width, unsigned height, unsigned fps,
                                unsigned bitrate, GError **error)
{
    const VideoEncoderChoice *const choice = choose(codec);
    AVCodecContext *const context =
        context_new(choice != NULL ? choice->encoder : NULL, codec_name(codec), error);
    if (context == NULL) {
        return NULL;
    }
    VideoEncoder *const encoder = g_new0(VideoEncoder, 1);
    encoder->context = context;
    encoder->frame = av_frame_alloc();
    encoder->packet = av_packet_alloc();
    context->width = (int)width;
    context->height = (int)height;
    context->pix_fmt = AV_PIX_FMT_YUV420P;
    context->time_base = (AVRational){1, (int)fps};
    context->framerate = (AVRational){(int)fps, 1};
    context->bit_rate = bitrate;
    /* Equal limits also keep libvpx from making key frames of its own at the flash. */
    context->gop_size = KEYFRAME_NEVER;
    context->keyint_min = KEYFRAME_NEVER;
    context->max_b_frames = 0;
    context->thread_count = 1;
    for (size_t i = 0; i < G_N_ELEMENTS(choice->options) && choice->options[i][0] != NULL; i++) {
        av_opt_set(context->priv_data, choice->options[i][0], choice->options[i][1], 0);
    }
    if (!context_open(context, codec_name(codec), error)) {
        video_encoder_free(encoder);
        return NULL;
    }
    encoder->frame->width = (int)width;
    encoder->frame->height = (int)height;
    encoder->frame->format = AV_PIX_FMT_YUV420P;
    return encoder;
}

void video_encoder_free(VideoEncoder *encoder)
{
    if (encoder == NULL) {
        return;
    }
    av_frame_free(&encoder->frame);
    av_packet_free(&encoder->packet);
    avcodec_free_context(&encoder->context);
    g_free(encoder);
}

static bool encode(AVCodecContext *context, AVFrame *frame, AVPacket *packet,
                   EncodedMedia *ret_media)
{
    av_packet_unref(packet);
    if (avcodec_send_frame(context, frame) < 0 || avcodec_receive_packet(context, packet) < 0) {
        return false;
    }
    *ret_media =
        (EncodedMedia){packet->data, (size_t)packet->size, (packet->flags & AV_PKT_FLAG_KEY) != 0};
    return true;
}

bool video_encoder_encode(VideoEncoder *encoder, const uint8_t *const planes[3],
                          const unsigned strides[3], bool force_key, EncodedMedia *ret_media)
{
    AVFrame *const frame = encoder->frame;
    av_frame_unref(frame);
    frame->width = encoder->context->width;
    frame->height = encoder->context->height;
    frame->format = AV_PIX_FMT_YUV420P;
    if (av_frame_get_buffer(frame, 0) < 0) {
        return false;
    }
    for (unsigned plane = 0; plane < 3; plane++) {
        const int rows = plane == 0 ? frame->height : (frame->height + 1) / 2;
        const int columns = plane == 0 ? frame->width : (frame->width + 1) / 2;
        for (int y = 0; y < rows; y++) {
            memcpy(frame->data[plane] + (ptrdiff_t)y * frame->linesize[plane],
                   planes[plane] + (size_t)y * strides[plane], (size_t)columns);
        }
    }
    frame->pts = encoder->next_pts++;
    frame->pict_type = force_key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    return encode(encoder->context, frame, encoder->packet, ret_media);
}

AudioEncoder *audio_encoder_new(GError **error)
{
    AVCodecContext *const context = context_new("libopus", "opus", error);
    if (context == NULL) {
        return NULL;
    }
    AudioEncoder *const encoder = g_new0(AudioEncoder, 1);
    encoder->context = context;
    encoder->frame = av_frame_alloc();
    encoder->packet = av_packet_alloc();
    context->sample_rate = (int)TEST_SOUND_RATE;
    context->sample_fmt = AV_SAMPLE_FMT_FLT;
    context->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    context->bit_rate = AUDIO_BITRATE;
    av_opt_set(context->priv_data, "application", "audio", 0);
    av_opt_set(context->priv_data, "frame_duration", "20", 0);
    if (!context_open(context, "opus", error)) {
        audio_encoder_free(encoder);
        return NULL;
    }
    return encoder;
}

void audio_encoder_free(AudioEncoder *encoder)
{
    if (encoder == NULL) {
        return;
    }
    av_frame_free(&encoder->frame);
    av_packet_free(&encoder->packet);
    avcodec_free_context(&encoder->context);
    g_free(encoder);
}

unsigned audio_encoder_delay(const AudioEncoder *encoder)
{
    return (unsigned)encoder->context->initial_padding;
}

bool audio_encoder_encode(AudioEncoder *encoder, const float *samples, EncodedMedia *ret_media)
{
    AVFrame *const frame = encoder->frame;
    av_frame_unref(frame);
    frame->nb_samples = (int)AUDIO_ENCODER_FRAME_SAMPLES;
    frame->format = AV_SAMPLE_FMT_FLT;
    frame->sample_rate = (int)TEST_SOUND_RATE;
    frame->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    if (av_frame_get_buffer(frame, 0) < 0) {
        return false;
    }
    memcpy(frame->data[0], samples, AUDIO_ENCODER_FRAME_SAMPLES * sizeof *samples);
    frame->pts = encoder->next_pts;
    encoder->next_pts += AUDIO_ENCODER_FRAME_SAMPLES;
    return encode(encoder->context, frame, encoder->packet, ret_media);
}
