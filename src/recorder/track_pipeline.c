#include "recorder/track_pipeline.h"

#include <glib.h>

#include "base/clock.h"
#include "depay/depayloader.h"
#include "depay/keyframe_start.h"
#include "recorder/gap_watch.h"
#include "recorder/input_watch.h"
#include "recorder/keyframe_request.h"
#include "recorder/layer_wait.h"
#include "recorder/queue_patience.h"

/* The server begins every track with a key frame: only when it does not come is one asked for. */
#define FIRST_KEYFRAME_PATIENCE_NS (300 * NS_PER_MS)
#define NACKS_AT_ONCE 256
#define GAPS_MAX 256

struct TrackPipeline {
    /* what each packet touches, side by side */
    Receiver *receiver; /* NULL while nothing is subscribed */
    Depayloader *depayloader;
    KeyframeRequest keyframes;
    GapWatch gap_watch;
    TrackPipelineConfig config;
    GateTrack *gate_track;
    TrackPipelineOut out;
    uint32_t ssrc;
    bool seen_packet;    /* since the last bind */
    bool registered;     /* with the clock, since the last bind */
    int64_t last_pts_ns; /* of the last frame */
    bool head_known;     /* and told */
    int64_t head_end_ns; /* up to where it reaches */
    bool nacks_open;
    uint32_t key_timestamp; /* of the key frame that has begun */

    InputWatch input_watch;
    LayerWait layer_wait;

    unsigned gaps;
    QueuePatience patience;
};

static void want_keyframe(TrackPipeline *pipeline, int64_t due_ns)
{
    if (pipeline->config.kind == TRACK_VIDEO)
        keyframe_request_want(&pipeline->keyframes, due_ns);
}

static void on_need_keyframe(void *owner)
{
    TrackPipeline *pipeline = owner;
    const int64_t now_ns = atomic_load(&pipeline->config.counters->last_packet_ns);
    const bool is_first = atomic_load(&pipeline->config.counters->keyframes) == 0;
    keyframe_request_lost(&pipeline->keyframes,
                          is_first ? now_ns + FIRST_KEYFRAME_PATIENCE_NS : now_ns);
}

static bool is_lossy(const TrackPipeline *pipeline, int64_t now_ns)
{
    return pipeline->receiver && receiver_is_lossy(pipeline->receiver, now_ns);
}

static void note_keyframe(TrackPipeline *pipeline, const Frame *frame)
{
    ledger_add(&pipeline->config.counters->keyframes, 1);
    keyframe_request_came(&pipeline->keyframes, frame->arrival_ns,
                          is_lossy(pipeline, frame->arrival_ns));
}

/* At the first packet, so that a sender report that comes before the first frame is not lost. */
static void start_clock(TrackPipeline *pipeline, const RtpPacket *packet, Codec codec)
{
    const TrackPipelineConfig *config = &pipeline->config;
    pipeline->registered = media_clock_register_track(
        config->clock, config->track_id, config->publisher_id, config->kind,
        codec_clock_rate(codec), packet->timestamp, packet->arrival_ns);
}

static bool ask_clock(const TrackPipelineConfig *config, Frame *frame)
{
    if (frame->is_late)
        return media_clock_late_rtp_to_pts(config->clock, config->track_id, frame->rtp_timestamp,
                                           &frame->pts_ns);
    return media_clock_rtp_to_pts(config->clock, config->track_id, frame->rtp_timestamp,
                                  frame->arrival_ns, &frame->pts_ns);
}

static bool place_on_timeline(TrackPipeline *pipeline, Frame *frame)
{
    if (!pipeline->registered || !ask_clock(&pipeline->config, frame))
        return false;
    /* One codec may follow another that has no delay. */
    frame->pts_ns =
        MAX(frame->pts_ns - codec_decoder_delay_ns(frame->codec), pipeline->last_pts_ns);
    pipeline->last_pts_ns = frame->pts_ns;
    return true;
}

