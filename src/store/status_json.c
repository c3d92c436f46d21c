#include "store/status_json.h"

#include <glib.h>

#include "base/clock.h"

static double seconds(int64_t ns)
{
    return (double)(ns / NS_PER_US) / 1e6;
}

static void set_text(JsonObject *object, const char *name, const char *text)
{
    if (text && *text) {
        g_autofree char *valid = g_utf8_make_valid(text, -1);
        json_object_set_string_member(object, name, valid);
    } else {
        json_object_set_null_member(object, name);
    }
}

static void set_count(JsonObject *object, const char *name, uint64_t value)
{
    json_object_set_int_member(object, name, (gint64)MIN(value, (uint64_t)G_MAXINT64));
}

char *status_json_time(int64_t wall_ns)
{
    if (wall_ns <= 0)
        return NULL;
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(wall_ns / NS_PER_SECOND);
    g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    return g_strdup_printf("%s.%03dZ", text, (int)(wall_ns / NS_PER_MS % 1000));
}

static void set_time(JsonObject *object, const char *name, int64_t wall_ns)
{
    g_autofree char *text = status_json_time(wall_ns);
    set_text(object, name, text);
}

static void set_outcome(JsonObject *object, const Outcome *outcome)
{
    set_text(object, "outcome", outcome_kind_name(outcome->kind));
    set_text(object, "code", outcome_code_name(outcome->code));
    set_text(object, "error", outcome->code != CODE_NONE ? outcome->sentence : NULL);
}

static JsonObject *stats_json(const RecordingStatus *status)
{
    JsonObject *stats = json_object_new();
    set_count(stats, "video_frames", status->video_frames);
    set_count(stats, "audio_frames", status->audio_frames);
    set_count(stats, "dropped_frames", status->dropped_frames);
    set_count(stats, "pli_requests", status->pli_requests);
    set_count(stats, "track_subscriptions", status->track_subscriptions);
    json_object_set_double_member(stats, "connection_time", seconds(status->connection_ns));
    json_object_set_double_member(stats, "subscription_time", seconds(status->subscription_ns));
    set_count(stats, "lost_packets", status->lost_packets);
    json_object_set_double_member(stats, "duration", seconds(status->duration_ns));
    return stats;
}

static JsonObject *file_json(const OutputStatus *output)
{
    JsonObject *file = json_object_new();
    set_text(file, "path", output->path);
    set_text(file, "identity", output->identity);
    json_object_set_boolean_member(file, "screen_share", output->screen_share);
    set_text(file, "format", container_name(output->container));
    set_count(file, "bytes", output->bytes);
    json_object_set_double_member(file, "duration", seconds(output->duration_ns));
    json_object_set_double_member(file, "room_offset", seconds(output->room_offset_ns));
    const bool is_mp4 = container_is_fragmented(output->container);
    const bool is_fragmented = output->fragmented || !output->finished;
    set_text(file, "layout", !is_mp4 ? "streamed" : is_fragmented ? "fragmented" : "plain");
    set_text(file, "layout_reason", output->layout_reason);
    return file;
}

static JsonObject *queue_json(const QueueStats *queue)
{
    JsonObject *object = json_object_new();
    set_count(object, "size", queue->size);
    set_count(object, "max", queue->max);
    set_count(object, "bytes", queue->bytes);
    set_count(object, "total_enqueued", queue->total_enqueued);
    set_count(object, "dropped", queue->dropped);
    return object;
}

static JsonArray *gaps_json(const TrackStatus *track)
{
    JsonArray *gaps = json_array_new();
    for (unsigned i = 0; i < MIN(track->gap_count, STATUS_MAX_GAPS); i++) {
        JsonObject *gap = json_object_new();
        json_object_set_double_member(gap, "start", seconds(track->gaps[i].start_ns));
        json_object_set_double_member(gap, "end", seconds(track->gaps[i].end_ns));
        json_array_add_object_element(gaps, gap);
    }
    return gaps;
}

