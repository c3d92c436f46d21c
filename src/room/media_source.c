#include "room/media_source.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "room/media_encoder.h"
#include "room/packetizer.h"
#include "room/test_sound.h"

#define NTP_UNIX_OFFSET UINT64_C(2208988800)
#define AUDIO_FRAME_NS (20 * NS_PER_MS)
#define MAX_LAG_NS NS_PER_SECOND
#define KEYFRAME_THROTTLE_NS (500 * NS_PER_MS)
#define SILENCE_AFTER_MUTE 50u /* packets: one second, as the SFU does */
#define SILENCE_SIZE 80u

typedef struct {
    bool stop;
    bool sends[2];
    bool muted[2];
    bool keyframe;
    Codec video_codec;
    unsigned width, height;
} Wishes;

struct MediaSource {
    MediaSourceConfig config;
    MediaSourceOut out;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    Wishes wishes; /* under lock */
    _Atomic uint64_t video_frames, audio_frames, video_number, skipped;

    struct {
        TestPicture *picture;
        VideoEncoder *video;
        AudioEncoder *audio;
        Packetizer packetizer;
        Codec codec;
        uint64_t next_picture, next_packet;
        bool needs_key;
        int64_t last_key_ns;
        unsigned silence_left;
        bool was_heard;
    } media;
};

int64_t media_timeline_position(const MediaTimeline *timeline, int64_t monotonic_ns)
{
    return (int64_t)((double)(monotonic_ns - timeline->start_monotonic_ns) * timeline->speed);
}

int64_t media_timeline_monotonic(const MediaTimeline *timeline, int64_t position_ns)
{
    return timeline->start_monotonic_ns + (int64_t)((double)position_ns / timeline->speed);
}

uint64_t media_timeline_ntp(const MediaTimeline *timeline, int64_t position_ns)
{
    const uint64_t wall_ns = (uint64_t)(timeline->start_wall_ns + position_ns);
    const uint64_t seconds = wall_ns / NS_PER_SECOND + NTP_UNIX_OFFSET;
    const uint64_t rest_ns = wall_ns % NS_PER_SECOND;
    return seconds << 32 | (rest_ns << 32) / NS_PER_SECOND;
}

uint64_t media_timeline_ticks(int64_t position_ns, uint32_t clock_rate)
{
    const uint64_t position = position_ns > 0 ? (uint64_t)position_ns : 0;
    return position / NS_PER_SECOND * clock_rate +
           (position % NS_PER_SECOND * clock_rate + NS_PER_SECOND / 2) / NS_PER_SECOND;
}

static int64_t picture_position_ns(const MediaSource *source, uint64_t number)
{
    const unsigned fps = source->config.fps;
    return (int64_t)(number / fps * NS_PER_SECOND + number % fps * NS_PER_SECOND / fps);
}

static int64_t packet_position_ns(uint64_t number)
{
    return (int64_t)number * AUDIO_FRAME_NS;
}

static bool open_video(MediaSource *source, Codec codec, unsigned width, unsigned height,
                       GError **error)
{
    VideoEncoder *const encoder = video_encoder_new(codec, width, height, source->config.fps,
                                                    source->config.video_bitrate, error);
    if (encoder == NULL) {
        return false;
    }
    video_encoder_free(source->media.video);
    test_picture_free(source->media.picture);
    source->media.video = encoder;
    source->media.picture = test_picture_new(width, height);
    source->media.codec = codec;
    source->media.needs_key = true;
    return true;
}

static void follow_video_wish(MediaSource *source, const Wishes *wishes)
{
    const TestPicture *const picture = source->media.picture;
    if (wishes->video_codec != source->media.codec || wishes->width != picture->width ||
        wishes->height != picture->height) {
        open_video(source, wishes->video_codec, wishes->width, wishes->height, NULL);
    }
}

static bool key_is_due(MediaSource *source, const Wishes *wishes, int64_t position_ns)
{
    const int64_t since_ns = position_ns - source->media.last_key_ns;
    const int64_t interval_ns = source->config.keyframe_interval_ns;
    if (wishes->keyframe && since_ns >= KEYFRAME_THROTTLE_NS) {
        return true;
    }
    return source->media.needs_key || (interval_ns > 0 && since_ns >= interval_ns);
}

static void key_was_made(MediaSource *source, int64_t position_ns)
{
    source->media.needs_key = false;
    source->media.last_key_ns = position_ns;
    pthread_mutex_lock(&source->lock);
    source->wishes.keyframe = false;
    pthread_mutex_unlock(&source->lock);
}

