#include "base/clock.h"
#include "base/log.h"
#include "recorder/checklist.h"
#include "recorder/recorder_private.h"
#include "store/status_json.h"

/* Frames that went as published before there was an encoder count as gone through its stage. */
static void add_passed_by(LedgerRowValues *encode, const LedgerRowValues *queue)
{
    if (encode->in == 0 || queue->out <= encode->in)
        return;
    const uint64_t passed_by = queue->out - encode->in;
    encode->in += passed_by;
    encode->consumed += passed_by;
    encode->out += passed_by;
}

static void copy_ledger(const TrackContext *track, TrackStatus *status)
{
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
        const LedgerRow *row = &track->counters.ledger.rows[stage];
        LedgerRowValues *values = &status->ledger[stage];
        values->in = ledger_value(&row->in);
        values->out = ledger_value(&row->out);
        values->consumed = ledger_value(&row->consumed);
        values->held = ledger_value(&row->held);
        for (unsigned reason = 0; reason < DROP_COUNT; reason++)
            values->dropped[reason] = ledger_value(&row->dropped[reason]);
    }
    status->ledger[STAGE_QUEUE].held = status->queue.size;
    add_passed_by(&status->ledger[STAGE_ENCODE], &status->ledger[STAGE_QUEUE]);
}

/* From the first packet to the last, a minute at least. */
static double per_minute(const TrackCounters *counters, uint64_t count)
{
    const int64_t first_ns = atomic_load(&counters->first_packet_ns);
    const int64_t last_ns = atomic_load(&counters->last_packet_ns);
    const int64_t minute_ns = 60 * NS_PER_SECOND;
    return (double)count * (double)minute_ns / (double)MAX(last_ns - first_ns, minute_ns);
}

static void copy_counters(const TrackContext *track, TrackStatus *status, int64_t now_ns)
{
    const TrackCounters *counters = &track->counters;
    status->packets = ledger_value(&counters->packets);
    status->bytes = ledger_value(&counters->bytes);
    status->lost = ledger_value(&counters->lost);
    status->recovered = ledger_value(&counters->recovered);
    status->nacks = ledger_value(&counters->nacks);
    status->plis = ledger_value(&counters->plis);
    status->round_trip_ns = atomic_load(&counters->round_trip_ns);
    status->plis_per_minute = per_minute(counters, status->plis);
    status->keyframes = ledger_value(&counters->keyframes);
    status->sender_reports = ledger_value(&counters->sender_reports);
    status->frames = ledger_value(&counters->ledger.rows[STAGE_CLOCK].out);
    status->frames_written = ledger_value(&counters->frames_written);
    status->bytes_written = ledger_value(&counters->bytes_written);
    const int64_t last_write_ns = atomic_load(&counters->last_write_ns);
    status->last_write_age_ns = last_write_ns > 0 ? now_ns - last_write_ns : -1;
    status->silence_ns = (int64_t)ledger_value(&counters->silence_ns);
    status->drift_ppb = atomic_load(&counters->drift_ppb);
    status->offset_ns = atomic_load(&counters->clock_offset_ns);
    status->clock_steps = atomic_load(&counters->clock_steps);
    status->width = atomic_load(&counters->width);
    status->height = atomic_load(&counters->height);
    const Codec seen = (Codec)atomic_load(&counters->codec);
    status->codec = seen != CODEC_UNKNOWN ? seen : track->announced;
}

static void copy_result(const TrackContext *track, TrackStatus *status)
{
    const OutputTrackResult *result = &track->result;
    status->first_pts_ns = result->first_pts_ns;
    status->last_pts_ns = result->last_pts_ns;
    status->gap_count = result->gap_count;
    const unsigned gaps = MIN(result->gap_count, G_N_ELEMENTS(result->gaps));
    for (unsigned i = 0; i < MIN(gaps, STATUS_MAX_GAPS); i++) {
        status->gaps[i].start_ns = result->gaps[i].start_ns;
        status->gaps[i].end_ns = result->gaps[i].end_ns;
    }
}

static void copy_track(const TrackContext *track, TrackStatus *status, int64_t now_ns)
{
    status->id = track->id;
    status->output = track->output;
    g_strlcpy(status->sid, track->sid, sizeof status->sid);
    g_strlcpy(status->identity, track->identity, sizeof status->identity);
    status->kind = track->kind;
    status->source = track->source;
    status->published = track->published;
    status->muted = track->muted;
    status->paused = track->paused;
    status->stalled = track->stalled;
    status->subscribed = track_context_is_subscribed(track);
    status->queue = bounded_queue_stats(track_context_input_queue(track));
    status->outcome = track->outcome;
    recorder_copy_encoder(track, status, now_ns);
    copy_counters(track, status, now_ns);
    copy_ledger(track, status);
    status->input_count = track->input_count;
    status->size_changes = track->size_changes;
    memcpy(status->inputs, track->inputs, sizeof status->inputs);
    status->loss_count = track->loss_count;
    memcpy(status->losses, track->losses, sizeof status->losses);
    if (track->has_result)
        copy_result(track, status);
}

