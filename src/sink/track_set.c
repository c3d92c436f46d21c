#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "sink/av_error.h"
#include "sink/codec_config.h"
#include "sink/interleaver.h"
#include "sink/output_report.h"
#include "sink/silence.h"
#include "sink/track_set_private.h"

#define HOLE_NS (40 * NS_PER_MS)          /* more than one packet is missing */
#define SILENCE_LAG_NS NS_PER_SECOND      /* sound this far behind is not coming any more */
#define SILENCE_KEEP_NS (500 * NS_PER_MS) /* and is filled up to so much before the others */
#define ROUNDING_NS NS_PER_US             /* of times that were counted in samples */
#define END_GAP_NS (200 * NS_PER_MS)      /* less evens out the ends of a file's tracks */
#define BACK_STEP_NS NS_PER_SECOND        /* a time further back than this has no place */
#define BEFORE_ZERO_NS (10 * NS_PER_MS)
#define VIDEO_GAP_NS NS_PER_SECOND
#define TURN_NS (100 * NS_PER_MS) /* then the thread's other outputs have theirs */
#define TYPICAL_MIN_NS (2 * NS_PER_MS)
#define TYPICAL_MAX_NS (500 * NS_PER_MS)

TrackSet *track_set_new(const OutputConfig *config, const OutputEvents *events)
{
    TrackSet *set = calloc(1, sizeof *set);
    require(set != NULL);
    set->config = config;
    set->events = events;
    return set;
}

void track_set_free(TrackSet *set)
{
    if (set == NULL)
        return;
    for (unsigned i = 0; i < set->track_count; i++)
        sink_track_free(set->tracks[i]);
    for (unsigned i = 0; i < set->part_count; i++)
        part_free(set->parts[i]);
    free(set);
}

void track_set_add(TrackSet *set, const OutputTrack *info, int64_t now_ns)
{
    require(set->track_count < OUTPUT_MAX_TRACKS);
    SinkTrack *track = sink_track_new(info);
    track->seen_ns = now_ns;
    set->tracks[set->track_count++] = track;
}

SinkTrack *track_set_find(TrackSet *set, unsigned track_id)
{
    for (unsigned i = 0; i < set->track_count; i++) {
        if (set->tracks[i]->info.id == track_id)
            return set->tracks[i];
    }
    return NULL;
}

void track_set_fail(TrackSet *set, const Outcome *outcome)
{
    if (set->outcome.kind != OUTCOME_NONE)
        return;
    set->outcome = *outcome;
    const DropReason reason =
        outcome->code == CODE_CODEC_UNSUPPORTED ? DROP_CODEC_UNSUPPORTED : DROP_WRITE_FAILED;
    for (unsigned i = 0; i < set->track_count; i++) {
        sink_track_abandon(set->tracks[i], reason);
        sink_track_drop_all(set->tracks[i], reason);
        set->tracks[i]->part = NULL;
    }
    for (unsigned i = 0; i < set->part_count; i++)
        part_abandon(set->parts[i]);
    output_report_failed(set->events, outcome);
}

void track_set_fail_av(TrackSet *set, int error, const char *action, const char *path)
{
    Outcome outcome;
    av_error_outcome(&outcome, error, action, path);
    track_set_fail(set, &outcome);
}

static bool write_packet(TrackSet *set, SinkTrack *track, const PartPacket *packet, int64_t now_ns)
{
    Part *part = track->part;
    const int error = part_write(part, track, packet, now_ns);
    if (error < 0) {
        track_set_fail_av(set, error, "Cannot write", part->path);
        return false;
    }
    track->has_start = track->has_time = true;
    track->last_pts_ns = packet->pts_ns;
    track->last_is_silence = packet->is_silence;
    if (track->end_ns < packet->pts_ns + packet->duration_ns)
        track->end_ns = packet->pts_ns + packet->duration_ns;
    return true;
}