static void enqueue(TrackPipeline *pipeline, Frame *frame)
{
    LedgerRow *row = &pipeline->config.counters->ledger.rows[STAGE_QUEUE];
    ledger_add(&row->in, 1);
    queue_patience_wait(&pipeline->patience, pipeline->config.queue, frame);
    const QueuePut put = bounded_queue_put(pipeline->config.queue, frame);
    if (put.dropped > 0)
        ledger_add(&row->dropped[DROP_QUEUE_FULL], put.dropped);
    if (put.needs_keyframe) {
        depayloader_break_references(pipeline->depayloader);
        gap_watch_queue_full(&pipeline->gap_watch);
        want_keyframe(pipeline, 0);
    }
}

static LedgerRow *clock_row(const TrackPipeline *pipeline)
{
    return &pipeline->config.counters->ledger.rows[STAGE_CLOCK];
}

/* By the gate, until the end of a pause is known. */
static void hold(LedgerRow *row, int change)
{
    ledger_add(&row->held, (uint64_t)(int64_t)change);
}

static void on_pass(void *owner, Frame *frame)
{
    TrackPipeline *pipeline = owner;
    TrackCounters *counters = pipeline->config.counters;
    ledger_add(&clock_row(pipeline)->out, 1);
    hold(clock_row(pipeline), -1);
    if (atomic_load(&counters->first_frame_ns) == 0)
        atomic_store(&counters->first_frame_ns, frame->arrival_ns);
    enqueue(pipeline, frame);
}

static void on_drop(void *owner, Frame *frame)
{
    TrackPipeline *pipeline = owner;
    ledger_add(&clock_row(pipeline)->dropped[DROP_PAUSED], 1);
    hold(clock_row(pipeline), -1);
    frame_unref(frame);
}

static void on_gate_needs_keyframe(void *owner)
{
    want_keyframe(owner, 0);
}

static bool is_flowing(const TrackPipeline *pipeline, int64_t now_ns)
{
    return now_ns - atomic_load(&pipeline->config.counters->last_packet_ns) < NS_PER_SECOND;
}

static bool on_is_flowing(void *owner)
{
    return is_flowing(owner, clock_monotonic_ns());
}

static void note_input(TrackPipeline *pipeline, const Frame *frame)
{
    TrackInput input;
    if (input_watch_frame(&pipeline->input_watch, frame, &input))
        pipeline->out.input_changed(pipeline->out.owner, pipeline->config.track_id, &input);
}

/* What a pause keeps out is not missed, and a new subscription begins anew. */
static void forget_gap(TrackPipeline *pipeline)
{
    pipeline->gap_watch = (GapWatch){.typical_ns = pipeline->gap_watch.typical_ns,
                                     .lost_before = pipeline->gap_watch.lost_before};
}

static void watch_gaps(TrackPipeline *pipeline, const Frame *frame)
{
    TrackGap gap;
    if (pause_gate_is_closed(pipeline->config.gate)) {
        forget_gap(pipeline);
        return;
    }
    const uint64_t lost = ledger_value(&pipeline->config.counters->lost);
    const uint64_t missing = depayloader_missing(pipeline->depayloader);
    if (gap_watch_frame(&pipeline->gap_watch, frame, lost, missing, &gap) && pipeline->out.gap &&
        pipeline->gaps++ < GAPS_MAX)
        pipeline->out.gap(pipeline->out.owner, pipeline->config.track_id, &gap);
}

static void on_frame(void *owner, Frame *frame)
{
    TrackPipeline *pipeline = owner;
    LedgerRow *row = clock_row(pipeline);
    ledger_add(&row->in, 1);
    if (frame->is_key && pipeline->config.kind == TRACK_VIDEO)
        note_keyframe(pipeline, frame);
    if (!place_on_timeline(pipeline, frame)) {
        ledger_add(&row->dropped[DROP_NO_TIME], 1);
        frame_unref(frame);
        return;
    }
    if (layer_wait_refuses(&pipeline->layer_wait, frame)) {
        ledger_add(&row->dropped[DROP_OTHER_LAYER], 1);
        want_keyframe(pipeline, pipeline->layer_wait.deadline_ns);
        frame_unref(frame);
        return;
    }
    note_input(pipeline, frame);
    if (pipeline->config.kind == TRACK_VIDEO)
        watch_gaps(pipeline, frame);
    hold(row, 1);
    pause_gate_push(pipeline->gate_track, frame);
}