static JsonArray *losses_json(const TrackStatus *track)
{
    JsonArray *losses = json_array_new();
    for (unsigned i = 0; i < MIN(track->loss_count, STATUS_MAX_LOSSES); i++) {
        const TrackGap *gap = &track->losses[i];
        JsonObject *loss = json_object_new();
        json_object_set_double_member(loss, "start", seconds(gap->start_ns));
        json_object_set_double_member(loss, "end", seconds(gap->end_ns));
        set_count(loss, "frames", gap->frames);
        set_count(loss, "packets", gap->packets);
        set_text(loss, "cause", gap->packets > 0 ? "packets_lost" : "queue_full");
        json_object_set_boolean_member(loss, "up_to_key_frame", gap->ends_with_key);
        json_array_add_object_element(losses, loss);
    }
    return losses;
}

/* The first is what it began with. */
static JsonArray *inputs_json(const TrackStatus *track)
{
    JsonArray *inputs = json_array_new();
    for (unsigned i = 0; i < MIN(track->input_count, STATUS_MAX_INPUTS); i++) {
        JsonObject *input = json_object_new();
        json_object_set_double_member(input, "at", seconds(track->inputs[i].at_ns));
        set_text(input, "codec", codec_name(track->inputs[i].codec));
        if (codec_kind(track->inputs[i].codec) == TRACK_AUDIO) {
            set_count(input, "channels", track->inputs[i].channels);
        } else {
            set_count(input, "width", track->inputs[i].width);
            set_count(input, "height", track->inputs[i].height);
        }
        json_array_add_object_element(inputs, input);
    }
    return inputs;
}

static void set_track_counters(JsonObject *object, const TrackStatus *track)
{
    set_count(object, "packets", track->packets);
    set_count(object, "lost", track->lost);
    set_count(object, "recovered", track->recovered);
    set_count(object, "nack", track->nacks);
    set_count(object, "pli", track->plis);
    json_object_set_double_member(object, "pli_per_minute", track->plis_per_minute);
    json_object_set_double_member(object, "round_trip", seconds(track->round_trip_ns));
    set_count(object, "keyframes", track->keyframes);
    set_count(object, "bytes", track->bytes);
    set_count(object, "frames", track->frames);
    set_count(object, "frames_written", track->frames_written);
    set_count(object, "bytes_written", track->bytes_written);
    set_count(object, "sender_reports", track->sender_reports);
    if (track->last_write_age_ns >= 0)
        json_object_set_double_member(object, "last_write_age", seconds(track->last_write_age_ns));
    else
        json_object_set_null_member(object, "last_write_age");
    json_object_set_double_member(object, "drift_ppm", (double)track->drift_ppb / 1000.0);
    json_object_set_double_member(object, "clock_offset", seconds(track->offset_ns));
    set_count(object, "clock_steps", track->clock_steps);
    json_object_set_double_member(object, "silence", seconds(track->silence_ns));
}

static void set_treatment(JsonObject *object, const TrackStatus *track)
{
    set_text(object, "treatment", treatment_name(track->treatment));
    set_text(object, "why", track->why);
    json_object_set_boolean_member(object, "encoder_behind", track->encoder_behind);
    const EncoderSettings *settings = &track->encoder_settings;
    if (!settings->encoder) {
        json_object_set_null_member(object, "encoder");
        return;
    }
    JsonObject *encoder = json_object_new();
    set_text(encoder, "name", settings->encoder);
    set_text(encoder, "codec", codec_name(track->encoder_codec));
    set_text(encoder, "speed", settings->speed);
    set_count(encoder, "bitrate", settings->bitrate);
    if (track->kind == TRACK_VIDEO) {
        json_object_set_double_member(encoder, "keyframe_interval",
                                      seconds(settings->keyframe_interval_ns));
        set_count(encoder, "threads", settings->threads);
        if (settings->crf >= 0)
            set_count(encoder, "crf", (uint64_t)settings->crf);
        else
            json_object_set_null_member(encoder, "crf");
    }
    set_count(encoder, "frames", track->encoded_frames);
    set_count(encoder, "undecodable", track->undecodable_frames);
    set_count(encoder, "left_out", track->left_out_frames);
    set_count(encoder, "timeouts", track->encode_timeouts);
    json_object_set_double_member(encoder, "busy", seconds(track->encoder_busy_ns));
    json_object_set_object_member(object, "encoder", encoder);
}

