#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "recorder/recorder_private.h"

char *recorder_track_name(const TrackContext *track)
{
    return g_strdup_printf("%s of %s", track_source_name(track->source), track->identity);
}

TrackContext *recorder_track(const WebRTCRecorder *recorder, unsigned track_id)
{
    return track_id < recorder->tracks->len ? recorder->tracks->pdata[track_id] : NULL;
}

TrackContext *recorder_find_track(const WebRTCRecorder *recorder, const char *track_sid)
{
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        if (track->published && g_strcmp0(track->sid, track_sid) == 0)
            return track;
    }
    return NULL;
}

bool recorder_wants(const WebRTCRecorder *recorder, const char *identity)
{
    char **wanted = recorder->request->participants;
    return !wanted || g_strv_contains((const char *const *)wanted, identity);
}

void recorder_fail_track(WebRTCRecorder *recorder, TrackContext *track, OutcomeCode code,
                         const char *format, ...)
{
    char sentence[OUTCOME_SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    g_vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (track->outcome.code == code)
        return;
    outcome_set(&track->outcome, OUTCOME_FAILED, code, "%s", sentence);
    log_warning("recorder", recorder->request->mint_id, "%s: %s", outcome_code_name(code),
                sentence);
}

/* ---- which track is it ---- */

static unsigned publisher_number(WebRTCRecorder *recorder, const char *identity)
{
    const gpointer known = g_hash_table_lookup(recorder->publishers, identity);
    if (known)
        return GPOINTER_TO_UINT(known) - 1;
    const unsigned number = g_hash_table_size(recorder->publishers);
    g_hash_table_insert(recorder->publishers, g_strdup(identity), GUINT_TO_POINTER(number + 1));
    return number;
}

static bool is_same_seat(const TrackContext *track, const char *identity, TrackKind kind,
                         TrackSource source)
{
    return track->kind == kind && track->source == source && strcmp(track->identity, identity) == 0;
}

static TrackContext *new_track(WebRTCRecorder *recorder, const char *identity,
                               const Publication *publication, unsigned nth)
{
    if (recorder->tracks->len >= RECORDER_MAX_TRACKS)
        return NULL;
    const Config *config = recorder->environment.config;
    const TrackQueueLimits limits = {
        .max_items =
            publication->kind == TRACK_VIDEO ? config->video_max_items : config->audio_max_items,
        .max_bytes = config->queue_max_bytes,
    };
    TrackContext *track = track_context_new(recorder->tracks->len, identity, publication->kind,
                                            track_context_source(publication), nth, limits);
    track->publisher_id = publisher_number(recorder, identity);
    g_ptr_array_add(recorder->tracks, track);
    return track;
}

/* Somebody who comes back takes the seat that they left; a further track of the same kind and
 * source beside a live one gets a seat of its own. */
static TrackContext *take_seat(WebRTCRecorder *recorder, const char *identity,
                               const Publication *publication, bool *ret_is_new)
{
    const TrackSource source = track_context_source(publication);
    unsigned taken = 0;
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        TrackContext *track = recorder->tracks->pdata[i];
        if (!is_same_seat(track, identity, publication->kind, source))
            continue;
        if (!track->published) {
            *ret_is_new = false;
            return track;
        }
        taken++;
    }
    *ret_is_new = true;
    return new_track(recorder, identity, publication, taken);
}

/* ---- may it be recorded ---- */

static bool refuse_codec(WebRTCRecorder *recorder, TrackContext *track)
{
    char formats[64];
    container_alternatives(&track->announced, 1, formats, sizeof formats);
    g_autofree char *name = recorder_track_name(track);
    recorder_fail_track(recorder, track, CODE_CODEC_UNSUPPORTED,
                        "The %s is %s, which %s does not take as published; formats that do: %s, "
                        "or auto. With the preset source nothing is encoded.",
                        name, codec_name(track->announced), recorder->request->format->name,
                        formats);
    return false;
}

