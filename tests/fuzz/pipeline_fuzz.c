/* Packets and sender reports as somebody with the keys could send them, through a track's whole
 * chain: receiver, depayloader, clock, pause gate, queue. Each record is one datagram; its first
 * byte says how much time passed, and whether the recording is paused or goes on. */
#include <glib.h>

#include "base/check.h"
#include "base/clock.h"
#include "fuzz.h"
#include "recorder/track_pipeline.h"
#include "rtp/rtp_packet.h"

#define START_NS (100 * NS_PER_SECOND)
#define KIND_TIME 0x3f
#define KIND_PAUSE 0x40
#define KIND_RESUME 0x80
#define SSRC 0x11111111
#define RTX_SSRC 0x22222222

typedef struct {
    TrackPipeline *pipeline;
    BoundedQueue *queue;
    TrackCounters counters;
    int64_t now_ns, last_pts_ns;
} Chain;

static void on_track(void *owner, unsigned track_id)
{
    (void)owner;
    require(track_id == 0);
}

static void on_input_changed(void *owner, unsigned track_id, const TrackInput *input)
{
    (void)owner;
    require(track_id == 0 && input->codec != CODEC_UNKNOWN);
}

static void on_pause(void *owner, const GatePause *pause)
{
    (void)owner;
    (void)pause;
}

static void on_sender_report(void *owner, const RtcpSenderReport *report)
{
    Chain *chain = owner;
    track_pipeline_sender_report(chain->pipeline, report, chain->now_ns);
}

static void drain(Chain *chain)
{
    Frame *frame;
    while (bounded_queue_get(chain->queue, &frame) == QUEUE_FRAME) {
        require(frame->size > 0 && frame->pts_ns >= chain->last_pts_ns);
        chain->last_pts_ns = frame->pts_ns;
        frame_unref(frame);
    }
}

static void take(Chain *chain, PauseGate *gate, const FuzzRecord *record)
{
    uint8_t rtcp[1200], second[1200];
    ByteWriter writer = byte_writer(rtcp, sizeof rtcp);
    ByteWriter again = byte_writer(second, sizeof second);
    chain->now_ns += (record->kind & KIND_TIME) * 5 * NS_PER_MS;
    if (record->kind & KIND_PAUSE)
        pause_gate_pause(gate, chain->now_ns - START_NS, record->size & 1);
    if (record->kind & KIND_RESUME)
        pause_gate_resume(gate, chain->now_ns - START_NS);
    RtpPacket packet;
    if (rtp_is_rtcp(record->data, record->size)) {
        const RtcpHandler handler = {.owner = chain, .sender_report = on_sender_report};
        rtcp_parse(record->data, record->size, &handler);
    } else if (rtp_packet_parse(record->data, record->size, chain->now_ns, &packet) &&
               (packet.ssrc == SSRC || packet.ssrc == RTX_SSRC)) {
        track_pipeline_push(chain->pipeline, &packet);
    }
    track_pipeline_feedback(chain->pipeline, chain->now_ns, 1, &writer, &again);
    require(!writer.failed);
    drain(chain);
}

static void run(Chain *chain, PauseGate *gate, ByteReader *reader)
{
    static const ReceiverPayload payloads[] = {
        {96, CODEC_VP8, 97},  {98, CODEC_H264, 99}, {100, CODEC_VP9, 101}, {45, CODEC_AV1, 46},
        {49, CODEC_H265, 50}, {111, CODEC_OPUS, 0}, {0, CODEC_PCMU, 0},
    };
    FuzzRecord record;
    track_pipeline_bind(chain->pipeline, SSRC, RTX_SSRC, payloads, G_N_ELEMENTS(payloads));
    while (fuzz_next(reader, &record))
        take(chain, gate, &record);
    HeadCorrection head;
    track_pipeline_publish_clock(chain->pipeline, &head);
    pause_gate_end(gate);
    track_pipeline_stop(chain->pipeline);
    drain(chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ByteReader reader = byte_reader(data, size);
    const TrackKind kind = bytes_read_u8(&reader) & 1 ? TRACK_VIDEO : TRACK_AUDIO;
    Chain *chain = g_new0(Chain, 1);
    chain->now_ns = START_NS;
    chain->last_pts_ns = INT64_MIN;
    chain->queue = bounded_queue_new(kind, 60, 1 << 20);
    Pool *pool = pool_new(1 << 20);
    MediaClock *clock = media_clock_new(START_NS);
    PauseGate *gate = pause_gate_new(
        3 * NS_PER_SECOND, (PauseGateOut){.owner = chain, .paused = on_pause, .resumed = on_pause});
    const TrackPipelineConfig config = {
        .kind = kind,
        .queue = chain->queue,
        .counters = &chain->counters,
        .clock = clock,
        .gate = gate,
        .pool = pool,
        .keyframe_timeout_ns = 2 * NS_PER_SECOND,
        .seek_interval_ns = 10 * NS_PER_SECOND,
    };
    chain->pipeline = track_pipeline_new(
        &config, (TrackPipelineOut){.on_track = on_track, .input_changed = on_input_changed});
    run(chain, gate, &reader);
    for (Stage stage = STAGE_RECEIVE; stage <= STAGE_CLOCK; stage++)
        require(ledger_row_balances(&chain->counters.ledger, stage));
    track_pipeline_free(chain->pipeline);
    pause_gate_free(gate);
    bounded_queue_free(chain->queue);
    media_clock_free(clock);
    require(pool_usage(pool).in_use_bytes == 0);
    pool_unref(pool);
    g_free(chain);
    return 0;
}
