/* Preloaded into the program, makes video encoders and decoders fail as no healthy one can be made
 * to. The variable ENCODER_FAULT says how:
 *   decode      no decoder takes anything
 *   open        no encoder can be opened
 *   fail N      from the N-th picture on each is refused
 *   slow N MS   the N-th picture takes so many milliseconds
 *   hang N      the N-th picture takes for ever
 * Thread: any. */
#include <dlfcn.h>
#include <libavcodec/avcodec.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef struct {
    char name[16];
    unsigned picture;
    long milliseconds;
} Fault;

static Fault wanted_fault(void)
{
    Fault fault = {0};
    const char *text = getenv("ENCODER_FAULT");
    if (text != NULL)
        sscanf(text, "%15s %u %ld", fault.name, &fault.picture, &fault.milliseconds);
    return fault;
}

static bool is_video_encoder(const AVCodec *codec)
{
    return codec != NULL && av_codec_is_encoder(codec) && codec->type == AVMEDIA_TYPE_VIDEO;
}

static void wait_for(long milliseconds)
{
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

EXPORT int avcodec_open2(AVCodecContext *context, const AVCodec *codec, AVDictionary **options)
{
    int (*real)(AVCodecContext *, const AVCodec *, AVDictionary **) =
        (int (*)(AVCodecContext *, const AVCodec *, AVDictionary **))dlsym(RTLD_NEXT,
                                                                           "avcodec_open2");
    if (is_video_encoder(codec) && strcmp(wanted_fault().name, "open") == 0)
        return AVERROR_EXTERNAL;
    return real(context, codec, options);
}

EXPORT int avcodec_send_packet(AVCodecContext *context, const AVPacket *packet)
{
    int (*real)(AVCodecContext *, const AVPacket *) =
        (int (*)(AVCodecContext *, const AVPacket *))dlsym(RTLD_NEXT, "avcodec_send_packet");
    if (context->codec_type == AVMEDIA_TYPE_VIDEO && strcmp(wanted_fault().name, "decode") == 0)
        return AVERROR_INVALIDDATA;
    return real(context, packet);
}

EXPORT int avcodec_send_frame(AVCodecContext *context, const AVFrame *frame)
{
    static atomic_uint count;
    int (*real)(AVCodecContext *, const AVFrame *) =
        (int (*)(AVCodecContext *, const AVFrame *))dlsym(RTLD_NEXT, "avcodec_send_frame");
    const Fault fault = wanted_fault();
    if (frame == NULL || !is_video_encoder(context->codec))
        return real(context, frame);
    const unsigned number = atomic_fetch_add(&count, 1) + 1;
    if (strcmp(fault.name, "fail") == 0 && number >= fault.picture)
        return AVERROR_EXTERNAL;
    if (strcmp(fault.name, "slow") == 0 && number == fault.picture)
        wait_for(fault.milliseconds);
    while (strcmp(fault.name, "hang") == 0 && number == fault.picture)
        pause();
    return real(context, frame);
}