static void make_picture(MediaSource *source, const Wishes *wishes)
{
    const uint64_t number = source->media.next_picture;
    const int64_t position_ns = picture_position_ns(source, number);
    follow_video_wish(source, wishes);
    const bool force_key = key_is_due(source, wishes, position_ns);
    TestPicture *const picture = source->media.picture;
    test_picture_draw(picture, number, source->config.fps);
    EncodedMedia media = {0};
    if (!video_encoder_encode(source->media.video, (const uint8_t *const *)picture->planes,
                              picture->strides, force_key, &media)) {
        return;
    }
    if (media.is_key) {
        key_was_made(source, position_ns);
    }
    const uint32_t rate = codec_clock_rate(source->media.codec);
    MediaFrame *const frame = media_frame_new(source->config.publisher, source->media.codec,
                                              number * rate / source->config.fps, media.is_key);
    packetizer_cut(&source->media.packetizer, media.data, media.size, frame);
    atomic_fetch_add_explicit(&source->video_frames, 1, memory_order_relaxed);
    atomic_store_explicit(&source->video_number, number, memory_order_relaxed);
    source->out.frame(source->out.owner, frame);
}

static void hand_out_sound(MediaSource *source, const uint8_t *data, size_t size)
{
    MediaFrame *const frame =
        media_frame_new(source->config.publisher, CODEC_OPUS,
                        source->media.next_packet * AUDIO_ENCODER_FRAME_SAMPLES, true);
    packetizer_cut(&source->media.packetizer, data, size, frame);
    atomic_fetch_add_explicit(&source->audio_frames, 1, memory_order_relaxed);
    source->out.frame(source->out.owner, frame);
}

static void make_sound(MediaSource *source)
{
    float samples[AUDIO_ENCODER_FRAME_SAMPLES];
    /* The time of a packet is that of the samples put in, as with every WebRTC sender; a decoder
     * gives them back later by the encoder's look-ahead. */
    const int64_t first = (int64_t)(source->media.next_packet * AUDIO_ENCODER_FRAME_SAMPLES);
    test_sound_write(first, AUDIO_ENCODER_FRAME_SAMPLES, samples);
    EncodedMedia media = {0};
    if (audio_encoder_encode(source->media.audio, samples, &media)) {
        hand_out_sound(source, media.data, media.size);
    }
}

static void make_silence(MediaSource *source)
{
    static const uint8_t SILENCE[SILENCE_SIZE] = {0xf8, 0xff, 0xfe};
    if (source->media.silence_left > 0) {
        source->media.silence_left--;
        hand_out_sound(source, SILENCE, sizeof SILENCE);
    }
}

static void run_picture(MediaSource *source, const Wishes *wishes, bool is_late)
{
    const bool sends = wishes->sends[TRACK_VIDEO] && !wishes->muted[TRACK_VIDEO];
    if (sends && is_late) {
        atomic_fetch_add_explicit(&source->skipped, 1, memory_order_relaxed);
    } else if (sends) {
        make_picture(source, wishes);
    } else {
        /* Whoever listens next begins with a key frame. */
        source->media.needs_key = true;
    }
    source->media.next_picture++;
}

static void run_sound(MediaSource *source, const Wishes *wishes)
{
    const bool muted = wishes->muted[TRACK_AUDIO];
    /* Silence follows sound; who joined muted was never heard. */
    if (muted && source->media.was_heard) {
        source->media.silence_left = SILENCE_AFTER_MUTE;
        source->media.was_heard = false;
    }
    if (wishes->sends[TRACK_AUDIO] && muted) {
        make_silence(source);
    } else if (wishes->sends[TRACK_AUDIO]) {
        make_sound(source);
        source->media.was_heard = true;
    }
    source->media.next_packet++;
}

static int64_t next_deadline_ns(const MediaSource *source)
{
    int64_t position_ns = INT64_MAX;
    if (source->media.video != NULL) {
        position_ns = picture_position_ns(source, source->media.next_picture);
    }
    if (source->media.audio != NULL) {
        const int64_t sound_ns = packet_position_ns(source->media.next_packet);
        position_ns = sound_ns < position_ns ? sound_ns : position_ns;
    }
    return position_ns;
}

static void wait_until(MediaSource *source, int64_t monotonic_ns)
{
    const struct timespec deadline = {.tv_sec = monotonic_ns / NS_PER_SECOND,
                                      .tv_nsec = monotonic_ns % NS_PER_SECOND};
    pthread_mutex_lock(&source->lock);
    while (!source->wishes.stop && clock_monotonic_ns() < monotonic_ns) {
        pthread_cond_timedwait(&source->changed, &source->lock, &deadline);
    }
    pthread_mutex_unlock(&source->lock);
}

static Wishes read_wishes(MediaSource *source)
{
    pthread_mutex_lock(&source->lock);
    const Wishes wishes = source->wishes;
    pthread_mutex_unlock(&source->lock);
    return wishes;
}

