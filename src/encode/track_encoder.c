#include "encode/track_encoder.h"

#include <libavutil/error.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "encode/frame_decoder.h"
#include "encode/picture_encoder.h"
#include "encode/sound_encoder.h"

#define IDLE_NS (100 * NS_PER_MS) /* until a look whether a black picture is asked for */
#define FULL_NS (5 * NS_PER_MS)   /* between two looks at a full queue */
#define HANG_SECONDS 5            /* no codec takes so long for what it still has */
#define OUT_MAX_BYTES (8U << 20)
#define SENTENCE_MAX 240
#define WHAT_MAX 120

struct TrackEncoder {
    TrackEncoderConfig config; /* constant */
    TrackEncoderEvents events;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool has_ended; /* under the lock */

    /* the thread's */
    FrameDecoder *decoder;
    PictureFitter *fitter;
    PictureEncoder *pictures;
    SoundEncoder *sound;
    bool passes_through; /* encoding failed, or is not wished for: frames go on as they came */
    bool has_failed;     /* for good */
    bool wants_key;      /* references are gone */
    bool is_behind;      /* the picture that is decoded now is not encoded */
    uint64_t errors_seen;
    int64_t last_pts_ns; /* of what was taken in */

    _Atomic int64_t black_ns; /* from when on the picture is black; 0: not asked for */
    atomic_bool is_hurried;
    atomic_bool is_bypassed;
    atomic_bool key_requested;
    _Atomic uint64_t frames_out, undecodable, behind, timeouts;
    _Atomic int64_t busy_ns, busy_since_ns;
};

typedef struct {
    TrackEncoderEvents events; /* copied: the encoder may be gone */
    unsigned track_id;
    char sentence[SENTENCE_MAX];
} Event;

/* ---- events ---- */

static void post(TrackEncoder *encoder, MailboxFn run, const char *sentence)
{
    Event *event = calloc(1, sizeof *event);
    require(event != NULL);
    event->events = encoder->events;
    event->track_id = encoder->config.track_id;
    snprintf(event->sentence, sizeof event->sentence, "%s", sentence);
    mailbox_post(encoder->events.mailbox, run, encoder->events.owner, event);
}

static void tell_need_keyframe(void *owner, void *message)
{
    Event *event = message;
    event->events.need_keyframe(owner, event->track_id);
    free(event);
}

static void tell_failed(void *owner, void *message)
{
    Event *event = message;
    event->events.failed(owner, event->track_id, event->sentence);
    free(event);
}

/* `error` is FFmpeg's; 0 = `what` says it all. */
static void fail(TrackEncoder *encoder, const char *what, int error)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    char sentence[SENTENCE_MAX];
    if (encoder->has_failed)
        return;
    if (error != 0)
        av_strerror(error, reason, sizeof reason);
    snprintf(sentence, sizeof sentence, "The encoder %s %s%s%s.", encoder->config.settings.encoder,
             what, error != 0 ? ": " : "", reason);
    encoder->has_failed = encoder->passes_through = true;
    post(encoder, tell_failed, sentence);
}

/* ---- out ---- */

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = FULL_NS}, NULL);
}

static bool has_room(BoundedQueue *queue)
{
    const QueueStats stats = bounded_queue_stats(queue);
    return stats.size < stats.max && stats.bytes < OUT_MAX_BYTES;
}

/* A writer that is slow makes us wait, so that what is too much is dropped in one place: the queue
 * in front of us, which knows how to. */
static void put(TrackEncoder *encoder, Frame *frame)
{
    while (!has_room(encoder->config.out) && !atomic_load(&encoder->is_hurried))
        rest();
    frame->came_through_encoder = true;
    bounded_queue_put(encoder->config.out, frame);
}

static void on_encoded(void *owner, Frame *frame)
{
    TrackEncoder *encoder = owner;
    put(encoder, frame);
    ledger_add(&encoder->frames_out, 1);
}

/* ---- in ---- */

static bool open_pictures(TrackEncoder *encoder, const AVFrame *first)
{
    if (encoder->pictures != NULL)
        return true;
    const TrackEncoderConfig *config = &encoder->config;
    int error = 0;
    encoder->pictures = picture_encoder_new(config->codec, first, &config->settings, config->pool,
                                            (EncoderOut){encoder, on_encoded}, &error);
    if (encoder->pictures == NULL)
        fail(encoder, "does not start", error);
    return encoder->pictures != NULL;
}

/* NULL: there is nothing to show. */
static void push_picture(TrackEncoder *encoder, const AVFrame *fitted)
{
    if (fitted == NULL || !open_pictures(encoder, fitted))
        return;
    if (atomic_exchange(&encoder->key_requested, false))
        picture_encoder_request_key(encoder->pictures);
    const int error = picture_encoder_push(encoder->pictures, fitted);
    if (error < 0)
        fail(encoder, "gave up", error);
}

