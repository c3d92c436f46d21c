#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "sink/codec_config.h"
#include "sink/output_report.h"
#include "sink/silence.h"
#include "sink/track_set_private.h"

static void refuse(TrackSet *set, SinkTrack *track, Codec codec)
{
    char alternatives[64];
    container_alternatives(&codec, 1, alternatives, sizeof alternatives);
    Outcome outcome;
    outcome_set(&outcome, OUTCOME_FAILED, CODE_CODEC_UNSUPPORTED,
                "%s does not go into %s without re-encoding. Choose one of these formats: %s.",
                codec_name(codec), container_name(set->config->container), alternatives);
    track->refused = true;
    sink_track_drop_all(track, DROP_CODEC_UNSUPPORTED);
    output_report_track_failed(set->events, track->info.id, &outcome);
    for (unsigned i = 0; i < set->track_count; i++) {
        if (!set->tracks[i]->refused)
            return;
    }
    track_set_fail(set, &outcome);
}

/* What an encoder could not do is kept as it came, where every codec goes. */
static Container container_of(const TrackSet *set, Codec codec)
{
    const Container wanted = set->config->container;
    if (wanted == CONTAINER_AUTO || container_takes(wanted, codec))
        return wanted;
    return set->config->falls_back_to_mkv ? CONTAINER_MKV : wanted;
}

static bool is_new(const SinkTrack *track)
{
    return track->part == NULL && track->count > 0 && !track->refused;
}

/* Drops what cannot begin a file; leaves a head whose parameters are known, or none. */
static void prepare(TrackSet *set, SinkTrack *track)
{
    bool has_dropped = false;
    while (is_new(track)) {
        const Frame *head = sink_track_head(track);
        const Container wanted = container_of(set, head->codec);
        if (wanted != CONTAINER_AUTO && !container_takes(wanted, head->codec)) {
            refuse(set, track, head->codec);
            return;
        }
        AVCodecParameters *parameters = codec_config_new(head);
        if (parameters != NULL) {
            avcodec_parameters_free(&track->parameters);
            track->parameters = parameters;
            track->codec = track->result.codec = head->codec;
            break;
        }
        sink_track_drop(track, DROP_BEFORE_KEYFRAME);
        has_dropped = true;
    }
    if (has_dropped && track->count == 0)
        output_report_need_keyframe(set->events, track->info.id);
}

/* A track that is expected to send, and that a header should wait for. */
static bool is_awaited(const SinkTrack *track)
{
    return track->part == NULL && track->count == 0 && !track->ended && !track->refused &&
           !track->given_up && !track->info.muted;
}

static bool is_open_due(TrackSet *set, int64_t now_ns)
{
    bool has_new = false;
    bool is_awaiting = false;
    int64_t ready_ns = now_ns;
    for (unsigned i = 0; i < set->track_count; i++) {
        SinkTrack *track = set->tracks[i];
        prepare(set, track);
        if (set->outcome.kind != OUTCOME_NONE)
            return false;
        if (is_new(track) && track->ready_ns < ready_ns)
            ready_ns = track->ready_ns;
        has_new = has_new || is_new(track);
        is_awaiting = is_awaiting || is_awaited(track);
    }
    const bool is_late = now_ns - ready_ns >= OUTPUT_HEADER_WAIT_NS;
    return has_new && (!is_awaiting || is_late || set->is_stopping);
}

/* A muted track is silent for now, but its place in the header is taken. */
static void prepare_muted(const TrackSet *set, SinkTrack *track)
{
    const Codec codec = track->info.expected_codec;
    size_t size;
    if (track->parameters != NULL || !track->info.muted || track->ended || track->refused ||
        codec == CODEC_UNKNOWN || silence_packet(codec, &size) == NULL)
        return;
    if (set->config->container != CONTAINER_AUTO && !container_takes(set->config->container, codec))
        return;
    track->parameters = codec_config_new_audio(codec);
    track->codec = track->result.codec = codec;
}

typedef struct {
    SinkTrack *tracks[OUTPUT_MAX_TRACKS];
    unsigned count;
    int64_t zero_ns;
} Members;

/* Picture first, as players show them. */
static void add_members(const TrackSet *set, TrackKind kind, Members *members)
{
    for (unsigned i = 0; i < set->track_count; i++) {
        SinkTrack *track = set->tracks[i];
        if (track->info.kind != kind || track->parameters == NULL || track->refused)
            continue;
        const Frame *head = sink_track_head(track);
        if (head == NULL && track->ended)
            continue;
        members->tracks[members->count++] = track;
        if (head != NULL && (track->part == NULL || kind == TRACK_AUDIO) &&
            head->pts_ns < members->zero_ns)
            members->zero_ns = head->pts_ns;
    }
}