static void *run(void *data)
{
    MediaSource *const source = data;
    for (;;) {
        const int64_t position_ns = next_deadline_ns(source);
        const int64_t due_ns = media_timeline_monotonic(&source->config.timeline, position_ns);
        wait_until(source, due_ns);
        const Wishes wishes = read_wishes(source);
        if (wishes.stop) {
            return NULL;
        }
        const bool is_late = clock_monotonic_ns() - due_ns > MAX_LAG_NS;
        if (source->media.audio != NULL &&
            packet_position_ns(source->media.next_packet) <= position_ns) {
            run_sound(source, &wishes);
        }
        if (source->media.video != NULL &&
            picture_position_ns(source, source->media.next_picture) <= position_ns) {
            run_picture(source, &wishes, is_late);
        }
    }
}

/* A publisher that comes back, or begins late, goes on with the numbers of its clock. */
static void skip_to_now(MediaSource *source)
{
    const int64_t now_ns = media_timeline_position(&source->config.timeline, clock_monotonic_ns());
    if (now_ns <= 0) {
        return;
    }
    source->media.next_picture = (uint64_t)now_ns * source->config.fps / NS_PER_SECOND + 1;
    source->media.next_packet = (uint64_t)now_ns / AUDIO_FRAME_NS + 1;
}

static bool open_media(MediaSource *source, GError **error)
{
    const MediaSourceConfig *const config = &source->config;
    if (config->video_codec != CODEC_UNKNOWN &&
        !open_video(source, config->video_codec, config->width, config->height, error)) {
        return false;
    }
    if (config->audio_codec != CODEC_UNKNOWN) {
        source->media.audio = audio_encoder_new(error);
        return source->media.audio != NULL;
    }
    return true;
}

static void free_media(MediaSource *source)
{
    video_encoder_free(source->media.video);
    audio_encoder_free(source->media.audio);
    test_picture_free(source->media.picture);
    g_free(source);
}

MediaSource *media_source_new(const MediaSourceConfig *config, MediaSourceOut out, GError **error)
{
    require(config->video_codec != CODEC_UNKNOWN || config->audio_codec != CODEC_UNKNOWN);
    MediaSource *const source = g_new0(MediaSource, 1);
    source->config = *config;
    source->out = out;
    source->wishes = (Wishes){
        .video_codec = config->video_codec, .width = config->width, .height = config->height};
    source->media.last_key_ns = -KEYFRAME_THROTTLE_NS;
    if (!open_media(source, error)) {
        free_media(source);
        return NULL;
    }
    skip_to_now(source);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&source->lock, NULL);
    pthread_cond_init(&source->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    require(pthread_create(&source->thread, NULL, run, source) == 0);
    pthread_setname_np(source->thread, "room-media");
    return source;
}

void media_source_free(MediaSource *source)
{
    if (source == NULL) {
        return;
    }
    pthread_mutex_lock(&source->lock);
    source->wishes.stop = true;
    pthread_cond_signal(&source->changed);
    pthread_mutex_unlock(&source->lock);
    pthread_join(source->thread, NULL);
    pthread_mutex_destroy(&source->lock);
    pthread_cond_destroy(&source->changed);
    free_media(source);
}

void media_source_set_sending(MediaSource *source, TrackKind kind, bool sends)
{
    pthread_mutex_lock(&source->lock);
    source->wishes.sends[kind] = sends;
    pthread_mutex_unlock(&source->lock);
}

void media_source_set_muted(MediaSource *source, TrackKind kind, bool muted)
{
    pthread_mutex_lock(&source->lock);
    source->wishes.muted[kind] = muted;
    pthread_mutex_unlock(&source->lock);
}

void media_source_set_video(MediaSource *source, Codec codec, unsigned width, unsigned height)
{
    pthread_mutex_lock(&source->lock);
    source->wishes.video_codec = codec;
    source->wishes.width = width;
    source->wishes.height = height;
    pthread_mutex_unlock(&source->lock);
}

void media_source_request_keyframe(MediaSource *source)
{
    pthread_mutex_lock(&source->lock);
    source->wishes.keyframe = true;
    pthread_mutex_unlock(&source->lock);
}

MediaSourceStats media_source_stats(const MediaSource *source)
{
    return (MediaSourceStats){
        .video_frames = atomic_load_explicit(&source->video_frames, memory_order_relaxed),
        .audio_frames = atomic_load_explicit(&source->audio_frames, memory_order_relaxed),
        .video_number = atomic_load_explicit(&source->video_number, memory_order_relaxed),
        .skipped = atomic_load_explicit(&source->skipped, memory_order_relaxed),
    };
}