/* Whole packets of silence from the track's end, none of which passes `until_ns`; what
 * evens out the end of a file is no gap. */
static bool fill_silence(TrackSet *set, SinkTrack *track, int64_t until_ns, int64_t now_ns)
{
    size_t size = 0;
    const uint8_t *data = silence_packet(track->codec, &size);
    const int64_t packet_ns = silence_packet_ns(track->codec);
    const int64_t start_ns = track->end_ns;
    if (data == NULL)
        return true;
    while (until_ns - track->end_ns >= packet_ns - ROUNDING_NS) {
        const PartPacket packet = {.data = data,
                                   .size = size,
                                   .pts_ns = track->end_ns,
                                   .duration_ns = packet_ns,
                                   .is_key = true,
                                   .is_silence = true};
        if (!write_packet(set, track, &packet, now_ns))
            return false;
    }
    if (track->end_ns > start_ns) {
        if (!set->is_stopping || track->end_ns - start_ns >= END_GAP_NS)
            sink_track_add_gap(track, start_ns, track->end_ns);
        track->result.silence_ns += track->end_ns - start_ns;
        ledger_add(&track->info.counters->silence_ns, (uint64_t)(track->end_ns - start_ns));
    }
    return true;
}

/* Whether the frame can be placed; DROP_COUNT means yes. */
static DropReason misplaced(const SinkTrack *track, const Frame *frame)
{
    if (track->info.kind == TRACK_AUDIO && frame->pts_ns < track->part->zero_ns - BEFORE_ZERO_NS)
        return DROP_LATE;
    if (!track->has_time)
        return frame->pts_ns < track->part->zero_ns - BACK_STEP_NS ? DROP_NO_TIME : DROP_COUNT;
    if (frame->pts_ns < track->last_pts_ns - BACK_STEP_NS)
        return DROP_NO_TIME;
    /* Silence stands where it belongs. */
    if (track->last_is_silence && frame->pts_ns < track->end_ns - silence_packet_ns(track->codec))
        return DROP_LATE;
    return DROP_COUNT;
}

static void note_size(SinkTrack *track, const Frame *frame)
{
    OutputTrackResult *result = &track->result;
    if (!frame->is_key || frame->width == 0)
        return;
    result->width = frame->width;
    result->height = frame->height;
    atomic_store_explicit(&track->info.counters->width, frame->width, memory_order_relaxed);
    atomic_store_explicit(&track->info.counters->height, frame->height, memory_order_relaxed);
    AVCodecParameters *parameters = codec_config_new(frame);
    if (parameters == NULL)
        return;
    avcodec_parameters_free(&track->parameters);
    track->parameters = parameters;
}

static void note_times(SinkTrack *track, const Frame *frame, bool had_time, int64_t former_pts_ns)
{
    if (frame->duration_ns > 0)
        track->typical_ns = frame->duration_ns;
    if (track->info.kind == TRACK_VIDEO && had_time) {
        const int64_t distance_ns = frame->pts_ns - former_pts_ns;
        if (distance_ns > VIDEO_GAP_NS)
            sink_track_add_gap(track, former_pts_ns, frame->pts_ns);
        if (distance_ns > TYPICAL_MIN_NS && distance_ns < TYPICAL_MAX_NS)
            track->typical_ns = (7 * track->typical_ns + distance_ns) / 8;
    }
    if (track->result.frames + track->pending_frames == 0)
        track->result.first_pts_ns = frame->pts_ns;
    track->result.last_pts_ns = frame->pts_ns;
}