static bool may_record(WebRTCRecorder *recorder, TrackContext *track,
                       const Publication *publication)
{
    g_autofree char *name = recorder_track_name(track);
    if (publication->encrypted) {
        recorder_fail_track(recorder, track, CODE_ENCRYPTED_NO_KEY,
                            "The %s is end-to-end encrypted and there is no key for it.", name);
        return false;
    }
    if (track->announced == CODEC_UNKNOWN && *publication->mime_type != '\0') {
        recorder_fail_track(recorder, track, CODE_CODEC_UNSUPPORTED,
                            "The %s is %s, which cannot be recorded.", name,
                            publication->mime_type);
        return false;
    }
    recorder_plan_track(recorder, track, publication);
    return track->plan.treatment == TREATMENT_REFUSED ? refuse_codec(recorder, track) : true;
}

/* ---- subscribing ---- */

void recorder_subscribe(WebRTCRecorder *recorder, TrackContext *track)
{
    track->asked = true;
    track->asked_ns = clock_monotonic_ns();
    track->polled_ns = track->asked_ns;
    signal_client_subscribe(recorder->signal, track->participant_sid, track->sid, true);
    recorder_ask_for_layer(recorder, track);
    recorder_advance(recorder);
}

static bool put_into_output(WebRTCRecorder *recorder, TrackContext *track)
{
    if (!recorder_start_encoder(recorder, track))
        return false;
    if (track->plan.awaits_size)
        recorder_divert(recorder, track);
    OutputSlot *slot = recorder_output_for(recorder, track);
    if (!slot)
        return false;
    track->output = slot->index;
    OutputTrack output_track = {
        .id = track->id,
        .kind = track->kind,
        .expected_codec = track->plan.codec,
        .muted = track->muted,
        .queue = track->queue,
        .counters = &track->counters,
        .language = "und",
    };
    g_autofree char *name = recorder_track_name(track);
    g_strlcpy(output_track.title, name, sizeof output_track.title);
    if (output_add_track(slot->output, &output_track))
        return true;
    recorder_fail_track(recorder, track, CODE_NO_CAPACITY,
                        "The %s does not fit into its file, which has %d tracks already.", name,
                        OUTPUT_MAX_TRACKS);
    return false;
}

static void receive(WebRTCRecorder *recorder, TrackContext *track)
{
    const NetTrack net_track = {
        .track_id = track->id,
        .publisher_id = track->publisher_id,
        .kind = track->kind,
        .queue = track_context_input_queue(track),
        .counters = &track->counters,
        .longest_side = track->plan.longest,
    };
    net_session_bind(recorder->net, track->sid, &net_track);
    recorder_subscribe(recorder, track);
}

static void admit(WebRTCRecorder *recorder, const Participant *participant,
                  const Publication *publication)
{
    const char *identity = participant->identity;
    bool is_new;
    TrackContext *track = take_seat(recorder, identity, publication, &is_new);
    if (!track) {
        recorder_note(recorder, "%s published more tracks than the %d that a recording can hold.",
                      identity, RECORDER_MAX_TRACKS);
        return;
    }
    track_context_publish(track, participant, publication);
    recorder->had_publisher = true;
    g_autofree char *name = recorder_track_name(track);
    recorder_note(recorder, "The %s is published (%s, %s%s).", name, publication->sid,
                  publication->mime_type, publication->muted ? ", muted" : "");
    if (!may_record(recorder, track, publication))
        return;
    const bool has_output =
        is_new ? put_into_output(recorder, track) : track->output < recorder->outputs->len;
    if (!has_output)
        return;
    if (!is_new) {
        OutputSlot *slot = recorder->outputs->pdata[track->output];
        if (!recorder_start_encoder(recorder, track))
            return;
        output_set_muted(slot->output, track->id, track->muted);
    }
    receive(recorder, track);
}

/* ---- successors ---- */

/* A client that replaces a track announces the new one some 100 ms before the old one's end. */
#define SUCCESSOR_PATIENCE_NS (700 * NS_PER_MS)

typedef struct {
    char *sid;
    int64_t due_ns; /* then it is one track more */
} Successor;

static void successor_free(gpointer data)
{
    Successor *successor = data;
    g_free(successor->sid);
    g_free(successor);
}

GPtrArray *recorder_successors_new(void)
{
    return g_ptr_array_new_with_free_func(successor_free);
}

static bool has_live_seat(const WebRTCRecorder *recorder, const char *identity,
                          const Publication *publication)
{
    const TrackSource source = track_context_source(publication);
    for (unsigned i = 0; i < recorder->tracks->len; i++) {
        const TrackContext *track = recorder->tracks->pdata[i];
        if (track->published && is_same_seat(track, identity, publication->kind, source))
            return true;
    }
    return false;
}