static void on_packet(void *owner, const RtpPacket *packet, Codec codec, unsigned lost_before)
{
    TrackPipeline *pipeline = owner;
    if (!pipeline->seen_packet) {
        pipeline->seen_packet = true;
        start_clock(pipeline, packet, codec);
        pipeline->out.on_track(pipeline->out.owner, pipeline->config.track_id);
    }
    gap_watch_packet(&pipeline->gap_watch, lost_before,
                     ledger_value(&pipeline->config.counters->lost));
    depayloader_push(pipeline->depayloader, packet, codec, lost_before);
}

TrackPipeline *track_pipeline_new(const TrackPipelineConfig *config, TrackPipelineOut out)
{
    TrackPipeline *pipeline = g_new0(TrackPipeline, 1);
    pipeline->config = *config;
    pipeline->patience.waited_ns = config->waited_ns;
    pipeline->config.pool = pool_ref(config->pool);
    pipeline->last_pts_ns = INT64_MIN;
    pipeline->out = out;
    pipeline->keyframes = (KeyframeRequest){.timeout_ns = config->keyframe_timeout_ns,
                                            .round_trip = config->round_trip};
    pipeline->depayloader = depayloader_new(
        config->kind, config->pool, &config->counters->ledger.rows[STAGE_DEPAY],
        (DepayloaderOut){.owner = pipeline, .frame = on_frame, .need_keyframe = on_need_keyframe});
    pipeline->gate_track = pause_gate_add(config->gate, config->kind,
                                          (GateTrackOut){.owner = pipeline,
                                                         .pass = on_pass,
                                                         .drop = on_drop,
                                                         .need_keyframe = on_gate_needs_keyframe,
                                                         .is_flowing = on_is_flowing});
    return pipeline;
}

void track_pipeline_free(TrackPipeline *pipeline)
{
    if (!pipeline)
        return;
    receiver_free(pipeline->receiver);
    depayloader_free(pipeline->depayloader);
    pool_unref(pipeline->config.pool);
    g_free(pipeline);
}

void track_pipeline_bind(TrackPipeline *pipeline, uint32_t ssrc, uint32_t rtx_ssrc,
                         const ReceiverPayload *payloads, unsigned count)
{
    ReceiverConfig config = {
        .ssrc = ssrc,
        .rtx_ssrc = rtx_ssrc,
        .kind = pipeline->config.kind,
        .payload_count = MIN(count, RECEIVER_MAX_PAYLOAD_TYPES),
        .counters = pipeline->config.counters,
    };
    for (unsigned i = 0; i < config.payload_count; i++)
        config.payloads[i] = payloads[i];
    receiver_free(pipeline->receiver);
    pipeline->receiver =
        receiver_new(&config, (ReceiverOut){.owner = pipeline, .packet = on_packet});
    track_pipeline_round_trip_changed(pipeline);
    pipeline->ssrc = ssrc;
    pipeline->seen_packet = false;
    pipeline->registered = false;
    if (pipeline->config.kind == TRACK_VIDEO && atomic_load(&pipeline->config.counters->keyframes))
        depayloader_break_references(pipeline->depayloader);
}

void track_pipeline_unbind(TrackPipeline *pipeline)
{
    if (!pipeline->receiver)
        return;
    receiver_flush(pipeline->receiver);
    depayloader_flush(pipeline->depayloader);
    receiver_free(pipeline->receiver);
    pipeline->receiver = NULL;
    keyframe_request_forget(&pipeline->keyframes);
    pipeline->nacks_open = false;
    forget_gap(pipeline);
}

void track_pipeline_set_queue(TrackPipeline *pipeline, BoundedQueue *queue, bool moves)
{
    BoundedQueue *former = pipeline->config.queue;
    Frame *frame = NULL;
    pipeline->config.queue = queue;
    while (moves && bounded_queue_get(former, &frame) == QUEUE_FRAME)
        bounded_queue_put(queue, frame);
    if (!moves)
        want_keyframe(pipeline, 0);
}

void track_pipeline_be_patient(TrackPipeline *pipeline, int64_t until_ns)
{
    pipeline->patience.until_ns = until_ns;
}

void track_pipeline_await_side(TrackPipeline *pipeline, uint32_t longest)
{
    pipeline->layer_wait = (LayerWait){.longest = longest};
}