static void on_picture(TrackEncoder *encoder, AVFrame *picture)
{
    if (!encoder->is_behind)
        push_picture(encoder, picture_fitter_fit(encoder->fitter, picture));
}

/* Behind everything that was taken in before `until_ns`, the time of what comes next. */
static void show_black(TrackEncoder *encoder, int64_t until_ns)
{
    const int64_t black_ns = atomic_load(&encoder->black_ns);
    if (black_ns == 0 || black_ns >= until_ns)
        return;
    atomic_store(&encoder->black_ns, 0);
    if (encoder->passes_through || black_ns < encoder->last_pts_ns)
        return;
    frame_decoder_flush(encoder->decoder);
    push_picture(encoder, picture_fitter_black(encoder->fitter, black_ns));
    atomic_store(&encoder->key_requested, true);
}

static void on_sound(TrackEncoder *encoder, const AVFrame *samples)
{
    const TrackEncoderConfig *config = &encoder->config;
    int error = 0;
    if (encoder->sound == NULL)
        encoder->sound = sound_encoder_new(config->codec, &config->settings, config->pool,
                                           (EncoderOut){encoder, on_encoded}, &error);
    if (encoder->sound == NULL) {
        fail(encoder, "does not start", error);
        return;
    }
    error = sound_encoder_push(encoder->sound, samples);
    if (error < 0)
        fail(encoder, "gave up", error);
}

static void on_decoded(void *owner, AVFrame *frame)
{
    TrackEncoder *encoder = owner;
    if (encoder->passes_through)
        return;
    if (encoder->config.kind == TRACK_VIDEO)
        on_picture(encoder, frame);
    else
        on_sound(encoder, frame);
}

/* A second of pictures waits: decoding goes on, so that no reference is lost, encoding does not. */
static bool is_too_late(const TrackEncoder *encoder)
{
    const QueueStats stats = bounded_queue_stats(encoder->config.in);
    return encoder->config.kind == TRACK_VIDEO &&
           (stats.size > stats.max / 2 || atomic_load(&encoder->is_hurried));
}

/* What follows refers to a picture that is not there, or came too late. */
static void begin_anew(TrackEncoder *encoder)
{
    if (encoder->config.kind != TRACK_VIDEO)
        return;
    encoder->wants_key = true;
    post(encoder, tell_need_keyframe, "");
}

static void encode(TrackEncoder *encoder, const Frame *frame)
{
    const int64_t begin_ns = clock_monotonic_ns();
    atomic_store(&encoder->busy_since_ns, begin_ns);
    const bool is_decodable = frame_decoder_push(encoder->decoder, frame);
    const int64_t spent_ns = clock_monotonic_ns() - begin_ns;
    atomic_store(&encoder->busy_since_ns, 0);
    atomic_fetch_add(&encoder->busy_ns, spent_ns);
    if (!is_decodable) {
        fail(encoder, "has no decoder for its input", AVERROR_DECODER_NOT_FOUND);
        return;
    }
    const uint64_t errors = frame_decoder_errors(encoder->decoder);
    const bool is_late = spent_ns > encoder->config.encode_timeout_ns;
    const bool is_broken = errors > encoder->errors_seen;
    encoder->errors_seen = errors;
    ledger_add(&encoder->undecodable, is_broken);
    ledger_add(&encoder->timeouts, is_late);
    if (is_late || is_broken)
        begin_anew(encoder);
}

static void heed_bypass(TrackEncoder *encoder)
{
    const bool passes = encoder->has_failed || atomic_load(&encoder->is_bypassed);
    if (passes == encoder->passes_through)
        return;
    encoder->passes_through = passes;
    encoder->wants_key = encoder->config.kind == TRACK_VIDEO;
    atomic_store(&encoder->key_requested, true);
}

/* The decoder would refuse this one and all that follow. */
static void heed_size(TrackEncoder *encoder, const Frame *frame)
{
    char what[WHAT_MAX];
    if (encoder->passes_through || !frame->is_key ||
        frame_decoder_takes(frame->width, frame->height))
        return;
    snprintf(what, sizeof what, "does not decode a picture of %ux%u, which is more than %dx%d",
             frame->width, frame->height, FRAME_DECODER_MAX_WIDTH, FRAME_DECODER_MAX_HEIGHT);
    fail(encoder, what, 0);
}

/* Takes over the reference. */
static void take(TrackEncoder *encoder, Frame *frame)
{
    Ledger *ledger = &encoder->config.counters->ledger;
    LedgerRow *row = &ledger->rows[STAGE_ENCODE];
    show_black(encoder, frame->pts_ns);
    heed_bypass(encoder);
    heed_size(encoder, frame);
    encoder->last_pts_ns = frame->pts_ns;
    ledger_add(&ledger->rows[STAGE_QUEUE].out, 1);
    ledger_add(&row->in, 1);
    if (encoder->wants_key && !frame->is_key) {
        ledger_add(&row->dropped[DROP_BROKEN_REFERENCE], 1);
        frame_unref(frame);
        return;
    }
    encoder->wants_key = false;
    encoder->is_behind = !encoder->passes_through && is_too_late(encoder);
    if (!encoder->passes_through)
        encode(encoder, frame);
    if (encoder->is_behind) {
        ledger_add(&row->dropped[DROP_ENCODER_BEHIND], 1);
        ledger_add(&encoder->behind, 1);
    } else {
        ledger_add(&row->consumed, 1);
    }
    if (encoder->passes_through)
        put(encoder, frame);
    else
        frame_unref(frame);
}