static void copy_slot(const OutputSlot *slot, OutputStatus *status)
{
    g_strlcpy(status->identity, slot->identity, sizeof status->identity);
    status->screen_share = slot->screen_share;
    status->container = slot->container;
    status->finished = slot->finished;
    if (slot->path)
        g_strlcpy(status->path, slot->path, sizeof status->path);
    if (!slot->finished && slot->output) {
        const OutputProgress progress = output_progress(slot->output);
        status->bytes = progress.bytes;
        status->duration_ns = progress.duration_ns;
        status->room_offset_ns = progress.zero_ns;
    }
}

static void copy_file(const OutputSlot *slot, const OutputFile *file, OutputStatus *status)
{
    copy_slot(slot, status);
    g_strlcpy(status->path, file->path, sizeof status->path);
    Container container;
    const char *dot = strrchr(file->path, '.');
    if (dot && container_from_extension(dot + 1, &container))
        status->container = container;
    status->bytes = file->bytes;
    status->duration_ns = file->duration_ns;
    status->room_offset_ns = file->zero_ns;
    status->fragmented = file->fragmented;
    g_strlcpy(status->layout_reason, file->reason, sizeof status->layout_reason);
}

/* A finished slot shows each of its files, one in whose container nothing came shows none. */
static unsigned output_count(const WebRTCRecorder *recorder)
{
    unsigned count = 0;
    for (unsigned i = 0; i < recorder->outputs->len; i++) {
        const OutputSlot *slot = recorder->outputs->pdata[i];
        count += slot->finished ? slot->file_count : slot->opened > 0;
    }
    return count;
}

static int compare_opened(const void *a, const void *b)
{
    const OutputSlot *left = *(OutputSlot *const *)a, *right = *(OutputSlot *const *)b;
    return left->opened < right->opened ? -1 : left->opened > right->opened;
}

/* In the order in which they were opened, so that the first stays the first. */
static void copy_outputs(const WebRTCRecorder *recorder, RecordingStatus *status)
{
    status->output_count = output_count(recorder);
    status->outputs = calloc(status->output_count + 1, sizeof *status->outputs);
    OutputStatus *next = status->outputs;
    g_autoptr(GPtrArray) slots = g_ptr_array_copy(recorder->outputs, NULL, NULL);
    g_ptr_array_set_free_func(slots, NULL);
    g_ptr_array_sort(slots, compare_opened);
    for (unsigned i = 0; i < slots->len; i++) {
        const OutputSlot *slot = slots->pdata[i];
        const OutputStatus *first = next;
        for (unsigned k = 0; k < slot->file_count; k++)
            copy_file(slot, &slot->files[k], next++);
        if (!slot->finished && slot->opened)
            copy_slot(slot, next++);
        for (const OutputStatus *output = first; output < next; output++)
            status->file_bytes += output->bytes;
    }
}

static void copy_tracks(const WebRTCRecorder *recorder, RecordingStatus *status, int64_t now_ns)
{
    status->track_count = recorder->tracks->len;
    status->tracks = calloc(status->track_count + 1, sizeof *status->tracks);
    for (unsigned i = 0; i < status->track_count; i++) {
        const TrackContext *track = recorder->tracks->pdata[i];
        TrackStatus *copy = &status->tracks[i];
        copy_track(track, copy, now_ns);
        recorder_copy_layer(recorder, track, copy);
        if (track->kind == TRACK_VIDEO)
            status->video_frames += copy->frames_written;
        else
            status->audio_frames += copy->frames_written;
        status->dropped_frames += ledger_dropped(&track->counters.ledger.rows[STAGE_QUEUE]) +
                                  ledger_dropped(&track->counters.ledger.rows[STAGE_WRITE]);
        status->pli_requests += copy->plis;
        status->lost_packets += copy->lost;
        status->track_subscriptions += track->subscriptions;
    }
}

static void copy_events(const WebRTCRecorder *recorder, RecordingStatus *status)
{
    status->event_count = recorder->event_count;
    status->events = calloc(recorder->event_count + 1, sizeof *status->events);
    for (unsigned i = 0; i < recorder->event_count; i++) {
        status->events[i].at_ns = recorder->events[i].at_ns;
        g_strlcpy(status->events[i].text, recorder->events[i].text, sizeof status->events[i].text);
    }
}

static void copy_times(const WebRTCRecorder *recorder, RecordingStatus *status, int64_t now_ns)
{
    status->requested_wall_ns = recorder->requested_wall_ns;
    status->started_wall_ns = recorder->started_wall_ns;
    status->ended_wall_ns = recorder->ended_wall_ns;
    /* Its first frame may have come into a file when it was being stopped. */
    if (recorder->started_ns > 0)
        status->duration_ns = MAX((recorder->stopped_ns > 0 ? recorder->stopped_ns : now_ns) -
                                      recorder->started_ns - recorder_cut_ns(recorder, now_ns),
                                  0);
    if (recorder->connected_ns > 0)
        status->connection_ns = recorder->connected_ns - recorder->origin_ns;
    if (recorder->subscribed_ns > 0 && recorder->connected_ns > 0)
        status->subscription_ns = recorder->subscribed_ns - recorder->connected_ns;
}