static int64_t pli_deadline(const TrackPipeline *pipeline)
{
    const KeyframeRequest *request = &pipeline->keyframes;
    const bool is_due = request->is_wanted && !pause_gate_is_closed(pipeline->config.gate);
    return is_due ? request->due_ns : CLOCK_NEVER;
}

/* The key frame that is waited for begins with it. */
static bool begins_keyframe(const TrackPipeline *pipeline, const RtpPacket *packet,
                            KeyframeStart *ret_start)
{
    RtpPacket original;
    Codec codec;
    if (!pipeline->keyframes.is_wanted ||
        !receiver_original(pipeline->receiver, packet, &original, &codec) ||
        !keyframe_starts_with(&original, codec, ret_start))
        return false;
    return !pipeline->keyframes.has_begun || original.timestamp == pipeline->key_timestamp;
}

/* Nobody needs what is missing in front of the key frame, and behind it the server hears NACKs. */
static void push_keyframe_start(TrackPipeline *pipeline, const RtpPacket *packet,
                                const KeyframeStart *start)
{
    const bool had_begun = pipeline->keyframes.has_begun;
    keyframe_request_seen(&pipeline->keyframes, packet->arrival_ns);
    receiver_push(pipeline->receiver, packet);
    if (depayloader_waits_for_keyframe(pipeline->depayloader))
        receiver_skip_to(pipeline->receiver, start->sequence, start->in_front);
    if (had_begun || pipeline->keyframes.server_is_deaf)
        return;
    pipeline->key_timestamp = start->timestamp;
    keyframe_request_begun(&pipeline->keyframes, packet->arrival_ns);
    receiver_ask_again(pipeline->receiver, packet->arrival_ns);
}

int64_t track_pipeline_push(TrackPipeline *pipeline, const RtpPacket *packet)
{
    if (!pipeline->receiver)
        return CLOCK_NEVER;
    KeyframeStart start;
    if (begins_keyframe(pipeline, packet, &start))
        push_keyframe_start(pipeline, packet, &start);
    else
        receiver_push(pipeline->receiver, packet);
    const int64_t deadline_ns = receiver_advance(pipeline->receiver, packet->arrival_ns);
    return MIN(deadline_ns, pli_deadline(pipeline));
}

void track_pipeline_sender_report(TrackPipeline *pipeline, const RtcpSenderReport *report,
                                  int64_t now_ns)
{
    if (!pipeline->receiver)
        return;
    receiver_sender_report(pipeline->receiver, report, now_ns);
    if (pipeline->registered)
        media_clock_sender_report(pipeline->config.clock, pipeline->config.track_id, report->ntp,
                                  report->rtp_timestamp, now_ns);
}

static void write_nacks(TrackPipeline *pipeline, int64_t now_ns, uint32_t own_ssrc,
                        ByteWriter *rtcp)
{
    uint16_t sequences[NACKS_AT_ONCE];
    const unsigned count =
        receiver_take_nacks(pipeline->receiver, now_ns, sequences, NACKS_AT_ONCE);
    if (count > 0)
        rtcp_write_nack(rtcp, own_ssrc, pipeline->ssrc, sequences, count);
}

/* Browsers send key frames on request only; players need them to seek (design 7). Each asks up to a
 * quarter later, by a random number: all subscribers of a track have its last key frame from the
 * same moment, and who asks when others do asks in vain. */
static void keep_seekable(TrackPipeline *pipeline, int64_t now_ns, uint32_t own_ssrc)
{
    const int64_t least_ns = pipeline->config.seek_interval_ns;
    const int64_t interval_ns = least_ns + least_ns / 4 * (own_ssrc & 0xff) / 0x100;
    const KeyframeRequest *request = &pipeline->keyframes;
    if (interval_ns <= 0 || request->last_keyframe_ns == 0 || request->is_wanted ||
        pipeline->nacks_open)
        return;
    if (is_flowing(pipeline, now_ns) && now_ns - request->last_keyframe_ns >= interval_ns)
        want_keyframe(pipeline, now_ns);
}

