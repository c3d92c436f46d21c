#include "test_media.h"

#include <glib/gstdio.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "sink/codec_config.h"

#define FRAMES_PER_SECOND 25

struct TestMedia {
    Pool *pool;
    Codec codec;
    AVCodecContext *encoder;
    AVFrame *picture;
    AVPacket *packet;
    int64_t count;    /* into the encoder */
    int64_t produced; /* out of it */
};

static const char *encoder_name(Codec codec)
{
    static const char *const names[CODEC_COUNT] = {
        [CODEC_H264] = "libx264",   [CODEC_H265] = "libx265",   [CODEC_VP8] = "libvpx",
        [CODEC_VP9] = "libvpx-vp9", [CODEC_AV1] = "libaom-av1", [CODEC_OPUS] = "libopus",
        [CODEC_PCMU] = "pcm_mulaw", [CODEC_PCMA] = "pcm_alaw",  [CODEC_AAC] = "aac",
        [CODEC_MP3] = "libmp3lame", [CODEC_PCM] = "pcm_s16le",
    };
    return names[codec];
}

static void set_video(TestMedia *media, int width, int height)
{
    AVCodecContext *encoder = media->encoder;
    encoder->width = width;
    encoder->height = height;
    encoder->pix_fmt = AV_PIX_FMT_YUV420P;
    encoder->time_base = (AVRational){1, FRAMES_PER_SECOND};
    encoder->gop_size = FRAMES_PER_SECOND;
    encoder->max_b_frames = 0;
    encoder->thread_count = 1;
    encoder->bit_rate = 100000;
    av_opt_set(encoder->priv_data, "preset", "ultrafast", 0);
    av_opt_set(encoder->priv_data, "tune", "zerolatency", 0);
    av_opt_set(encoder->priv_data, "x265-params",
               "log-level=none:repeat-headers=1:bframes=0:pools=none:frame-threads=1", 0);
    av_opt_set(encoder->priv_data, "deadline", "realtime", 0);
    av_opt_set(encoder->priv_data, "usage", "realtime", 0);
    av_opt_set_int(encoder->priv_data, "cpu-used", 8, 0);
    av_opt_set_int(encoder->priv_data, "lag-in-frames", 0, 0);
    av_opt_set_int(encoder->priv_data, "auto-alt-ref", 0, 0);
    media->picture->width = width;
    media->picture->height = height;
    media->picture->format = AV_PIX_FMT_YUV420P;
}

static void set_audio(TestMedia *media)
{
    AVCodecContext *encoder = media->encoder;
    encoder->sample_rate = (int)codec_clock_rate(media->codec);
    encoder->sample_fmt = encoder->codec->sample_fmts[0];
    encoder->time_base = (AVRational){1, encoder->sample_rate};
    av_channel_layout_default(&encoder->ch_layout, encoder->sample_rate == 48000 ? 2 : 1);
    if (media->codec == CODEC_MP3)
        av_opt_set_int(encoder->priv_data, "reservoir", 0, 0);
}

/* Once the encoder is open and has said how many samples it wants. */
static void set_samples(TestMedia *media)
{
    const AVCodecContext *encoder = media->encoder;
    media->picture->nb_samples =
        encoder->frame_size > 0 ? encoder->frame_size : encoder->sample_rate / 50;
    media->picture->format = encoder->sample_fmt;
    media->picture->sample_rate = encoder->sample_rate;
    av_channel_layout_copy(&media->picture->ch_layout, &encoder->ch_layout);
}

TestMedia *test_media_new(Pool *pool, Codec codec, int width, int height)
{
    TestMedia *media = g_new0(TestMedia, 1);
    const AVCodec *encoder = avcodec_find_encoder_by_name(encoder_name(codec));
    g_assert_nonnull(encoder);
    media->pool = pool;
    media->codec = codec;
    media->encoder = avcodec_alloc_context3(encoder);
    media->picture = av_frame_alloc();
    media->packet = av_packet_alloc();
    if (codec_kind(codec) == TRACK_VIDEO)
        set_video(media, width, height);
    else
        set_audio(media);
    g_assert_cmpint(avcodec_open2(media->encoder, encoder, NULL), >=, 0);
    if (codec_kind(codec) == TRACK_AUDIO)
        set_samples(media);
    g_assert_cmpint(av_frame_get_buffer(media->picture, 0), >=, 0);
    return media;
}

