#include "signal/room_view.h"

#include <stdbool.h>

#include "signal/messages.h"

#define MAX_PARTICIPANTS 10000
#define MAX_TRACKS 1000
#define MAX_TRACKS_OF_ALL 10000
#define MAX_LEFT 10000
#define IDENTITY_MAX_BYTES 256
#define NAME_MAX_BYTES 256
#define MIME_MAX_BYTES 64

struct RoomView {
    RoomViewOut out;
    GHashTable *participants; /* identity -> Participant*, owned */
    GHashTable *tracks;       /* sid -> TrackPlace*, owned; of those in `participants` */
    GHashTable *left;         /* sids that never come back */
    uint64_t refused;
};

typedef struct {
    const Participant *participant;
    Publication *publication;
} TrackPlace;

static void publication_free(gpointer data)
{
    Publication *track = data;
    g_free(track->sid);
    g_free(track->name);
    g_free(track->mime_type);
    g_free(track);
}

static void participant_free(gpointer data)
{
    Participant *participant = data;
    g_free(participant->sid);
    g_free(participant->identity);
    g_free(participant->name);
    g_ptr_array_unref(participant->publications);
    g_free(participant);
}

static TrackSource source_from_info(Livekit__TrackSource source)
{
    switch (source) {
    case LIVEKIT__TRACK_SOURCE__CAMERA:
        return SOURCE_CAMERA;
    case LIVEKIT__TRACK_SOURCE__MICROPHONE:
        return SOURCE_MICROPHONE;
    case LIVEKIT__TRACK_SOURCE__SCREEN_SHARE:
        return SOURCE_SCREEN_SHARE;
    case LIVEKIT__TRACK_SOURCE__SCREEN_SHARE_AUDIO:
        return SOURCE_SCREEN_SHARE_AUDIO;
    case LIVEKIT__TRACK_SOURCE__UNKNOWN:
    case _LIVEKIT__TRACK_SOURCE_IS_INT_SIZE:
        break;
    }
    return SOURCE_UNKNOWN;
}

static Codec codec_from_mime(const char *mime_type)
{
    /* we do not accept RED, so the server unpacks it to plain Opus for us */
    if (g_ascii_strcasecmp(mime_type, "audio/red") == 0)
        return CODEC_OPUS;
    return codec_from_name(mime_type);
}

static bool has_layers(const Livekit__TrackInfo *info)
{
    for (size_t i = 0; i < info->n_codecs; i++) {
        if (info->codecs[i]->n_layers > 1)
            return true;
    }
    return info->simulcast || info->n_layers > 1;
}

static void copy_layers(Publication *track, const Livekit__TrackInfo *info)
{
    for (size_t i = 0; i < info->n_layers && i < PUBLICATION_MAX_LAYERS; i++) {
        track->layers[i].width = info->layers[i]->width;
        track->layers[i].height = info->layers[i]->height;
        track->layer_count++;
    }
}

static Publication *publication_new(const Livekit__TrackInfo *info)
{
    const char *mime_type = info->mime_type;
    if (mime_type[0] == '\0' && info->n_codecs > 0)
        mime_type = info->codecs[0]->mime_type;

    Publication *track = g_new0(Publication, 1);
    track->sid = g_strdup(info->sid);
    track->name = message_text(info->name, NAME_MAX_BYTES);
    track->mime_type = message_text(mime_type, MIME_MAX_BYTES);
    track->kind = info->type == LIVEKIT__TRACK_TYPE__VIDEO ? TRACK_VIDEO : TRACK_AUDIO;
    track->codec = codec_from_mime(track->mime_type);
    track->source = source_from_info(info->source);
    track->muted = info->muted;
    track->encrypted = info->encryption != LIVEKIT__TRACK_INFO__ENCRYPTION__NONE;
    track->simulcast = has_layers(info);
    copy_layers(track, info);
    track->width = info->width;
    track->height = info->height;
    return track;
}

static bool layers_equal(const Publication *a, const Publication *b)
{
    for (unsigned i = 0; i < a->layer_count && i < b->layer_count; i++) {
        if (a->layers[i].width != b->layers[i].width || a->layers[i].height != b->layers[i].height)
            return false;
    }
    return a->layer_count == b->layer_count;
}

