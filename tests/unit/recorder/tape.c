/* Plays hours of packets into a file within seconds: publishers' RTP and sender reports with
 * scripted arrival times go through receiver, depayloader, clock, queue and sink on a made-up
 * clock. tape OUTPUT-WITHOUT-EXTENSION SECONDS DRIFT-PPM [aac] The publisher's clock is fast by so
 * much; picture and sound are those of the embedded room, a minute of them again and again. With
 * "aac" the sound is encoded on the way. Prints one JSON line: what was sent, what the recorder's
 * clock showed at the end, what the clock made of it. */
#include <glib.h>
#include <libavutil/log.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "encode/frame_decoder.h"
#include "encode/sound_encoder.h"
#include "recorder/track_pipeline.h"
#include "room/media_encoder.h"
#include "room/packetizer.h"
#include "room/test_sound.h"
#include "sink/finalize.h"
#include "sink/track_set.h"

#define ORIGIN_NS (1000 * NS_PER_SECOND)
#define FPS 30
#define MINUTE_PICTURES (60 * FPS)
#define MINUTE_PACKETS (60 * 50)
#define WIDTH 160
#define HEIGHT 64
#define DRAIN_NS (20 * NS_PER_MS)
#define REPORT_NS (4 * NS_PER_SECOND)
#define POOL_BYTES (64U << 20)
#define NTP_SECONDS INT64_C(3900000000)
#define TRACKS 2

typedef struct {
    unsigned id;
    TrackKind kind;
    uint32_t rate, ssrc, rtp_offset;
    int64_t interval_ns, shortest_delay_ns, longest_delay_ns;
    MediaFrame *minute[MINUTE_PACKETS];
    unsigned minute_count;
    BoundedQueue *queue, *written; /* the same unless something is encoded in between */
    TrackCounters counters;
    TrackPipeline *pipeline;
    uint16_t sequence;
    int64_t number, arrival_ns, report_ns; /* of the next; on the recorder's clock from ORIGIN_NS */
} TapeTrack;

typedef struct {
    int64_t end_ns;
    double speed; /* of the publisher's clock against ours */
    Pool *pool;
    MediaClock *clock;
    PauseGate *gate;
    Mailbox *mailbox;
    TrackSet *set;
    OutputConfig config;
    OutputEvents events;
    TapeTrack tracks[TRACKS];
    FrameDecoder *decoder;
    SoundEncoder *encoder;
    GRand *random;
} Tape;

/* ---- the publisher ---- */

static void keep(TapeTrack *track, Packetizer *packetizer, Codec codec, const EncodedMedia *media)
{
    MediaFrame *frame = media_frame_new(0, codec, 0, media->is_key);
    packetizer_cut(packetizer, media->data, media->size, frame);
    track->minute[track->minute_count++] = frame;
}

static void draw_minute(TapeTrack *track)
{
    Packetizer packetizer = {0};
    VideoEncoder *encoder = video_encoder_new(CODEC_H264, WIDTH, HEIGHT, FPS, 60000, NULL);
    TestPicture *picture = test_picture_new(WIDTH, HEIGHT);
    require(encoder != NULL);
    for (unsigned i = 0; i < MINUTE_PICTURES; i++) {
        EncodedMedia media = {0};
        test_picture_draw(picture, i, FPS);
        require(video_encoder_encode(encoder, (const uint8_t *const *)picture->planes,
                                     picture->strides, i % (2 * FPS) == 0, &media));
        keep(track, &packetizer, CODEC_H264, &media);
    }
    test_picture_free(picture);
    video_encoder_free(encoder);
}

static void play_minute(TapeTrack *track)
{
    Packetizer packetizer = {0};
    AudioEncoder *encoder = audio_encoder_new(NULL);
    require(encoder != NULL);
    for (int64_t i = 0; i < MINUTE_PACKETS; i++) {
        float samples[AUDIO_ENCODER_FRAME_SAMPLES];
        EncodedMedia media = {0};
        test_sound_write(i * AUDIO_ENCODER_FRAME_SAMPLES, AUDIO_ENCODER_FRAME_SAMPLES, samples);
        require(audio_encoder_encode(encoder, samples, &media));
        keep(track, &packetizer, CODEC_OPUS, &media);
    }
    audio_encoder_free(encoder);
}

/* Our time when the publisher's clock shows that one. */
static int64_t ours(const Tape *tape, int64_t publisher_ns)
{
    return ORIGIN_NS + (int64_t)((double)publisher_ns / tape->speed);
}

