#include "room/room_roster.h"

#include <string.h>

#include "base/clock.h"

#define DEFAULT_WIDTH 640
#define DEFAULT_HEIGHT 360
#define DEFAULT_FPS 30
#define DEFAULT_BITRATE 600000

struct RoomRoster {
    RosterPublisher *publishers;
    unsigned count;
    const FaultScript *script;
    MediaHub *hub;
    bool is_load; /* the media come from elsewhere */
};

void room_roster_make_sid(const char *prefix, char ret_sid[ROSTER_SID_SIZE])
{
    static const char ALPHABET[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    const size_t length = strlen(prefix);
    memcpy(ret_sid, prefix, length);
    for (size_t i = 0; i < 12; i++) {
        ret_sid[length + i] = ALPHABET[g_random_int_range(0, sizeof ALPHABET - 1)];
    }
    ret_sid[length + 12] = '\0';
}

static void publisher_init(RosterPublisher *publisher, unsigned index,
                           const EmbeddedPublisher *config)
{
    *publisher = (RosterPublisher){.index = index, .config = *config};
    publisher->identity = g_strdup(config->identity);
    publisher->config.identity = publisher->identity;
    EmbeddedPublisher *const own = &publisher->config;
    own->width = own->width != 0 ? own->width : DEFAULT_WIDTH;
    own->height = own->height != 0 ? own->height : DEFAULT_HEIGHT;
    own->fps = own->fps != 0 ? own->fps : DEFAULT_FPS;
    own->video_bitrate = own->video_bitrate != 0 ? own->video_bitrate : DEFAULT_BITRATE;
    RosterTrack *const audio = &publisher->tracks[TRACK_AUDIO];
    *audio = (RosterTrack){.kind = TRACK_AUDIO,
                           .configured = config->audio_codec != CODEC_UNKNOWN,
                           .codec = config->audio_codec};
    RosterTrack *const video = &publisher->tracks[TRACK_VIDEO];
    *video = (RosterTrack){.kind = TRACK_VIDEO,
                           .configured = config->video_codec != CODEC_UNKNOWN,
                           .codec = config->video_codec,
                           .width = own->width,
                           .height = own->height};
}

RoomRoster *room_roster_new(const EmbeddedRoomConfig *config, const FaultScript *script,
                            MediaHub *hub)
{
    RoomRoster *const roster = g_new0(RoomRoster, 1);
    roster->count = config->publisher_count;
    roster->publishers = g_new0(RosterPublisher, roster->count);
    roster->script = script;
    roster->hub = hub;
    for (unsigned i = 0; i < roster->count; i++) {
        publisher_init(&roster->publishers[i], i, &config->publishers[i]);
    }
    return roster;
}

void room_roster_free(RoomRoster *roster)
{
    if (roster == NULL) {
        return;
    }
    for (unsigned i = 0; i < roster->count; i++) {
        media_source_free(roster->publishers[i].source);
        g_free(roster->publishers[i].identity);
    }
    g_free(roster->publishers);
    g_free(roster);
}

bool room_roster_load(RoomRoster *roster, GError **error)
{
    GPtrArray *media = g_ptr_array_new_with_free_func((GDestroyNotify)load_media_free);
    for (unsigned i = 0; i < roster->count; i++) {
        LoadMedia *one = load_media_new(i, &roster->publishers[i].config, error);
        if (one == NULL) {
            g_ptr_array_unref(media);
            return false;
        }
        g_ptr_array_add(media, one);
    }
    roster->is_load = true;
    media_hub_load(roster->hub, media);
    return true;
}

/* What a track shall be now. */
typedef struct {
    bool published, muted, paused, encrypted, hides_size;
    Codec codec;
    unsigned width, height, publications, sources;
} TrackPlan;

static const Fault *find_fault(const RoomRoster *roster, FaultKind kind,
                               const RosterPublisher *publisher, TrackKind track_kind,
                               int64_t at_ns)
{
    return fault_script_find_for(roster->script, kind, publisher->identity, track_kind, at_ns);
}

static bool plan_presence(const RoomRoster *roster, const RosterPublisher *publisher, int64_t at_ns)
{
    const EmbeddedPublisher *const config = &publisher->config;
    if (at_ns < config->start_ns || (config->leave_ns > 0 && at_ns >= config->leave_ns)) {
        return false;
    }
    /* A leave has no track; both kinds are asked so that "IDENTITY/video" is not silently lost. */
    return find_fault(roster, FAULT_LEAVE, publisher, TRACK_VIDEO, at_ns) == NULL &&
           find_fault(roster, FAULT_LEAVE, publisher, TRACK_AUDIO, at_ns) == NULL;
}

/* How many faults of that kind have begun. */
static unsigned count_begun(const RoomRoster *roster, FaultKind fault_kind,
                            const RosterPublisher *publisher, TrackKind kind, int64_t at_ns)
{
    unsigned count = 0;
    for (unsigned i = 0; i < roster->script->count; i++) {
        const Fault *const fault = &roster->script->faults[i];
        count += fault->kind == fault_kind && at_ns >= fault->start_ns &&
                 fault_targets(fault, publisher->identity, kind);
    }
    return count;
}

static TrackPlan plan_track(const RoomRoster *roster, const RosterPublisher *publisher,
                            const RosterTrack *track, bool present, int64_t at_ns)
{
    const EmbeddedPublisher *const config = &publisher->config;
    const TrackKind kind = track->kind;
    const bool is_video = kind == TRACK_VIDEO;
    const bool joined_muted = is_video ? config->video_muted : config->audio_muted;
    const Fault *const codec_change =
        is_video ? find_fault(roster, FAULT_CODEC_CHANGE, publisher, kind, at_ns) : NULL;
    const Fault *const resize =
        is_video ? find_fault(roster, FAULT_RESIZE, publisher, kind, at_ns) : NULL;
    const bool delayed = is_video && at_ns < config->start_ns + config->video_delay_ns;
    return (TrackPlan){
        .published = present && track->configured && !delayed &&
                     find_fault(roster, FAULT_NO_TRACK, publisher, kind, at_ns) == NULL &&
                     find_fault(roster, FAULT_UNPUBLISH, publisher, kind, at_ns) == NULL,
        .muted = find_fault(roster, FAULT_MUTE, publisher, kind, at_ns) != NULL ||
                 (joined_muted && find_fault(roster, FAULT_UNMUTE, publisher, kind, at_ns) == NULL),
        .paused = find_fault(roster, FAULT_PAUSE, publisher, kind, at_ns) != NULL,
        .encrypted = find_fault(roster, FAULT_ENCRYPTED, publisher, kind, at_ns) != NULL,
        .hides_size = find_fault(roster, FAULT_NO_SIZE, publisher, kind, at_ns) != NULL,
        .codec = codec_change != NULL ? codec_change->codec
                                      : (is_video ? config->video_codec : config->audio_codec),
        .width = resize != NULL ? resize->width : config->width,
        .height = resize != NULL ? resize->height : config->height,
        .publications = count_begun(roster, FAULT_REPUBLISH, publisher, kind, at_ns),
        .sources = count_begun(roster, FAULT_SSRC_CHANGE, publisher, kind, at_ns),
    };
}

static bool track_differs(const RosterTrack *track, const TrackPlan *plan)
{
    return track->published != plan->published || track->muted != plan->muted ||
           track->paused != plan->paused || track->encrypted != plan->encrypted ||
           track->codec != plan->codec ||
           (track->kind == TRACK_VIDEO &&
            (track->width != plan->width || track->height != plan->height)) ||
           track->publications != plan->publications || track->sources != plan->sources;
}

static void apply_track(RosterPublisher *publisher, RosterTrack *track, const TrackPlan *plan)
{
    if (plan->published && (!track->published || track->publications != plan->publications)) {
        room_roster_make_sid("TR_", track->sid);
    }
    track->published = plan->published;
    track->muted = plan->muted;
    track->paused = plan->paused;
    track->encrypted = plan->encrypted;
    track->hides_size = plan->hides_size;
    track->codec = plan->codec;
    track->publications = plan->publications;
    track->sources = plan->sources;
    if (track->kind == TRACK_VIDEO) {
        track->width = plan->width;
        track->height = plan->height;
    }
    if (publisher->source != NULL) {
        media_source_set_muted(publisher->source, track->kind, track->muted);
    }
    if (publisher->source != NULL && track->kind == TRACK_VIDEO) {
        media_source_set_video(publisher->source, track->codec, track->width, track->height);
    }
}

static void on_frame(void *owner, MediaFrame *frame)
{
    media_hub_post_frame(owner, frame);
}

static void start_timeline(RosterPublisher *publisher)
{
    if (publisher->has_timeline) {
        return;
    }
    publisher->has_timeline = true;
    publisher->timeline = (MediaTimeline){
        .start_monotonic_ns = clock_monotonic_ns(),
        .start_wall_ns = clock_wall_ns() + publisher->config.ntp_offset_ns,
        .speed = 1.0 + publisher->config.drift_ppm / 1e6,
    };
}

static bool enter(RoomRoster *roster, RosterPublisher *publisher, GError **error)
{
    const EmbeddedPublisher *const config = &publisher->config;
    start_timeline(publisher);
    if (!roster->is_load &&
        (config->video_codec != CODEC_UNKNOWN || config->audio_codec != CODEC_UNKNOWN)) {
        const MediaSourceConfig source_config = {
            .publisher = publisher->index,
            .video_codec = config->video_codec,
            .audio_codec = config->audio_codec,
            .width = config->width,
            .height = config->height,
            .fps = config->fps,
            .video_bitrate = config->video_bitrate,
            .keyframe_interval_ns = config->keyframe_interval_ns,
            .timeline = publisher->timeline,
        };
        publisher->source = media_source_new(
            &source_config, (MediaSourceOut){.owner = roster->hub, .frame = on_frame}, error);
        if (publisher->source == NULL) {
            return false;
        }
    }
    room_roster_make_sid("PA_", publisher->sid);
    publisher->present = true;
    publisher->version = 0;
    return true;
}

static void leave(RosterPublisher *publisher)
{
    media_source_free(publisher->source);
    publisher->source = NULL;
    publisher->present = false;
}

static bool update_publisher(RoomRoster *roster, RosterPublisher *publisher, int64_t at_ns,
                             GError **error)
{
    const bool present = plan_presence(roster, publisher, at_ns);
    const bool entered = present && !publisher->present;
    bool changed = present != publisher->present;
    if (entered && !enter(roster, publisher, error)) {
        return false;
    }
    if (!present && publisher->present) {
        leave(publisher);
    }
    for (unsigned kind = 0; kind < 2; kind++) {
        RosterTrack *const track = &publisher->tracks[kind];
        const TrackPlan plan = plan_track(roster, publisher, track, present, at_ns);
        if (track->configured && (entered || track_differs(track, &plan))) {
            apply_track(publisher, track, &plan);
            changed = true;
        }
    }
    if (changed) {
        publisher->version++;
        publisher->serial++;
    }
    return true;
}

bool room_roster_update(RoomRoster *roster, int64_t at_ns, GError **error)
{
    for (unsigned i = 0; i < roster->count; i++) {
        if (!update_publisher(roster, &roster->publishers[i], at_ns, error)) {
            return false;
        }
    }
    return true;
}

int64_t room_roster_next(const RoomRoster *roster, int64_t at_ns)
{
    int64_t next_ns = CLOCK_NEVER;
    for (unsigned i = 0; i < roster->count; i++) {
        const EmbeddedPublisher *const config = &roster->publishers[i].config;
        const int64_t moments[] = {config->start_ns, config->leave_ns,
                                   config->start_ns + config->video_delay_ns};
        for (unsigned j = 0; j < G_N_ELEMENTS(moments); j++) {
            if (moments[j] > at_ns && moments[j] < next_ns) {
                next_ns = moments[j];
            }
        }
    }
    return next_ns;
}

unsigned room_roster_count(const RoomRoster *roster)
{
    return roster->count;
}

const RosterPublisher *room_roster_publisher(const RoomRoster *roster, unsigned index)
{
    return &roster->publishers[index];
}

const RosterTrack *room_roster_find_track(const RoomRoster *roster, const char *sid,
                                          const RosterPublisher **ret_publisher)
{
    for (unsigned i = 0; i < roster->count; i++) {
        for (unsigned kind = 0; kind < 2; kind++) {
            const RosterTrack *const track = &roster->publishers[i].tracks[kind];
            if (track->published && strcmp(track->sid, sid) == 0) {
                *ret_publisher = &roster->publishers[i];
                return track;
            }
        }
    }
    return NULL;
}

MediaSourceStats room_roster_stats(const RoomRoster *roster)
{
    MediaSourceStats all = {0};
    for (unsigned i = 0; i < roster->count; i++) {
        const MediaSource *const source = roster->publishers[i].source;
        if (source == NULL) {
            continue;
        }
        const MediaSourceStats one = media_source_stats(source);
        all.video_frames += one.video_frames;
        all.audio_frames += one.audio_frames;
        all.skipped += one.skipped;
        all.video_number = i == 0 ? one.video_number : all.video_number;
    }
    return all;
}

void room_roster_listen(RoomRoster *roster, unsigned publisher, TrackKind kind, bool listens)
{
    RosterPublisher *const chosen = &roster->publishers[publisher];
    RosterTrack *const track = &chosen->tracks[kind];
    track->listeners += listens ? 1u : 0u - 1u;
    if (chosen->source != NULL) {
        media_source_set_sending(chosen->source, kind, track->listeners > 0);
    }
}

void room_roster_request_keyframe(RoomRoster *roster, unsigned publisher)
{
    if (publisher < roster->count && roster->publishers[publisher].source != NULL) {
        media_source_request_keyframe(roster->publishers[publisher].source);
    }
}
