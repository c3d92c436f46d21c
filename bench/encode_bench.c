/* Encodes a file's tracks as a recording would, as fast as it goes, and prints what came out:
 * encode_bench FILE FORMAT QUALITY [OPTIONS]. The processor time is for who started it to read. */
#include <inttypes.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "encode/av_codec_id.h"
#include "encode/track_encoder.h"
#include "flow/format.h"

#define POOL_BYTES (512U << 20)
#define FRAMES_MAX 20000
#define WAIT_NS NS_PER_SECOND
#define PROBLEM_MAX 300

typedef struct {
    Encoding encoding;
    EncoderSettings settings;
    Pool *pool;
    BoundedQueue *in, *out;
    TrackCounters counters;
    TrackEncoder *encoder; /* NULL: this format does not encode it */
    uint64_t bytes_out;
} Lane;

typedef struct {
    const Format *format;
    const Quality *quality;
    Mailbox *mailbox;
    Lane lanes[2]; /* by TrackKind */
    bool has_failed;
} Bench;

static void die(const char *what, const char *name)
{
    fprintf(stderr, "encode_bench: %s: %s\n", name, what);
    exit(2);
}

static Codec codec_of(enum AVCodecID id)
{
    for (Codec codec = CODEC_UNKNOWN + 1; codec < CODEC_COUNT; codec++) {
        if (av_codec_id(codec) == id)
            return codec;
    }
    return CODEC_UNKNOWN;
}

/* ---- the file, whole ---- */

static void put_packet(Lane *lane, const AVStream *stream, const AVPacket *packet)
{
    Frame *frame = frame_new(lane->pool, (size_t)packet->size);
    if (frame == NULL)
        die("the file is too large", "memory");
    memcpy(frame->data, packet->data, (size_t)packet->size);
    frame->size = (size_t)packet->size;
    frame->codec = codec_of(stream->codecpar->codec_id);
    frame->is_key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    frame->pts_ns =
        av_rescale_q(packet->pts, stream->time_base, (AVRational){1, (int)NS_PER_SECOND});
    if (!bounded_queue_put(lane->in, frame).accepted)
        die("the file has too many frames", "memory");
}

static Lane *lane_of(Bench *bench, const AVStream *stream)
{
    const Codec codec = codec_of(stream->codecpar->codec_id);
    if (codec == CODEC_UNKNOWN || format_keeps(bench->format, bench->quality, codec))
        return NULL;
    Lane *lane = &bench->lanes[codec_kind(codec)];
    return lane->encoding == ENCODING_NONE ? NULL : lane;
}