static uint32_t rtp_at(const TapeTrack *track, int64_t publisher_ns)
{
    const int64_t rate = track->rate;
    return track->rtp_offset + (uint32_t)(publisher_ns / NS_PER_SECOND * rate +
                                          publisher_ns % NS_PER_SECOND * rate / NS_PER_SECOND);
}

/* Captured at its time, and late by what encoder and network take. */
static void plan(Tape *tape, TapeTrack *track)
{
    const int64_t captured_ns = ours(tape, track->number * track->interval_ns);
    const double delay_ns = g_rand_double_range(tape->random, (double)track->shortest_delay_ns,
                                                (double)track->longest_delay_ns);
    const int64_t arrival_ns = captured_ns + (int64_t)delay_ns;
    track->arrival_ns = MAX(arrival_ns, track->arrival_ns);
}

static void send(Tape *tape, TapeTrack *track)
{
    const MediaFrame *frame = track->minute[track->number % track->minute_count];
    const uint32_t timestamp = rtp_at(track, track->number * track->interval_ns);
    for (unsigned i = 0; i < frame->payload_count; i++) {
        const RtpPacket packet = {
            .payload = frame->bytes + frame->payloads[i].offset,
            .payload_size = frame->payloads[i].size,
            .ssrc = track->ssrc,
            .timestamp = timestamp,
            .sequence = track->sequence++,
            .payload_type = track->kind == TRACK_VIDEO ? 96 : 111,
            .marker = track->kind == TRACK_VIDEO && i + 1 == frame->payload_count,
            .arrival_ns = track->arrival_ns,
        };
        track_pipeline_push(track->pipeline, &packet);
    }
    track->number++;
    plan(tape, track);
}

static void report(Tape *tape, TapeTrack *track)
{
    const int64_t publisher_ns = (int64_t)((double)(track->report_ns - ORIGIN_NS) * tape->speed);
    const uint64_t rest = ((uint64_t)(publisher_ns % NS_PER_SECOND) << 32) / NS_PER_SECOND;
    const RtcpSenderReport report = {
        .ssrc = track->ssrc,
        .ntp = (uint64_t)(NTP_SECONDS + publisher_ns / NS_PER_SECOND) << 32 | rest,
        .rtp_timestamp = rtp_at(track, publisher_ns),
    };
    track_pipeline_sender_report(track->pipeline, &report, track->report_ns);
    track->report_ns += REPORT_NS;
}

/* ---- the recorder ---- */

static void on_track(void *owner, unsigned track_id)
{
    (void)owner;
    (void)track_id;
}

static void on_input(void *owner, unsigned track_id, const TrackInput *input)
{
    (void)owner;
    (void)track_id;
    (void)input;
}

static void on_pause(void *owner, const GatePause *pause)
{
    (void)owner;
    (void)pause;
}

static void on_opened(void *owner, const char *path, Container container)
{
    (void)owner;
    (void)path;
    (void)container;
}

static void on_failed(void *owner, const Outcome *outcome)
{
    (void)owner;
    g_error("%s", outcome->sentence);
}

static void on_track_failed(void *owner, unsigned track_id, const Outcome *outcome)
{
    (void)track_id;
    on_failed(owner, outcome);
}

static void on_encoded(void *owner, Frame *frame)
{
    Tape *tape = owner;
    frame->came_through_encoder = true;
    bounded_queue_put(tape->tracks[TRACK_AUDIO].written, frame);
}

static void on_decoded(void *owner, AVFrame *samples)
{
    const Tape *tape = owner;
    require(sound_encoder_push(tape->encoder, samples) >= 0);
}

static void encode(Tape *tape)
{
    Frame *frame = NULL;
    TapeTrack *sound = &tape->tracks[TRACK_AUDIO];
    while (tape->encoder != NULL && bounded_queue_get(sound->queue, &frame) == QUEUE_FRAME) {
        frame_decoder_push(tape->decoder, frame);
        frame_unref(frame);
    }
}