static void set_layer(JsonObject *object, const TrackStatus *track)
{
    if (track->layer_height == 0) {
        json_object_set_null_member(object, "layer");
        return;
    }
    JsonObject *layer = json_object_new();
    set_count(layer, "width", track->layer_width);
    set_count(layer, "height", track->layer_height);
    set_text(layer, "why", track->layer_why);
    json_object_set_object_member(object, "layer", layer);
}

static JsonObject *track_json(const TrackStatus *track)
{
    JsonObject *object = json_object_new();
    set_text(object, "identity", track->identity);
    set_text(object, "kind", track_kind_name(track->kind));
    set_text(object, "source", track_source_name(track->source));
    set_text(object, "codec", codec_name(track->codec));
    set_treatment(object, track);
    set_layer(object, track);
    json_object_set_boolean_member(object, "published", track->published);
    json_object_set_boolean_member(object, "subscribed", track->subscribed);
    json_object_set_boolean_member(object, "muted", track->muted);
    json_object_set_boolean_member(object, "paused", track->paused);
    json_object_set_boolean_member(object, "stalled", track->stalled);
    set_count(object, "width", track->width);
    set_count(object, "height", track->height);
    set_track_counters(object, track);
    json_object_set_double_member(object, "first_pts", seconds(track->first_pts_ns));
    json_object_set_double_member(object, "last_pts", seconds(track->last_pts_ns));
    set_count(object, "size_changes", track->size_changes);
    json_object_set_array_member(object, "inputs", inputs_json(track));
    set_count(object, "loss_count", track->loss_count);
    json_object_set_array_member(object, "losses", losses_json(track));
    set_count(object, "gap_count", track->gap_count);
    json_object_set_array_member(object, "gaps", gaps_json(track));
    set_outcome(object, &track->outcome);
    return object;
}

static JsonObject *ledger_json(const TrackStatus *track)
{
    JsonObject *ledger = json_object_new();
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
        const LedgerRowValues *row = &track->ledger[stage];
        if (stage == STAGE_ENCODE && row->in == 0)
            continue;
        JsonObject *object = json_object_new();
        JsonObject *dropped = json_object_new();
        set_count(object, "in", row->in);
        set_count(object, "out", row->out);
        if (stage_counts_consumed((Stage)stage))
            set_count(object, "consumed", row->consumed);
        set_count(object, "held", row->held);
        for (unsigned reason = 0; reason < DROP_COUNT; reason++) {
            if (row->dropped[reason] > 0)
                set_count(dropped, drop_reason_name((DropReason)reason), row->dropped[reason]);
        }
        json_object_set_object_member(object, "dropped", dropped);
        json_object_set_object_member(ledger, stage_name((Stage)stage), object);
    }
    return ledger;
}

static JsonObject *checklist_json(const CheckItem *items)
{
    JsonObject *checklist = json_object_new();
    for (unsigned i = 0; i < CHECK_COUNT; i++) {
        JsonObject *item = json_object_new();
        set_text(item, "item", check_name_sentence((CheckName)i));
        set_text(item, "state", check_state_name(items[i].state));
        set_time(item, "since", items[i].since_wall_ns);
        set_text(item, "why", items[i].why);
        json_object_set_object_member(checklist, check_name((CheckName)i), item);
    }
    return checklist;
}

static JsonArray *events_json(const RecordingStatus *status)
{
    JsonArray *events = json_array_new();
    for (unsigned i = 0; i < status->event_count; i++) {
        JsonObject *event = json_object_new();
        json_object_set_double_member(event, "at", seconds(status->events[i].at_ns));
        set_text(event, "text", status->events[i].text);
        json_array_add_object_element(events, event);
    }
    return events;
}