static void write_pli(TrackPipeline *pipeline, int64_t now_ns, uint32_t own_ssrc, ByteWriter *rtcp,
                      ByteWriter *again)
{
    const bool is_repeated = is_lossy(pipeline, now_ns);
    if (receiver_is_unheard(pipeline->receiver, now_ns))
        keyframe_request_wake(&pipeline->keyframes, now_ns);
    if (!keyframe_request_take(&pipeline->keyframes, now_ns, is_repeated))
        return;
    rtcp_write_pli(rtcp, own_ssrc, pipeline->ssrc);
    if (is_repeated)
        rtcp_write_pli(again, own_ssrc, pipeline->ssrc);
    ledger_add(&pipeline->config.counters->plis, 1);
}

int64_t track_pipeline_feedback(TrackPipeline *pipeline, int64_t now_ns, uint32_t own_ssrc,
                                ByteWriter *rtcp, ByteWriter *again)
{
    if (!pipeline->receiver)
        return CLOCK_NEVER;
    const int64_t deadline_ns = receiver_advance(pipeline->receiver, now_ns);
    pipeline->nacks_open = deadline_ns != CLOCK_NEVER;
    write_nacks(pipeline, now_ns, own_ssrc, rtcp);
    if (pipeline->config.kind == TRACK_VIDEO && !pause_gate_is_closed(pipeline->config.gate)) {
        keep_seekable(pipeline, now_ns, own_ssrc);
        write_pli(pipeline, now_ns, own_ssrc, rtcp, again);
        receiver_hold(pipeline->receiver, keyframe_request_holds_until(&pipeline->keyframes));
    }
    return MIN(receiver_advance(pipeline->receiver, now_ns), pli_deadline(pipeline));
}

void track_pipeline_round_trip_changed(TrackPipeline *pipeline)
{
    const RoundTrip *round_trip = pipeline->config.round_trip;
    if (!pipeline->receiver || !round_trip)
        return;
    receiver_set_round_trip(pipeline->receiver, round_trip);
    atomic_store(&pipeline->config.counters->round_trip_ns,
                 round_trip->is_known ? round_trip->smoothed_ns : 0);
}

bool track_pipeline_report_block(TrackPipeline *pipeline, int64_t now_ns, RtcpReportBlock *block)
{
    return pipeline->receiver && receiver_report_block(pipeline->receiver, now_ns, block);
}

void track_pipeline_request_keyframe(TrackPipeline *pipeline)
{
    want_keyframe(pipeline, 0);
}

bool track_pipeline_publish_clock(TrackPipeline *pipeline, HeadCorrection *ret_head)
{
    MediaClockTrack figures;
    if (!media_clock_track(pipeline->config.clock, pipeline->config.track_id, &figures))
        return false;
    TrackCounters *counters = pipeline->config.counters;
    atomic_store(&counters->drift_ppb, figures.drift_ppb);
    atomic_store(&counters->clock_offset_ns, figures.offset_ns);
    atomic_store(&counters->clock_steps, figures.steps);
    if (!figures.head.known || pipeline->head_known)
        return false;
    const PauseGate *gate = pipeline->config.gate;
    pipeline->head_known = true;
    pipeline->head_end_ns = figures.head.slew_end_ns;
    *ret_head = figures.head;
    ret_head->slew_start_ns = pause_gate_file_ns(gate, figures.head.slew_start_ns);
    ret_head->slew_end_ns = pause_gate_file_ns(gate, figures.head.slew_end_ns);
    return true;
}

void track_pipeline_move_head(TrackPipeline *pipeline, int64_t start_ns)
{
    if (pipeline->head_end_ns > start_ns)
        pipeline->head_known = false;
}

void track_pipeline_stop(TrackPipeline *pipeline)
{
    track_pipeline_unbind(pipeline);
    bounded_queue_end(pipeline->config.queue);
}

void track_pipeline_hot_memory(const TrackPipeline *pipeline, HotMemory *hot)
{
    const TrackPipelineConfig *config = &pipeline->config;
    if (!pipeline->receiver)
        return;
    hot_memory_add(hot, pipeline, sizeof *pipeline);
    receiver_hot_memory(pipeline->receiver, hot);
    depayloader_hot_memory(pipeline->depayloader, hot);
    track_counters_hot_memory(config->counters, hot);
    media_clock_hot_memory(config->clock, config->track_id, hot);
    pause_gate_hot_memory(pipeline->gate_track, hot);
    bounded_queue_hot_memory(config->queue, hot);
}