static void drain(Tape *tape, int64_t now_ns)
{
    uint8_t rtcp[1200], second[1200];
    for (unsigned i = 0; i < TRACKS; i++) {
        ByteWriter writer = byte_writer(rtcp, sizeof rtcp);
        ByteWriter again = byte_writer(second, sizeof second);
        track_pipeline_feedback(tape->tracks[i].pipeline, now_ns, 1, &writer, &again);
        HeadCorrection head;
        SinkTrack *track = track_set_find(tape->set, tape->tracks[i].id);
        if (!track_pipeline_publish_clock(tape->tracks[i].pipeline, &head))
            continue;
        track->has_correction = true;
        track->delta_ns = head.delta_ns;
        track->slew_start_ns = head.slew_start_ns;
        track->slew_end_ns = head.slew_end_ns;
    }
    encode(tape);
    track_set_drain(tape->set, now_ns);
    mailbox_drain(tape->mailbox);
}

static void make_track(Tape *tape, TapeTrack *track, bool encodes)
{
    const bool is_video = track->kind == TRACK_VIDEO;
    track->queue = bounded_queue_new(track->kind, 200, POOL_BYTES);
    track->written = encodes ? bounded_queue_new(track->kind, 200, POOL_BYTES) : track->queue;
    const TrackPipelineConfig config = {
        .track_id = track->id,
        .kind = track->kind,
        .queue = track->queue,
        .counters = &track->counters,
        .clock = tape->clock,
        .gate = tape->gate,
        .pool = tape->pool,
        .keyframe_timeout_ns = 2 * NS_PER_SECOND,
    };
    track->pipeline = track_pipeline_new(
        &config,
        (TrackPipelineOut){.owner = tape, .on_track = on_track, .input_changed = on_input});
    const ReceiverPayload payloads[] = {{111, CODEC_OPUS, 0}, {96, CODEC_H264, 97}};
    track_pipeline_bind(track->pipeline, track->ssrc, 0, payloads, 2);
    const OutputTrack output = {
        .id = track->id,
        .kind = track->kind,
        .expected_codec = is_video ? CODEC_H264 : (encodes ? CODEC_AAC : CODEC_OPUS),
        .queue = track->written,
        .counters = &track->counters,
        .language = "und",
    };
    track_set_add(tape->set, &output, ORIGIN_NS);
}

static void make_recorder(Tape *tape, char *stem, bool encodes)
{
    tape->random = g_rand_new_with_seed(1);
    tape->pool = pool_new(POOL_BYTES);
    tape->clock = media_clock_new(ORIGIN_NS);
    tape->gate = pause_gate_new(
        NS_PER_SECOND, (PauseGateOut){.owner = tape, .paused = on_pause, .resumed = on_pause});
    tape->mailbox = mailbox_new();
    tape->config = (OutputConfig){
        .stem = stem, .container = CONTAINER_MP4, .finalize_max_bytes = UINT64_C(8) << 30};
    tape->events = (OutputEvents){
        .owner = tape,
        .mailbox = tape->mailbox,
        .opened = on_opened,
        .track_started = on_track,
        .need_keyframe = on_track,
        .failed = on_failed,
        .track_failed = on_track_failed,
    };
    tape->set = track_set_new(&tape->config, &tape->events);
    if (!encodes)
        return;
    EncoderSettings settings = encoder_settings_default(ENCODING_AAC);
    settings.bitrate = 96000;
    int error = 0;
    tape->decoder = frame_decoder_new((FrameDecoderOut){tape, on_decoded});
    tape->encoder =
        sound_encoder_new(CODEC_AAC, &settings, tape->pool, (EncoderOut){tape, on_encoded}, &error);
    require(tape->encoder != NULL);
}

static void play(Tape *tape)
{
    int64_t drain_ns = ORIGIN_NS;
    for (;;) {
        TapeTrack *next = &tape->tracks[0];
        if (tape->tracks[1].arrival_ns < next->arrival_ns)
            next = &tape->tracks[1];
        if (next->arrival_ns >= tape->end_ns)
            return;
        for (; drain_ns <= next->arrival_ns; drain_ns += DRAIN_NS)
            drain(tape, drain_ns);
        for (unsigned i = 0; i < TRACKS; i++) {
            if (tape->tracks[i].report_ns <= next->arrival_ns)
                report(tape, &tape->tracks[i]);
        }
        send(tape, next);
    }
}