void test_media_free(TestMedia *media)
{
    /* Encoders that are closed with frames inside leak them. */
    avcodec_send_frame(media->encoder, NULL);
    while (avcodec_receive_packet(media->encoder, media->packet) >= 0)
        av_packet_unref(media->packet);
    avcodec_free_context(&media->encoder);
    av_frame_free(&media->picture);
    av_packet_free(&media->packet);
    g_free(media);
}

static void draw(TestMedia *media)
{
    AVFrame *picture = media->picture;
    for (int y = 0; y < picture->height; y++) {
        for (int x = 0; x < picture->width; x++)
            picture->data[0][y * picture->linesize[0] + x] =
                (uint8_t)(60 + (x + y + 3 * media->count) % 80);
    }
    for (int plane = 1; plane <= 2; plane++)
        memset(picture->data[plane], 128,
               (size_t)picture->linesize[plane] * (size_t)(picture->height / 2));
}

static void set_sample(AVFrame *sound, int channel, int i, double value)
{
    const bool is_planar = av_sample_fmt_is_planar(sound->format);
    uint8_t *plane = sound->data[is_planar ? channel : 0];
    const int at = is_planar ? i : i * sound->ch_layout.nb_channels + channel;
    const enum AVSampleFormat format = av_get_packed_sample_fmt(sound->format);
    if (format == AV_SAMPLE_FMT_FLT)
        ((float *)plane)[at] = (float)value;
    else if (format == AV_SAMPLE_FMT_S32)
        ((int32_t *)plane)[at] = (int32_t)(value * INT32_MAX);
    else
        ((int16_t *)plane)[at] = (int16_t)(value * INT16_MAX);
}

static void play(TestMedia *media)
{
    AVFrame *sound = media->picture;
    for (int i = 0; i < sound->nb_samples; i++) {
        const double at = (double)(media->count * sound->nb_samples + i) / sound->sample_rate;
        for (int c = 0; c < sound->ch_layout.nb_channels; c++)
            set_sample(sound, c, i, 0.25 * sin(2 * G_PI * 440 * at));
    }
}

static Frame *encode(TestMedia *media)
{
    int sent = avcodec_send_frame(media->encoder, media->picture);
    g_assert_cmpint(sent, >=, 0);
    if (avcodec_receive_packet(media->encoder, media->packet) < 0)
        return NULL;
    Frame *frame = frame_new(media->pool, (size_t)media->packet->size);
    g_assert_nonnull(frame);
    memcpy(frame->data, media->packet->data, (size_t)media->packet->size);
    frame->size = (size_t)media->packet->size;
    frame->is_key = (media->packet->flags & AV_PKT_FLAG_KEY) != 0;
    av_packet_unref(media->packet);
    return frame;
}

int64_t test_media_step_ns(const TestMedia *media)
{
    if (codec_kind(media->codec) == TRACK_VIDEO)
        return NS_PER_SECOND / FRAMES_PER_SECOND;
    return media->picture->nb_samples * NS_PER_SECOND / media->picture->sample_rate;
}

Frame *test_media_next(TestMedia *media, int64_t start_ns, bool is_key)
{
    const bool is_video = codec_kind(media->codec) == TRACK_VIDEO;
    Frame *frame = NULL;
    const int64_t first = media->count;
    while (frame == NULL) {
        av_frame_make_writable(media->picture);
        if (is_video)
            draw(media);
        else
            play(media);
        media->picture->pts = is_video ? media->count : media->count * media->picture->nb_samples;
        media->picture->pict_type = is_video && is_key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
        frame = encode(media);
        if (frame == NULL)
            g_assert_cmpint(media->count - first, <, 50);
        media->count++;
    }
    const int64_t step_ns = test_media_step_ns(media);
    frame->codec = media->codec;
    frame->width = is_video && frame->is_key ? (uint16_t)media->encoder->width : 0;
    frame->height = is_video && frame->is_key ? (uint16_t)media->encoder->height : 0;
    frame->pts_ns = start_ns + media->produced++ * step_ns;
    frame->duration_ns = is_video ? 0 : step_ns;
    return frame;
}