static JsonArray *pauses_json(const RecordingStatus *status)
{
    JsonArray *pauses = json_array_new();
    for (unsigned i = 0; i < status->pause_count; i++) {
        const StatusPause *pause = &status->pauses[i];
        JsonObject *object = json_object_new();
        json_object_set_double_member(object, "start", seconds(pause->start_ns));
        if (pause->end_ns == INT64_MAX)
            json_object_set_null_member(object, "end");
        else
            json_object_set_double_member(object, "end", seconds(pause->end_ns));
        json_object_set_boolean_member(object, "hold", pause->holds);
        json_array_add_object_element(pauses, object);
    }
    return pauses;
}

static JsonObject *transport_json(const RecordingStatus *status)
{
    JsonObject *transport = json_object_new();
    set_text(transport, "pair", status->transport_pair);
    set_text(transport, "srtp", status->srtp_profile);
    set_count(transport, "receive_buffer_bytes", (uint64_t)MAX(status->receive_buffer_bytes, 0));
    return transport;
}

static void set_files(JsonObject *root, const RecordingStatus *status)
{
    JsonArray *paths = json_array_new();
    JsonArray *files = json_array_new();
    for (unsigned i = 0; i < status->output_count; i++) {
        json_array_add_string_element(paths, status->outputs[i].path);
        json_array_add_object_element(files, file_json(&status->outputs[i]));
    }
    set_text(root, "output_path", status->output_count > 0 ? status->outputs[0].path : NULL);
    json_object_set_array_member(root, "outputs", paths);
    json_object_set_array_member(root, "files", files);
    json_object_set_double_member(root, "file_size_mb",
                                  (double)status->file_bytes / (1024.0 * 1024.0));
}

static void set_tracks(JsonObject *root, const RecordingStatus *status)
{
    JsonObject *queues = json_object_new();
    JsonObject *tracks = json_object_new();
    JsonObject *ledger = json_object_new();
    for (unsigned i = 0; i < status->track_count; i++) {
        const TrackStatus *track = &status->tracks[i];
        json_object_set_object_member(queues, track->sid, queue_json(&track->queue));
        json_object_set_object_member(tracks, track->sid, track_json(track));
        json_object_set_object_member(ledger, track->sid, ledger_json(track));
    }
    json_object_set_object_member(root, "queues", queues);
    json_object_set_object_member(root, "tracks", tracks);
    json_object_set_object_member(root, "ledger", ledger);
}

JsonObject *status_json(const RecordingStatus *status)
{
    JsonObject *root = json_object_new();
    json_object_set_boolean_member(root, "success", TRUE);
    set_text(root, "mint_id", status->mint_id);
    set_text(root, "room", status->room);
    set_text(root, "room_sid", status->room_sid);
    set_text(root, "server_version", status->server_version);
    set_text(root, "state", recording_state_name(status->state));
    json_object_set_boolean_member(root, "reconnecting", status->reconnecting);
    json_object_set_boolean_member(root, "paused", status->paused);
    json_object_set_double_member(root, "paused_time", seconds(status->paused_ns));
    json_object_set_array_member(root, "pauses", pauses_json(status));
    json_object_set_boolean_member(root, "discarded", status->discarded);
    set_time(root, "requested_at", status->requested_wall_ns);
    set_time(root, "started_at", status->started_wall_ns);
    set_time(root, "ended_at", status->ended_wall_ns);
    json_object_set_object_member(root, "stats", stats_json(status));
    set_files(root, status);
    set_tracks(root, status);
    json_object_set_object_member(root, "checklist", checklist_json(status->checklist));
    json_object_set_object_member(root, "transport", transport_json(status));
    json_object_set_array_member(root, "events", events_json(status));
    set_outcome(root, &status->outcome);
    set_text(root, "end_reason", end_reason_name(status->end_reason));
    return root;
}