static bool publication_equals(const Publication *a, const Publication *b)
{
    return g_str_equal(a->name, b->name) && g_str_equal(a->mime_type, b->mime_type) &&
           a->kind == b->kind && a->codec == b->codec && a->source == b->source &&
           a->muted == b->muted && a->encrypted == b->encrypted && a->simulcast == b->simulcast &&
           a->width == b->width && a->height == b->height && layers_equal(a, b);
}

/* Takes `news` and frees it. The publication stays where it is, with its sid: the index has both.
 */
static void publication_renew(Publication *publication, Publication *news)
{
    const Publication before = *publication;
    *publication = *news;
    *news = before;
    news->sid = publication->sid;
    publication->sid = before.sid;
    publication_free(news);
}

/* The snapshot's tracks by sid; data tracks are not for us. */
static GPtrArray *tracks_of(RoomView *view, const Livekit__ParticipantInfo *info)
{
    GPtrArray *tracks = g_ptr_array_new_with_free_func(publication_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < info->n_tracks; i++) {
        const Livekit__TrackInfo *track = info->tracks[i];
        const bool is_media =
            track->type == LIVEKIT__TRACK_TYPE__AUDIO || track->type == LIVEKIT__TRACK_TYPE__VIDEO;
        if (!is_media)
            continue;
        if (!message_sid_is_valid(track->sid) || tracks->len >= MAX_TRACKS ||
            !g_hash_table_add(seen, track->sid)) {
            view->refused++;
            continue;
        }
        g_ptr_array_add(tracks, publication_new(track));
    }
    return tracks;
}

static void note_place(RoomView *view, const Participant *participant, Publication *track)
{
    const TrackPlace place = {participant, track};
    g_hash_table_replace(view->tracks, track->sid, g_memdup2(&place, sizeof place));
}

static void unpublish_missing(RoomView *view, Participant *participant, const GPtrArray *tracks)
{
    g_autoptr(GHashTable) there = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < tracks->len; i++)
        g_hash_table_add(there, ((const Publication *)g_ptr_array_index(tracks, i))->sid);
    for (unsigned i = participant->publications->len; i > 0; i--) {
        const Publication *old = g_ptr_array_index(participant->publications, i - 1);
        if (g_hash_table_contains(there, old->sid))
            continue;
        Publication *gone = g_ptr_array_steal_index(participant->publications, i - 1);
        g_hash_table_remove(view->tracks, gone->sid);
        if (view->out.track_unpublished != NULL)
            view->out.track_unpublished(view->out.owner, participant, gone);
        publication_free(gone);
    }
}

/* Takes over one entry of the snapshot. A sid is one participant's. */
static void merge_track(RoomView *view, Participant *participant, Publication *track)
{
    const TrackPlace *place = g_hash_table_lookup(view->tracks, track->sid);
    if ((place != NULL && place->participant != participant) ||
        (place == NULL && g_hash_table_size(view->tracks) >= MAX_TRACKS_OF_ALL)) {
        view->refused++;
        publication_free(track);
        return;
    }
    if (place == NULL) {
        g_ptr_array_add(participant->publications, track);
        note_place(view, participant, track);
        if (view->out.track_published != NULL)
            view->out.track_published(view->out.owner, participant, track);
        return;
    }
    if (publication_equals(place->publication, track)) {
        publication_free(track);
        return;
    }
    publication_renew(place->publication, track);
    if (view->out.track_changed != NULL)
        view->out.track_changed(view->out.owner, participant, place->publication);
}

static void merge_tracks(RoomView *view, Participant *participant,
                         const Livekit__ParticipantInfo *info)
{
    GPtrArray *tracks = tracks_of(view, info);
    unpublish_missing(view, participant, tracks);
    g_ptr_array_set_free_func(tracks, NULL);
    for (unsigned i = 0; i < tracks->len; i++)
        merge_track(view, participant, g_ptr_array_index(tracks, i));
    g_ptr_array_unref(tracks);
}

static void remember_left(RoomView *view, const char *sid)
{
    if (g_hash_table_size(view->left) >= MAX_LEFT)
        g_hash_table_remove_all(view->left);
    g_hash_table_add(view->left, g_strdup(sid));
}

static void participant_leave(RoomView *view, Participant *participant)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    unpublish_missing(view, participant, none);
    remember_left(view, participant->sid);
    g_hash_table_steal(view->participants, participant->identity);
    if (view->out.participant_left != NULL)
        view->out.participant_left(view->out.owner, participant);
    participant_free(participant);
}