static Container choose_container(const TrackSet *set, const Members *members)
{
    for (unsigned i = 0; i < members->count; i++) {
        if (container_of(set, members->tracks[i]->codec) != set->config->container)
            return CONTAINER_MKV;
    }
    if (set->config->container != CONTAINER_AUTO)
        return set->config->container;
    Codec codecs[2 * OUTPUT_MAX_TRACKS];
    unsigned count = 0;
    bool current_takes = set->current != NULL && container_holds_pictures(set->current->container);
    for (unsigned i = 0; i < members->count; i++) {
        codecs[count++] = members->tracks[i]->codec;
        current_takes =
            current_takes && container_takes(set->current->container, members->tracks[i]->codec);
    }
    if (current_takes)
        return set->current->container;
    for (unsigned i = 0; i < set->track_count; i++) {
        const SinkTrack *track = set->tracks[i];
        if (track->parameters == NULL && !track->ended && !track->refused &&
            track->info.expected_codec != CODEC_UNKNOWN)
            codecs[count++] = track->info.expected_codec;
    }
    return container_for(codecs, count);
}

static char *part_path(const TrackSet *set, Container container)
{
    char *path = NULL;
    const char *extension = container_extension(container);
    const int printed =
        set->part_count == 0
            ? asprintf(&path, "%s.%s", set->config->stem, extension)
            : asprintf(&path, "%s.part%u.%s", set->config->stem, set->part_count + 1, extension);
    require(printed > 0);
    return path;
}

static void enter(SinkTrack *track, Part *part)
{
    track->part = part;
    track->stream = (unsigned)part_stream(part, track);
}

/* New tracks and silent ones belong to the part from the start, those of the former part come when
 * their next frame allows it. */
static void assign(TrackSet *set, Part *part, const Members *members)
{
    for (unsigned i = 0; i < members->count; i++) {
        SinkTrack *track = members->tracks[i];
        if (track->part != NULL) {
            if (track->info.kind == TRACK_VIDEO)
                output_report_need_keyframe(set->events, track->info.id);
            continue;
        }
        enter(track, part);
        if (track->count == 0 && !track->has_time) {
            track->has_time = true;
            track->end_ns = track->last_pts_ns = part->zero_ns;
        }
    }
    for (unsigned i = 0; i < set->track_count; i++)
        set->tracks[i]->given_up = set->tracks[i]->part == NULL;
}

static void open_part(TrackSet *set)
{
    Members members = {.zero_ns = INT64_MAX};
    for (unsigned i = 0; i < set->track_count; i++)
        prepare_muted(set, set->tracks[i]);
    add_members(set, TRACK_VIDEO, &members);
    add_members(set, TRACK_AUDIO, &members);
    if (set->part_count >= TRACK_SET_MAX_PARTS) {
        Outcome outcome;
        outcome_set(&outcome, OUTCOME_FAILED, CODE_WRITE_FAILED,
                    "%s has %d parts, which is the limit: its tracks changed too often.",
                    set->config->stem, TRACK_SET_MAX_PARTS);
        track_set_fail(set, &outcome);
        return;
    }
    const Container container = choose_container(set, &members);
    char *path = part_path(set, container);
    char *shown_path = NULL;
    require(asprintf(&shown_path, "%s", path) > 0);
    int error = 0;
    Part *part = part_new(&(PartConfig){.path = path,
                                        .container = container,
                                        .zero_ns = members.zero_ns,
                                        .title = set->config->title,
                                        .created_wall_ns = set->config->started_at_wall_ns},
                          members.tracks, members.count, &error);
    if (part == NULL) {
        track_set_fail_av(set, error, "Cannot open", shown_path);
    } else {
        set->parts[set->part_count++] = part;
        set->current = part;
        assign(set, part, &members);
        output_report_opened(set->events, part->path, container);
    }
    free(shown_path);
}

void track_files_open_due(TrackSet *set, int64_t now_ns)
{
    if (is_open_due(set, now_ns))
        open_part(set);
}

static bool close_if_empty(TrackSet *set, Part *part, int64_t now_ns)
{
    for (unsigned i = 0; i < set->track_count; i++) {
        if (set->tracks[i]->part == part)
            return true;
    }
    const int error = part_finish(part, now_ns);
    if (error < 0)
        track_set_fail_av(set, error, "Cannot write", part->path);
    return error == 0;
}

bool track_files_leave(TrackSet *set, SinkTrack *track, int64_t now_ns)
{
    Part *part = track->part;
    if (part == NULL)
        return true;
    /* Its frames are to be on disk before they are forgotten. */
    const int error = part_flush(part, now_ns);
    if (error < 0) {
        track_set_fail_av(set, error, "Cannot write", part->path);
        return false;
    }
    track->part = NULL;
    return true;
}

bool track_files_move(TrackSet *set, SinkTrack *track, int64_t now_ns)
{
    const Frame *head = sink_track_head(track);
    Part *former = track->part;
    if (former == set->current || part_stream(set->current, track) < 0 ||
        (track->info.kind == TRACK_VIDEO && !head->is_key))
        return true;
    if (!track_files_leave(set, track, now_ns))
        return false;
    enter(track, set->current);
    return close_if_empty(set, former, now_ns);
}
