#include "recorder/recorder_private.h"

static TrackFacts facts_of(const TrackContext *track, const Publication *publication)
{
    TrackFacts facts = {
        .kind = track->kind,
        .codec = track->announced,
        .size = {publication->width, publication->height},
        .layer_count = MIN(publication->layer_count, TRACK_PLAN_MAX_LAYERS),
    };
    for (unsigned i = 0; i < facts.layer_count; i++)
        facts.layers[i] = (TrackSize){publication->layers[i].width, publication->layers[i].height};
    return facts;
}

void recorder_plan_track(const WebRTCRecorder *recorder, TrackContext *track,
                         const Publication *publication)
{
    const RecordingRequest *request = recorder->request;
    track->facts = facts_of(track, publication);
    track->plan = track_plan_make(&track->facts, request->format, request->quality);
    if (track->encoder_failed) {
        recorder_pass_through(track, "its encoder failed");
    } else if (track->encoder) {
        track->plan.treatment = TREATMENT_TRANSCODE;
        track->plan.codec = track->encoder_codec;
    }
}

void recorder_make_encode_queue(const WebRTCRecorder *recorder, TrackContext *track)
{
    const Config *config = recorder->environment.config;
    const bool is_video = track->kind == TRACK_VIDEO;
    if (!track->encode_queue)
        track->encode_queue = bounded_queue_new(
            track->kind, is_video ? config->video_max_items : config->audio_max_items,
            config->queue_max_bytes);
}

void recorder_divert(WebRTCRecorder *recorder, TrackContext *track)
{
    recorder_make_encode_queue(recorder, track);
    if (!track->is_diverted && track->asked)
        net_session_set_queue(recorder->net, track->id, track->encode_queue, false);
    track->is_diverted = true;
}

static void note_input(WebRTCRecorder *recorder, TrackContext *track, const TrackInput *input)
{
    const unsigned count = track->input_count++;
    const TrackInput last = track->input;
    track->input = *input;
    if (count < STATUS_MAX_INPUTS)
        track->inputs[count] = *input;
    if (count == 0)
        return;
    track->size_changes += input->width != last.width || input->height != last.height;
    g_autofree char *name = recorder_track_name(track);
    g_autofree char *what = codec_kind(input->codec) == TRACK_AUDIO
                                ? g_strdup(input->channels == 2 ? "stereo" : "mono")
                                : g_strdup_printf("%ux%u", input->width, input->height);
    recorder_note(recorder, "The %s is now %s, %s.", name, what, codec_name(input->codec));
}

void recorder_note_loss(WebRTCRecorder *recorder, TrackContext *track, const TrackGap *gap)
{
    if (track->loss_count++ >= STATUS_MAX_LOSSES)
        return;
    track->losses[track->loss_count - 1] = *gap;
    g_autofree char *name = recorder_track_name(track);
    g_autofree char *why =
        gap->packets > 0 ? g_strdup_printf("%" G_GUINT64_FORMAT " packets never came", gap->packets)
                         : g_strdup("the queue was full");
    recorder_note(recorder, "The %s lacks %u pictures from %.3f s to %.3f s%s: %s.", name,
                  gap->frames, (double)gap->start_ns / (double)NS_PER_SECOND,
                  (double)gap->end_ns / (double)NS_PER_SECOND,
                  gap->ends_with_key ? ", up to a key frame" : "", why);
}

/* The plan without an encoder stands: what waited for it goes on. */
static void stay(WebRTCRecorder *recorder, TrackContext *track)
{
    if (!track->is_diverted)
        return;
    track->is_diverted = false;
    net_session_set_queue(recorder->net, track->id, track->queue, true);
}

/* A camera that was announced without a size, or that grew over the ceiling. */
void recorder_input_changed(WebRTCRecorder *recorder, TrackContext *track, const TrackInput *input)
{
    const RecordingRequest *request = recorder->request;
    note_input(recorder, track, input);
    if (codec_kind(input->codec) == TRACK_AUDIO)
        return; /* sound goes the same way, whatever it has */
    if (track->encoder || track->goes_without_encoder)
        return;
    track_facts_update(&track->facts, input->codec, (TrackSize){input->width, input->height});
    const TrackPlan plan = track_plan_make(&track->facts, request->format, request->quality);
    if (plan.treatment == TREATMENT_TRANSCODE) {
        g_autofree char *name = recorder_track_name(track);
        track->plan = plan;
        recorder_note(recorder, "The %s has to be encoded: %s", name, plan.why);
        if (!recorder_start_encoder(recorder, track))
            return;
    }
    if (plan.treatment == TREATMENT_LAYER && plan.layer.height != track->plan.layer.height) {
        track->plan = plan;
        recorder_ask_for_layer(recorder, track);
    }
    if (!track->encoder)
        stay(recorder, track);
}
