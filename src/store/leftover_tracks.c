#include "store/leftover_tracks.h"

#include <string.h>

#include "flow/outcome.h"
#include "store/json_member.h"

static LeftoverTrack *find(LeftoverTracks *tracks, const char *identity, bool screen_share,
                           TrackKind kind)
{
    for (unsigned i = 0; i < tracks->count; i++) {
        LeftoverTrack *track = &tracks->list[i];
        if (track->kind == kind && track->screen_share == screen_share &&
            strcmp(track->identity, identity) == 0)
            return track;
    }
    if (tracks->count == LEFTOVER_MAX_TRACKS)
        return NULL;
    LeftoverTrack *track = &tracks->list[tracks->count++];
    *track = (LeftoverTrack){.screen_share = screen_share, .kind = kind};
    g_strlcpy(track->identity, identity, sizeof track->identity);
    return track;
}

void leftover_tracks_add(LeftoverTracks *tracks, JsonObject *file, const MediaMeasure *measure)
{
    const char *identity = json_member_text(file, "identity");
    const bool screen_share = json_member_bool(file, "screen_share");
    for (unsigned i = 0; identity && i < measure->track_count; i++) {
        LeftoverTrack *track = find(tracks, identity, screen_share, measure->tracks[i].kind);
        if (!track)
            return;
        track->packets += measure->tracks[i].packets;
        track->bytes += measure->tracks[i].bytes;
        track->width = measure->tracks[i].width;
        track->height = measure->tracks[i].height;
    }
}

uint64_t leftover_tracks_packets(const LeftoverTracks *tracks, TrackKind kind)
{
    uint64_t packets = 0;
    for (unsigned i = 0; i < tracks->count; i++)
        packets += tracks->list[i].kind == kind ? tracks->list[i].packets : 0;
    return packets;
}

static bool is_of(JsonObject *object, const LeftoverTrack *track)
{
    const char *source = json_member_text(object, "source");
    return g_strcmp0(json_member_text(object, "identity"), track->identity) == 0 &&
           g_strcmp0(json_member_text(object, "kind"), track_kind_name(track->kind)) == 0 &&
           (source && g_str_has_prefix(source, "screen_share")) == track->screen_share;
}

/* NULL when there are several of its kind and source, or none. */
static JsonObject *find_only(JsonObject *tracks, const LeftoverTrack *track)
{
    JsonObject *found = NULL;
    g_autoptr(GList) members = json_object_get_members(tracks);
    for (GList *link = members; link; link = link->next) {
        JsonObject *object = json_member_object(tracks, link->data);
        if (!object || !is_of(object, track))
            continue;
        if (found)
            return NULL;
        found = object;
    }
    return found;
}

void leftover_tracks_tell(const LeftoverTracks *tracks, JsonObject *recording)
{
    JsonObject *known = json_member_object(recording, "tracks");
    for (unsigned i = 0; known && i < tracks->count; i++) {
        const LeftoverTrack *track = &tracks->list[i];
        JsonObject *object = find_only(known, track);
        if (!object || track->packets == 0)
            continue;
        json_object_set_int_member(object, "frames_written", (gint64)track->packets);
        json_object_set_int_member(object, "bytes_written", (gint64)track->bytes);
        json_object_set_int_member(object, "width", track->width);
        json_object_set_int_member(object, "height", track->height);
        json_object_set_string_member(object, "outcome", outcome_kind_name(OUTCOME_PARTIAL));
        json_object_set_string_member(object, "code", outcome_code_name(CODE_INTERRUPTED));
    }
}