static void copy_room(const WebRTCRecorder *recorder, RecordingStatus *status)
{
    g_strlcpy(status->mint_id, recorder->request->mint_id, sizeof status->mint_id);
    if (recorder->room_name)
        g_strlcpy(status->room, recorder->room_name, sizeof status->room);
    if (recorder->room_sid)
        g_strlcpy(status->room_sid, recorder->room_sid, sizeof status->room_sid);
    if (recorder->server_version)
        g_strlcpy(status->server_version, recorder->server_version, sizeof status->server_version);
    const PeerStats *stats = &recorder->peer_stats;
    if (*stats->remote)
        g_snprintf(status->transport_pair, sizeof status->transport_pair, "%s - %s", stats->local,
                   stats->remote);
    g_strlcpy(status->srtp_profile, stats->srtp_profile, sizeof status->srtp_profile);
    status->receive_buffer_bytes = stats->receive_buffer_bytes;
}

static void copy_checklist(WebRTCRecorder *recorder, RecordingStatus *status)
{
    const OutcomeCode code = recorder->cause.code;
    const ChecklistFacts facts = {
        .joined = recorder->joined,
        .peer_connected = recorder->connected_ns > 0,
        .connection_failed = code != CODE_NONE && recorder->connected_ns == 0,
        .connection_why = recorder->cause.sentence,
    };
    checklist_update(recorder->checklist, status, &facts, recorder_wall_ns(recorder));
    memcpy(status->checklist, recorder->checklist, sizeof status->checklist);
}

RecordingStatus *webrtc_recorder_status(WebRTCRecorder *recorder)
{
    const int64_t now_ns = clock_monotonic_ns();
    RecordingStatus *status = calloc(1, sizeof *status);
    if (!status)
        g_error("Out of memory for a status.");
    copy_room(recorder, status);
    status->state = recorder->ended_wall_ns > 0 ? RECORDING_STOPPED : recorder->state;
    status->reconnecting = recorder_is_reconnecting(recorder);
    status->outcome = recorder->outcome;
    status->end_reason = recorder->end_reason;
    status->discarded = recorder->is_discarded;
    copy_times(recorder, status, now_ns);
    recorder_copy_pauses(recorder, status, now_ns);
    copy_tracks(recorder, status, now_ns);
    copy_outputs(recorder, status);
    copy_events(recorder, status);
    copy_checklist(recorder, status);
    return status;
}

void recorder_note_checklist(WebRTCRecorder *recorder)
{
    recording_status_free(webrtc_recorder_status(recorder));
}

/* ---- sidecars ---- */

/* The recording as text, which all its sidecars share: with a hundred tracks it is long. */
static char *recording_text(WebRTCRecorder *recorder)
{
    RecordingStatus *status = webrtc_recorder_status(recorder);
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(node, status_json(status));
    char *text = json_to_string(node, TRUE);
    json_node_unref(node);
    recording_status_free(status);
    return text;
}

static void write_sidecar(WebRTCRecorder *recorder, const OutputSlot *slot, const char *recording)
{
    g_autoptr(JsonNode) identity = json_node_new(JSON_NODE_VALUE);
    g_autoptr(GError) error = NULL;
    json_node_set_string(identity, slot->identity);
    g_autofree char *quoted = json_to_string(identity, FALSE);
    g_autofree char *text = g_strdup_printf(
        "{\n  \"roomtape\" : \"%s\",\n  \"state\" : \"%s\",\n  \"identity\" : %s,\n"
        "  \"screen_share\" : %s,\n  \"recording\" : %s\n}\n",
        ROOMTAPE_VERSION, slot->finished || !slot->output ? "finished" : "recording", quoted,
        slot->screen_share ? "true" : "false", recording);
    if (sidecar_write(slot->sidecar, text, &error))
        return;
    recorder->lacks_sidecar = true;
    log_warning("recorder", recorder->request->mint_id, "%s", error->message);
}

void recorder_write_sidecar(WebRTCRecorder *recorder, const OutputSlot *slot)
{
    g_autofree char *recording = recording_text(recorder);
    write_sidecar(recorder, slot, recording);
}

static void write_sidecars(WebRTCRecorder *recorder, unsigned start, unsigned end)
{
    if (start == end)
        return;
    g_autofree char *recording = recording_text(recorder);
    for (unsigned i = start; i < end; i++) {
        const OutputSlot *slot = recorder->outputs->pdata[i];
        if (slot->sidecar)
            write_sidecar(recorder, slot, recording);
    }
}

void recorder_write_sidecars(WebRTCRecorder *recorder)
{
    recorder->lacks_sidecar = false;
    write_sidecars(recorder, 0, recorder->outputs->len);
}

void recorder_write_some_sidecars(WebRTCRecorder *recorder)
{
    const unsigned end = recorder->sidecars_left;
    recorder->sidecars_left -= MIN(end, SIDECARS_AT_ONCE);
    write_sidecars(recorder, recorder->sidecars_left, end);
}