static Participant *participant_join(RoomView *view, const char *identity,
                                     const Livekit__ParticipantInfo *info)
{
    if (g_hash_table_size(view->participants) >= MAX_PARTICIPANTS) {
        view->refused++;
        return NULL;
    }
    Participant *participant = g_new0(Participant, 1);
    participant->sid = g_strdup(info->sid);
    participant->identity = g_strdup(identity);
    participant->publications = g_ptr_array_new_with_free_func(publication_free);
    g_hash_table_insert(view->participants, participant->identity, participant);
    return participant;
}

static void take_values(Participant *participant, const Livekit__ParticipantInfo *info)
{
    g_free(participant->name);
    participant->name = message_text(info->name, NAME_MAX_BYTES);
    participant->version = info->version;
    participant->active = info->state == LIVEKIT__PARTICIPANT_INFO__STATE__JOINED ||
                          info->state == LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE;
}

/* Version 0 means that the server does not count. */
static bool is_old_news(const Participant *participant, const Livekit__ParticipantInfo *info)
{
    return info->version < participant->version ||
           (info->version == participant->version && info->version != 0);
}

static void update_one(RoomView *view, const Livekit__ParticipantInfo *info)
{
    g_autofree char *identity = message_text(info->identity, IDENTITY_MAX_BYTES);
    if (!message_sid_is_valid(info->sid) || identity[0] == '\0') {
        view->refused++;
        return;
    }
    if (g_hash_table_contains(view->left, info->sid))
        return;
    Participant *participant = g_hash_table_lookup(view->participants, identity);
    const bool is_same = participant != NULL && g_str_equal(participant->sid, info->sid);
    const bool has_left = info->state == LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
    if ((is_same && is_old_news(participant, info)) || (has_left && !is_same))
        return;
    if (participant != NULL && (has_left || !is_same)) {
        participant_leave(view, participant);
        participant = NULL;
    }
    if (has_left)
        return;

    const bool is_new = participant == NULL;
    if (is_new)
        participant = participant_join(view, identity, info);
    if (participant == NULL)
        return;
    take_values(participant, info);
    if (is_new && view->out.participant_joined != NULL)
        view->out.participant_joined(view->out.owner, participant);
    merge_tracks(view, participant, info);
}

RoomView *room_view_new(RoomViewOut out)
{
    RoomView *view = g_new0(RoomView, 1);
    view->out = out;
    view->participants = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, participant_free);
    view->tracks = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    view->left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return view;
}

void room_view_free(RoomView *view)
{
    if (view == NULL)
        return;
    g_hash_table_unref(view->tracks);
    g_hash_table_unref(view->participants);
    g_hash_table_unref(view->left);
    g_free(view);
}

void room_view_update(RoomView *view, struct Livekit__ParticipantInfo *const *infos, size_t count)
{
    for (size_t i = 0; i < count; i++)
        update_one(view, infos[i]);
}

void room_view_clear(RoomView *view)
{
    g_autoptr(GList) all = g_hash_table_get_values(view->participants);
    for (GList *item = all; item != NULL; item = item->next)
        participant_leave(view, item->data);
    /* we may be moved back to them */
    g_hash_table_remove_all(view->left);
}

void room_view_silence(RoomView *view)
{
    view->out = (RoomViewOut){0};
}

const Participant *room_view_find(const RoomView *view, const char *identity)
{
    return g_hash_table_lookup(view->participants, identity);
}

const Publication *room_view_find_track(const RoomView *view, const char *track_sid,
                                        const Participant **ret_participant)
{
    const TrackPlace *place = g_hash_table_lookup(view->tracks, track_sid);
    if (place != NULL && ret_participant != NULL)
        *ret_participant = place->participant;
    return place != NULL ? place->publication : NULL;
}

void room_view_foreach(const RoomView *view, void (*visit)(void *owner, const Participant *),
                       void *owner)
{
    g_autoptr(GList) all = g_hash_table_get_values(view->participants);
    for (GList *item = all; item != NULL; item = item->next)
        visit(owner, item->data);
}

unsigned room_view_count(const RoomView *view)
{
    return g_hash_table_size(view->participants);
}

uint64_t room_view_refused(const RoomView *view)
{
    return view->refused;
}