static void let_wait(WebRTCRecorder *recorder, const Publication *publication)
{
    Successor *successor = g_new0(Successor, 1);
    successor->sid = g_strdup(publication->sid);
    successor->due_ns = clock_monotonic_ns() + SUCCESSOR_PATIENCE_NS;
    g_ptr_array_add(recorder->successors, successor);
}

void recorder_admit_successors(WebRTCRecorder *recorder, int64_t now_ns)
{
    const RoomView *room = recorder->signal ? signal_client_room(recorder->signal) : NULL;
    for (unsigned i = 0; room && i < recorder->successors->len;) {
        const Successor *successor = recorder->successors->pdata[i];
        const Participant *participant = NULL;
        const Publication *publication = room_view_find_track(room, successor->sid, &participant);
        if (publication && now_ns < successor->due_ns &&
            has_live_seat(recorder, participant->identity, publication)) {
            i++;
            continue;
        }
        g_ptr_array_remove_index(recorder->successors, i);
        if (publication)
            admit(recorder, participant, publication);
    }
}

static void on_track_published(void *owner, const Participant *participant,
                               const Publication *publication)
{
    WebRTCRecorder *recorder = owner;
    if (recorder_is_ending(recorder) || !recorder_wants(recorder, participant->identity))
        return;
    if (recorder->request->audio_only && publication->kind == TRACK_VIDEO)
        return;
    if (recorder->successors->len < RECORDER_MAX_TRACKS &&
        has_live_seat(recorder, participant->identity, publication))
        let_wait(recorder, publication);
    else
        admit(recorder, participant, publication);
}

static void on_track_changed(void *owner, const Participant *participant,
                             const Publication *publication)
{
    (void)participant;
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_find_track(recorder, publication->sid);
    if (!track || recorder_is_ending(recorder) || track->muted == publication->muted)
        return;
    track->muted = publication->muted;
    track->was_unmuted = track->was_unmuted || !publication->muted;
    track->asked_ns = clock_monotonic_ns();
    track->stalled = false;
    g_autofree char *name = recorder_track_name(track);
    recorder_note(recorder, "The %s was %s.", name, track->muted ? "muted" : "unmuted");
    OutputSlot *slot = track->asked ? recorder->outputs->pdata[track->output] : NULL;
    if (slot && slot->output)
        output_set_muted(slot->output, track->id, track->muted);
    recorder_advance(recorder);
}

static void on_track_unpublished(void *owner, const Participant *participant,
                                 const Publication *publication)
{
    (void)participant;
    WebRTCRecorder *recorder = owner;
    TrackContext *track = recorder_find_track(recorder, publication->sid);
    if (!track || recorder_is_ending(recorder))
        return;
    track->published = false;
    track->removed_ns = clock_monotonic_ns();
    track->stalled = false;
    recorder->no_publisher_since_ns = 0;
    g_autofree char *name = recorder_track_name(track);
    recorder_note(recorder, "The %s is no longer published.", name);
    net_session_unbind(recorder->net, publication->sid);
    if (track->asked) {
        OutputSlot *slot = recorder->outputs->pdata[track->output];
        output_set_muted(slot->output, track->id, true);
    }
    recorder_admit_successors(recorder, clock_monotonic_ns());
}

static void on_participant_joined(void *owner, const Participant *participant)
{
    WebRTCRecorder *recorder = owner;
    if (recorder_wants(recorder, participant->identity))
        recorder_note(recorder, "%s is in the room.", participant->identity);
}

static void on_participant_left(void *owner, const Participant *participant)
{
    WebRTCRecorder *recorder = owner;
    if (recorder_wants(recorder, participant->identity))
        recorder_note(recorder, "%s left the room.", participant->identity);
}

RoomViewOut recorder_room_view_out(WebRTCRecorder *recorder)
{
    return (RoomViewOut){
        .owner = recorder,
        .participant_joined = on_participant_joined,
        .participant_left = on_participant_left,
        .track_published = on_track_published,
        .track_changed = on_track_changed,
        .track_unpublished = on_track_unpublished,
    };
}