static void write_head(TrackSet *set, SinkTrack *track, int64_t now_ns)
{
    Frame *frame = sink_track_head(track);
    if (track->info.kind == TRACK_AUDIO && track->has_time &&
        frame->pts_ns - track->end_ns > HOLE_NS && !fill_silence(set, track, frame->pts_ns, now_ns))
        return;
    const bool had_time = track->has_time;
    const bool is_first = track->result.frames + track->pending_frames == 0;
    const int64_t former_pts_ns = track->last_pts_ns;
    const PartPacket packet = {.frame = frame,
                               .data = frame->data,
                               .size = frame->size,
                               .pts_ns = frame->pts_ns,
                               .duration_ns =
                                   frame->duration_ns > 0 ? frame->duration_ns : track->typical_ns,
                               .is_key = frame->is_key || track->info.kind == TRACK_AUDIO};
    if (!write_packet(set, track, &packet, now_ns))
        return;
    note_times(track, frame, had_time && !is_first, former_pts_ns);
    note_size(track, frame);
    track->pending_frames++;
    track->pending_bytes += frame->size;
    frame_unref(sink_track_pop(track));
    if (is_first)
        output_report_track_started(set->events, track->info.id);
}

/* Puts the head where it belongs: into a file, to another file, or away. */
static void place_head(TrackSet *set, SinkTrack *track, int64_t now_ns)
{
    const Frame *frame = sink_track_head(track);
    if (frame->codec != track->codec) {
        track->ready_ns = now_ns;
        if (track_files_leave(set, track, now_ns))
            avcodec_parameters_free(&track->parameters);
        return;
    }
    if (!track_files_move(set, track, now_ns))
        return;
    DropReason reason = misplaced(track, frame);
    if (track->wants_key && !frame->is_key)
        reason = DROP_BROKEN_REFERENCE;
    if (reason == DROP_COUNT) {
        track->wants_key = false;
        write_head(set, track, now_ns);
        return;
    }
    sink_track_drop(track, reason);
    if (track->info.kind != TRACK_VIDEO || track->wants_key)
        return;
    track->wants_key = true;
    output_report_need_keyframe(set->events, track->info.id);
}

static int64_t front_ns(const TrackSet *set)
{
    int64_t front = INT64_MIN;
    for (unsigned i = 0; i < set->track_count; i++) {
        const SinkTrack *track = set->tracks[i];
        if (track->part != NULL && track->has_time && track->end_ns > front)
            front = track->end_ns;
    }
    return front;
}

/* Where the file ends: with its last frame, or with the pause in which it was stopped. */
static int64_t last_ns(const TrackSet *set)
{
    const int64_t front = front_ns(set);
    return front == INT64_MIN || front > set->held_until_ns ? front : set->held_until_ns;
}

static void fill_lagging(TrackSet *set, int64_t front, int64_t lag_ns, int64_t keep_ns,
                         int64_t now_ns)
{
    for (unsigned i = 0; i < set->track_count && front != INT64_MIN; i++) {
        SinkTrack *track = set->tracks[i];
        if (track->part == NULL || track->info.kind != TRACK_AUDIO || !track->has_time ||
            track->count > 0 || front - track->end_ns <= lag_ns || now_ns - track->seen_ns < lag_ns)
            continue;
        if (!fill_silence(set, track, front - keep_ns, now_ns))
            return;
    }
}

static void flush_due(TrackSet *set, int64_t now_ns)
{
    for (unsigned i = 0; i < set->part_count && set->outcome.kind == OUTCOME_NONE; i++) {
        if (set->parts[i]->closed)
            continue;
        const int error = part_flush_due(set->parts[i], now_ns);
        if (error < 0)
            track_set_fail_av(set, error, "Cannot write", set->parts[i]->path);
    }
}

static void drop_refused(TrackSet *set)
{
    for (unsigned i = 0; i < set->track_count; i++) {
        SinkTrack *track = set->tracks[i];
        if (set->outcome.kind != OUTCOME_NONE)
            sink_track_drop_all(track, set->outcome.code == CODE_CODEC_UNSUPPORTED
                                           ? DROP_CODEC_UNSUPPORTED
                                           : DROP_WRITE_FAILED);
        else if (track->refused)
            sink_track_drop_all(track, DROP_CODEC_UNSUPPORTED);
    }
}