static void finish(TrackEncoder *encoder)
{
    if (!encoder->passes_through)
        frame_decoder_flush(encoder->decoder);
    if (encoder->pictures != NULL && !encoder->passes_through)
        picture_encoder_flush(encoder->pictures);
    if (encoder->sound != NULL && !encoder->passes_through)
        sound_encoder_flush(encoder->sound);
    bounded_queue_end(encoder->config.out);
}

static void *run(void *data)
{
    TrackEncoder *encoder = data;
    for (;;) {
        Frame *frame;
        const QueueGet got = bounded_queue_wait(encoder->config.in, IDLE_NS, &frame);
        if (got == QUEUE_END)
            break;
        if (got == QUEUE_FRAME)
            take(encoder, frame);
        if (got == QUEUE_EMPTY)
            show_black(encoder, INT64_MAX);
    }
    show_black(encoder, INT64_MAX);
    finish(encoder);
    pthread_mutex_lock(&encoder->lock);
    encoder->has_ended = true;
    pthread_cond_signal(&encoder->ended);
    pthread_mutex_unlock(&encoder->lock);
    return NULL;
}

static void init_lock(TrackEncoder *encoder)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&encoder->lock, NULL);
    pthread_cond_init(&encoder->ended, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void release(TrackEncoder *encoder)
{
    pthread_cond_destroy(&encoder->ended);
    pthread_mutex_destroy(&encoder->lock);
    frame_decoder_free(encoder->decoder);
    picture_fitter_free(encoder->fitter);
    picture_encoder_free(encoder->pictures);
    sound_encoder_free(encoder->sound);
    pool_unref(encoder->config.pool);
    free(encoder);
}

TrackEncoder *track_encoder_new(const TrackEncoderConfig *config, const TrackEncoderEvents *events)
{
    TrackEncoder *encoder = calloc(1, sizeof *encoder);
    require(encoder != NULL);
    encoder->config = *config;
    encoder->events = *events;
    encoder->config.pool = pool_ref(config->pool);
    encoder->decoder = frame_decoder_new((FrameDecoderOut){encoder, on_decoded});
    encoder->fitter = picture_fitter_new(config->published, config->ceiling);
    encoder->wants_key = config->kind == TRACK_VIDEO;
    init_lock(encoder);
    if (pthread_create(&encoder->thread, NULL, run, encoder) == 0)
        return encoder;
    release(encoder);
    return NULL;
}

void track_encoder_request_key(TrackEncoder *encoder)
{
    atomic_store(&encoder->key_requested, true);
}

void track_encoder_show_black(TrackEncoder *encoder, int64_t pts_ns)
{
    atomic_store(&encoder->black_ns, pts_ns);
}

void track_encoder_bypass(TrackEncoder *encoder, bool passes)
{
    atomic_store(&encoder->is_bypassed, passes);
}

void track_encoder_hurry(TrackEncoder *encoder)
{
    atomic_store(&encoder->is_hurried, true);
}

/* True when the thread has ended. It is joined only then: ThreadSanitizer does not know a join with
 * a monotonic deadline. */
static bool join(TrackEncoder *encoder)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += HANG_SECONDS;
    pthread_mutex_lock(&encoder->lock);
    int error = 0;
    while (!encoder->has_ended && error == 0)
        error = pthread_cond_timedwait(&encoder->ended, &encoder->lock, &deadline);
    const bool has_ended = encoder->has_ended;
    pthread_mutex_unlock(&encoder->lock);
    if (has_ended)
        pthread_join(encoder->thread, NULL);
    else
        pthread_detach(encoder->thread);
    return has_ended;
}

bool track_encoder_free(TrackEncoder *encoder)
{
    if (encoder == NULL)
        return true;
    if (!join(encoder))
        return false;
    release(encoder);
    return true;
}

TrackEncoderStats track_encoder_stats(const TrackEncoder *encoder)
{
    return (TrackEncoderStats){
        .frames_out = ledger_value(&encoder->frames_out),
        .undecodable = ledger_value(&encoder->undecodable),
        .behind = ledger_value(&encoder->behind),
        .timeouts = ledger_value(&encoder->timeouts),
        .busy_ns = atomic_load(&encoder->busy_ns),
        .busy_since_ns = atomic_load(&encoder->busy_since_ns),
    };
}