static void finish(Tape *tape)
{
    OutputResult result = {0};
    for (unsigned i = 0; i < TRACKS; i++)
        track_pipeline_stop(tape->tracks[i].pipeline);
    encode(tape);
    if (tape->encoder != NULL) {
        require(sound_encoder_flush(tape->encoder) >= 0);
        bounded_queue_end(tape->tracks[TRACK_AUDIO].written);
    }
    require(track_set_stop(tape->set, tape->end_ns, false));
    FinalizeJob job = {
        .config = &tape->config, .outcome = track_set_outcome(tape->set), .is_wanted = true};
    job.part_count = track_set_parts(tape->set, &job.parts);
    job.track_count = track_set_tracks(tape->set, &job.tracks);
    finalize_run(&job, &result);
    require(result.file_count == 1);
    MediaClockTrack figures[TRACKS];
    for (unsigned i = 0; i < TRACKS; i++)
        require(media_clock_track(tape->clock, tape->tracks[i].id, &figures[i]));
    printf("{\"path\": \"%s\", \"seconds\": %.6f, \"sound_packets\": %" G_GINT64_FORMAT
           ", \"pictures\": %" G_GINT64_FORMAT ", \"drift_ppm\": %.1f, \"steps\": %u}\n",
           result.files[0].path, (double)(tape->end_ns - ORIGIN_NS) / 1e9,
           tape->tracks[TRACK_AUDIO].number, tape->tracks[TRACK_VIDEO].number,
           (double)figures[TRACK_AUDIO].drift_ppb / 1000,
           figures[TRACK_AUDIO].steps + figures[TRACK_VIDEO].steps);
    output_result_clear(&result);
}

static void tape_clear(Tape *tape)
{
    track_set_free(tape->set);
    sound_encoder_free(tape->encoder);
    if (tape->decoder != NULL)
        frame_decoder_free(tape->decoder);
    for (unsigned i = 0; i < TRACKS; i++) {
        TapeTrack *track = &tape->tracks[i];
        track_pipeline_free(track->pipeline);
        if (track->written != track->queue)
            bounded_queue_free(track->written);
        bounded_queue_free(track->queue);
        for (unsigned k = 0; k < track->minute_count; k++)
            media_frame_unref(track->minute[k]);
    }
    pause_gate_free(tape->gate);
    media_clock_free(tape->clock);
    mailbox_free(tape->mailbox);
    pool_unref(tape->pool);
    g_rand_free(tape->random);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: tape OUTPUT-WITHOUT-EXTENSION SECONDS DRIFT-PPM [aac]\n");
        return 2;
    }
    av_log_set_level(AV_LOG_ERROR);
    const bool encodes = argc > 4 && strcmp(argv[4], "aac") == 0;
    g_autofree Tape *tape = g_new0(Tape, 1);
    tape->end_ns = ORIGIN_NS + (int64_t)(g_ascii_strtod(argv[2], NULL) * 1e9);
    tape->speed = 1 + g_ascii_strtod(argv[3], NULL) / 1e6;
    make_recorder(tape, argv[1], encodes);
    /* Both RTP times wrap in mid-tape, sequence numbers again and again. */
    tape->tracks[TRACK_AUDIO] = (TapeTrack){.id = 1,
                                            .kind = TRACK_AUDIO,
                                            .rate = 48000,
                                            .ssrc = 11,
                                            .rtp_offset = 0u - 48000u * 1000,
                                            .sequence = 60000,
                                            .interval_ns = 20 * NS_PER_MS,
                                            .shortest_delay_ns = 3 * NS_PER_MS,
                                            .longest_delay_ns = 20 * NS_PER_MS,
                                            .report_ns = ORIGIN_NS + 3 * NS_PER_SECOND};
    tape->tracks[TRACK_VIDEO] = (TapeTrack){.id = 2,
                                            .kind = TRACK_VIDEO,
                                            .rate = 90000,
                                            .ssrc = 12,
                                            .rtp_offset = 0u - 90000u * 2000,
                                            .sequence = 65000,
                                            .interval_ns = NS_PER_SECOND / FPS,
                                            .shortest_delay_ns = 8 * NS_PER_MS,
                                            .longest_delay_ns = 40 * NS_PER_MS,
                                            .report_ns = ORIGIN_NS + 3500 * NS_PER_MS};
    play_minute(&tape->tracks[TRACK_AUDIO]);
    draw_minute(&tape->tracks[TRACK_VIDEO]);
    for (unsigned i = 0; i < TRACKS; i++) {
        make_track(tape, &tape->tracks[i], encodes && tape->tracks[i].kind == TRACK_AUDIO);
        plan(tape, &tape->tracks[i]);
    }
    play(tape);
    finish(tape);
    tape_clear(tape);
    return 0;
}