static unsigned decode(AVCodecContext *decoder, const AVPacket *packet, AVFrame *picture,
                       TestJudgement *judgement)
{
    unsigned frames = 0;
    if (avcodec_send_packet(decoder, packet) < 0)
        judgement->errors++;
    int got = 0;
    while ((got = avcodec_receive_frame(decoder, picture)) >= 0) {
        frames++;
        if (picture->flags & AV_FRAME_FLAG_CORRUPT)
            judgement->errors++;
        if (picture->width > 0) {
            judgement->width = picture->width;
            judgement->height = picture->height;
        }
    }
    if (got != AVERROR(EAGAIN) && got != AVERROR_EOF)
        judgement->errors++;
    return frames;
}

static AVCodecContext *decoder_new(const AVStream *stream)
{
    AVCodecContext *decoder =
        avcodec_alloc_context3(avcodec_find_decoder(stream->codecpar->codec_id));
    avcodec_parameters_to_context(decoder, stream->codecpar);
    decoder->err_recognition = AV_EF_EXPLODE;
    decoder->thread_count = 1;
    g_assert_cmpint(avcodec_open2(decoder, decoder->codec, NULL), >=, 0);
    return decoder;
}

static void judge_packet(const AVStream *stream, AVCodecContext *decoder, const AVPacket *packet,
                         AVFrame *picture, TestJudgement *judgement)
{
    const bool is_video = decoder->codec_type == AVMEDIA_TYPE_VIDEO;
    const double at = (double)packet->pts * av_q2d(stream->time_base);
    double *first = is_video ? &judgement->first_video : &judgement->first_audio;
    double *last = is_video ? &judgement->last_video : &judgement->last_audio;
    if (*first < 0)
        *first = at;
    *last = at;
    const unsigned frames = decode(decoder, packet, picture, judgement);
    if (is_video)
        judgement->video_frames += frames;
    else
        judgement->audio_packets++;
}

TestJudgement test_media_judge(const char *path)
{
    TestJudgement judgement = {
        .first_video = -1, .first_audio = -1, .last_video = -1, .last_audio = -1};
    AVFormatContext *format = NULL;
    if (avformat_open_input(&format, path, NULL, NULL) < 0) {
        judgement.errors = 1;
        return judgement;
    }
    AVCodecContext *decoders[16] = {NULL};
    if (strstr(format->iformat->name, "mpegts") != NULL)
        avformat_find_stream_info(format, NULL);
    AVPacket *packet = av_packet_alloc();
    AVFrame *picture = av_frame_alloc();
    judgement.tracks = format->nb_streams;
    for (unsigned i = 0; i < format->nb_streams; i++)
        decoders[i] = decoder_new(format->streams[i]);
    int error = 0;
    while ((error = av_read_frame(format, packet)) >= 0) {
        const int index = packet->stream_index;
        judge_packet(format->streams[index], decoders[index], packet, picture, &judgement);
        av_packet_unref(packet);
    }
    judgement.errors += error != AVERROR_EOF;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const unsigned frames = decode(decoders[i], NULL, picture, &judgement);
        judgement.video_frames += decoders[i]->codec_type == AVMEDIA_TYPE_VIDEO ? frames : 0;
        avcodec_free_context(&decoders[i]);
    }
    av_frame_free(&picture);
    av_packet_free(&packet);
    avformat_close_input(&format);
    return judgement;
}

char *test_folder_new(void)
{
    GError *error = NULL;
    char *folder = g_dir_make_tmp("roomtape-sink-XXXXXX", &error);
    g_assert_no_error(error);
    return folder;
}

void test_folder_free(char *folder)
{
    const char *kept = g_getenv("KEEP_TEST_FILES");
    GDir *dir = kept == NULL ? g_dir_open(folder, 0, NULL) : NULL;
    const char *name = NULL;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
    }
    if (dir != NULL)
        g_dir_close(dir);
    g_rmdir(folder);
    g_free(folder);
}