static void read_file(Bench *bench, const char *path)
{
    AVFormatContext *file = NULL;
    if (avformat_open_input(&file, path, NULL, NULL) < 0 ||
        avformat_find_stream_info(file, NULL) < 0)
        die("cannot be read", path);
    AVPacket *packet = av_packet_alloc();
    require(packet != NULL);
    while (av_read_frame(file, packet) == 0) {
        const AVStream *stream = file->streams[packet->stream_index];
        Lane *lane = lane_of(bench, stream);
        if (lane != NULL)
            put_packet(lane, stream, packet);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    avformat_close_input(&file);
}

/* ---- encoding ---- */

static void on_need_keyframe(void *owner, unsigned track_id)
{
    (void)owner;
    (void)track_id;
}

static void on_failed(void *owner, unsigned track_id, const char *sentence)
{
    Bench *bench = owner;
    bench->has_failed = true;
    fprintf(stderr, "encode_bench: track %u: %s\n", track_id, sentence);
}

static void lane_prepare(Lane *lane, const Bench *bench, TrackKind kind, const char *options)
{
    const Quality *quality = bench->quality;
    char problem[PROBLEM_MAX];
    lane->encoding = format_encoding(bench->format, quality, kind);
    lane->settings = encoder_settings_default(lane->encoding);
    lane->settings.bitrate = kind == TRACK_VIDEO ? quality->video_bitrate : quality->audio_bitrate;
    if (lane->encoding == format_main_encoding(bench->format) &&
        !encoder_settings_parse(&lane->settings, lane->encoding, options, problem, sizeof problem))
        die(problem, options);
    lane->pool = pool_new(POOL_BYTES);
    /* Never more than half full, or pictures would be left out. */
    lane->in = bounded_queue_new(kind, 2 * FRAMES_MAX, POOL_BYTES);
    lane->out = bounded_queue_new(kind, FRAMES_MAX, POOL_BYTES);
}

static void lane_begin(Lane *lane, Bench *bench, TrackKind kind)
{
    if (bounded_queue_stats(lane->in).size == 0)
        return;
    bounded_queue_end(lane->in);
    const TrackEncoderConfig config = {
        .track_id = kind,
        .kind = kind,
        .codec = encoding_codec(lane->encoding),
        .settings = lane->settings,
        .ceiling = {bench->quality->max_width, bench->quality->max_height},
        .encode_timeout_ns = INT64_MAX,
        .in = lane->in,
        .out = lane->out,
        .counters = &lane->counters,
        .pool = lane->pool,
    };
    const TrackEncoderEvents events = {bench, bench->mailbox, on_need_keyframe, on_failed};
    lane->encoder = track_encoder_new(&config, &events);
}

static void lane_finish(Lane *lane)
{
    Frame *frame;
    for (QueueGet got = QUEUE_EMPTY; lane->encoder != NULL && got != QUEUE_END;) {
        got = bounded_queue_wait(lane->out, WAIT_NS, &frame);
        if (got != QUEUE_FRAME)
            continue;
        lane->bytes_out += frame->size;
        frame_unref(frame);
    }
}

static void lane_report(Lane *lane)
{
    if (lane->encoder == NULL)
        return;
    const TrackEncoderStats stats = track_encoder_stats(lane->encoder);
    char settings[PROBLEM_MAX];
    encoder_settings_format(&lane->settings, settings, sizeof settings);
    printf("{\"encoding\": \"%s\", \"settings\": \"%s\", \"frames_in\": %" PRIu64
           ", \"frames_out\": %" PRIu64 ", \"left_out\": %" PRIu64 ", \"undecodable\": %" PRIu64
           ", \"bytes_out\": %" PRIu64 "}\n",
           encoding_name(lane->encoding), settings,
           ledger_value(&lane->counters.ledger.rows[STAGE_ENCODE].in), stats.frames_out,
           stats.behind, stats.undecodable, lane->bytes_out);
}

static void lane_free(Lane *lane)
{
    track_encoder_free(lane->encoder);
    bounded_queue_free(lane->in);
    bounded_queue_free(lane->out);
    pool_unref(lane->pool);
}

int main(int count, char **arguments)
{
    av_log_set_level(AV_LOG_ERROR);
    if (count < 4)
        die("FILE FORMAT QUALITY [OPTIONS]", "usage");
    Bench bench = {.format = format_find(arguments[2]), .quality = quality_find(arguments[3])};
    if (bench.format == NULL || bench.quality == NULL)
        die("no such format or quality", arguments[bench.format == NULL ? 2 : 3]);
    bench.mailbox = mailbox_new();
    for (TrackKind kind = TRACK_AUDIO; kind <= TRACK_VIDEO; kind++)
        lane_prepare(&bench.lanes[kind], &bench, kind, count > 4 ? arguments[4] : "");
    read_file(&bench, arguments[1]);
    for (TrackKind kind = TRACK_AUDIO; kind <= TRACK_VIDEO; kind++)
        lane_begin(&bench.lanes[kind], &bench, kind);
    lane_finish(&bench.lanes[TRACK_VIDEO]);
    lane_finish(&bench.lanes[TRACK_AUDIO]);
    mailbox_drain(bench.mailbox);
    for (TrackKind kind = TRACK_AUDIO; kind <= TRACK_VIDEO; kind++) {
        lane_report(&bench.lanes[kind]);
        lane_free(&bench.lanes[kind]);
    }
    mailbox_free(bench.mailbox);
    return bench.has_failed ? 1 : 0;
}