/* On a slow disk there is always more to write. A stop writes it all. */
static bool is_turn_over(const TrackSet *set, int64_t began_ns)
{
    return !set->is_stopping && clock_monotonic_ns() - began_ns >= TURN_NS;
}

/* One round: the queues' contents as far as the rings hold them. */
static bool drain_once(TrackSet *set, int64_t began_ns, int64_t now_ns)
{
    for (unsigned i = 0; i < set->track_count; i++)
        sink_track_pull(set->tracks[i], now_ns);
    drop_refused(set);
    if (set->outcome.kind != OUTCOME_NONE)
        return false;
    track_files_open_due(set, now_ns);
    bool has_written = false;
    SinkTrack *next = NULL;
    while (set->outcome.kind == OUTCOME_NONE && !is_turn_over(set, began_ns) &&
           (next = interleaver_next(set->tracks, set->track_count, now_ns, set->is_stopping))) {
        place_head(set, next, now_ns);
        sink_track_pull(next, now_ns);
        has_written = true;
    }
    return has_written && set->outcome.kind == OUTCOME_NONE && !is_turn_over(set, began_ns);
}

void track_set_drain(TrackSet *set, int64_t now_ns)
{
    const int64_t began_ns = clock_monotonic_ns();
    while (drain_once(set, began_ns, now_ns)) {
    }
    if (set->outcome.kind != OUTCOME_NONE)
        return;
    fill_lagging(set, front_ns(set), SILENCE_LAG_NS, SILENCE_KEEP_NS, now_ns);
    flush_due(set, now_ns);
}

void track_set_hold_until(TrackSet *set, int64_t until_ns)
{
    set->held_until_ns = until_ns;
    for (unsigned i = 0; i < set->track_count; i++)
        set->tracks[i]->held_until_ns = until_ns;
}

static bool have_ended(const TrackSet *set)
{
    for (unsigned i = 0; i < set->track_count; i++) {
        if (!set->tracks[i]->ended)
            return false;
    }
    return true;
}

bool track_set_stop(TrackSet *set, int64_t now_ns, bool is_late)
{
    set->is_stopping = true;
    track_set_drain(set, now_ns);
    if (!have_ended(set) && !is_late)
        return false;
    for (unsigned i = 0; i < set->track_count; i++)
        sink_track_drop_all(set->tracks[i], DROP_STOPPED);
    if (set->outcome.kind == OUTCOME_NONE)
        fill_lagging(set, last_ns(set), 0, 0, now_ns);
    for (unsigned i = 0; i < set->part_count && set->outcome.kind == OUTCOME_NONE; i++) {
        const int error = part_finish(set->parts[i], now_ns);
        if (error < 0)
            track_set_fail_av(set, error, "Cannot write", set->parts[i]->path);
    }
    return true;
}

const Outcome *track_set_outcome(const TrackSet *set)
{
    return &set->outcome;
}

unsigned track_set_parts(const TrackSet *set, Part *const **ret_parts)
{
    *ret_parts = set->parts;
    return set->part_count;
}

unsigned track_set_tracks(const TrackSet *set, SinkTrack *const **ret_tracks)
{
    *ret_tracks = set->tracks;
    return set->track_count;
}

OutputProgress track_set_progress(const TrackSet *set)
{
    OutputProgress progress = {0};
    int64_t end_ns = 0;
    for (unsigned i = 0; i < set->part_count; i++) {
        progress.bytes += part_bytes(set->parts[i]);
        progress.final_bytes += part_final_bytes(set->parts[i]);
        if (i == 0 || end_ns < set->parts[i]->end_ns)
            end_ns = set->parts[i]->end_ns;
    }
    if (set->part_count > 0) {
        progress.zero_ns = set->parts[0]->zero_ns;
        progress.duration_ns = end_ns - progress.zero_ns;
    }
    return progress;
}
