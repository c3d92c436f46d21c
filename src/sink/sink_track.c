#include "sink/sink_track.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define TYPICAL_VIDEO_NS (NS_PER_SECOND / 30)
#define TYPICAL_AUDIO_NS (20 * NS_PER_MS)

SinkTrack *sink_track_new(const OutputTrack *info)
{
    SinkTrack *track = calloc(1, sizeof *track);
    require(track != NULL);
    track->info = *info;
    track->typical_ns = info->kind == TRACK_VIDEO ? TYPICAL_VIDEO_NS : TYPICAL_AUDIO_NS;
    track->result.track_id = info->id;
    return track;
}

void sink_track_free(SinkTrack *track)
{
    if (track == NULL)
        return;
    sink_track_abandon(track, DROP_STOPPED);
    sink_track_drop_all(track, DROP_STOPPED);
    avcodec_parameters_free(&track->parameters);
    free(track);
}

static LedgerRow *write_row(const SinkTrack *track)
{
    return &track->info.counters->ledger.rows[STAGE_WRITE];
}

static void update_held(const SinkTrack *track)
{
    atomic_store_explicit(&write_row(track)->held, track->count + track->pending_frames,
                          memory_order_relaxed);
}

static void take(SinkTrack *track, Frame *frame, int64_t now_ns)
{
    const Stage former = frame->came_through_encoder ? STAGE_ENCODE : STAGE_QUEUE;
    ledger_add(&track->info.counters->ledger.rows[former].out, 1);
    ledger_add(&write_row(track)->in, 1);
    if (track->count == 0 && track->part == NULL)
        track->ready_ns = now_ns;
    track->ring[(track->first + track->count) % SINK_TRACK_RING] = frame;
    track->count++;
    track->seen_ns = now_ns;
}

void sink_track_pull(SinkTrack *track, int64_t now_ns)
{
    while (!track->ended && track->count < SINK_TRACK_RING) {
        Frame *frame = NULL;
        const QueueGet got = bounded_queue_get(track->info.queue, &frame);
        if (got == QUEUE_END)
            track->ended = true;
        if (got != QUEUE_FRAME)
            break;
        take(track, frame, now_ns);
    }
    update_held(track);
}

Frame *sink_track_head(const SinkTrack *track)
{
    return track->count > 0 ? track->ring[track->first] : NULL;
}

Frame *sink_track_pop(SinkTrack *track)
{
    require(track->count > 0);
    Frame *frame = track->ring[track->first];
    track->first = (track->first + 1) % SINK_TRACK_RING;
    track->count--;
    return frame;
}

void sink_track_drop(SinkTrack *track, DropReason reason)
{
    frame_unref(sink_track_pop(track));
    ledger_add(&write_row(track)->dropped[reason], 1);
    update_held(track);
}

void sink_track_drop_all(SinkTrack *track, DropReason reason)
{
    while (track->count > 0)
        sink_track_drop(track, reason);
}

void sink_track_commit(SinkTrack *track, int64_t now_ns)
{
    if (track->pending_frames == 0)
        return;
    TrackCounters *counters = track->info.counters;
    ledger_add(&write_row(track)->out, track->pending_frames);
    ledger_add(&counters->frames_written, track->pending_frames);
    ledger_add(&counters->bytes_written, track->pending_bytes);
    atomic_store_explicit(&counters->last_write_ns, now_ns, memory_order_relaxed);
    track->result.frames += track->pending_frames;
    track->result.bytes += track->pending_bytes;
    track->pending_frames = 0;
    track->pending_bytes = 0;
    update_held(track);
}

void sink_track_abandon(SinkTrack *track, DropReason reason)
{
    ledger_add(&write_row(track)->dropped[reason], track->pending_frames);
    track->pending_frames = 0;
    track->pending_bytes = 0;
    update_held(track);
}

void sink_track_add_gap(SinkTrack *track, int64_t start_ns, int64_t end_ns)
{
    OutputTrackResult *result = &track->result;
    const unsigned kept = sizeof result->gaps / sizeof result->gaps[0];
    if (result->gap_count > 0 && result->gap_count <= kept &&
        result->gaps[result->gap_count - 1].end_ns == start_ns) {
        result->gaps[result->gap_count - 1].end_ns = end_ns;
        return;
    }
    if (result->gap_count < kept) {
        result->gaps[result->gap_count].start_ns = start_ns;
        result->gaps[result->gap_count].end_ns = end_ns;
    }
    result->gap_count++;
}
