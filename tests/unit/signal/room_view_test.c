#include "signal/messages.h"
#include "signal/room_view.h"
#include "signal_test.h"

typedef struct {
    GString *events;
    RoomView *view;
} Fixture;

static void on_joined(void *owner, const Participant *participant)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "+%s/%s ", participant->identity, participant->sid);
}

static void on_left(void *owner, const Participant *participant)
{
    Fixture *fixture = owner;
    g_string_append_printf(fixture->events, "-%s/%s ", participant->identity, participant->sid);
}

static void on_track(Fixture *fixture, char sign, const Publication *track)
{
    g_string_append_printf(fixture->events, "%c%s%s ", sign, track->sid,
                           track->muted ? "(muted)" : "");
}

static void on_published(void *owner, const Participant *participant, const Publication *track)
{
    (void)participant;
    on_track(owner, '*', track);
}

static void on_changed(void *owner, const Participant *participant, const Publication *track)
{
    (void)participant;
    on_track(owner, '~', track);
}

static void on_unpublished(void *owner, const Participant *participant, const Publication *track)
{
    (void)participant;
    on_track(owner, '!', track);
}

static void set_up(Fixture *fixture)
{
    const RoomViewOut out = {fixture, on_joined, on_left, on_published, on_changed, on_unpublished};
    fixture->events = g_string_new(NULL);
    fixture->view = room_view_new(out);
}

static void tear_down(Fixture *fixture)
{
    room_view_free(fixture->view);
    g_string_free(fixture->events, TRUE);
}

typedef struct {
    const char *sid, *identity;
    unsigned version;
    Livekit__ParticipantInfo__State state;
    const char *track; /* or NULL */
    bool muted;
    const char *events;
} Step;

#define JOINING LIVEKIT__PARTICIPANT_INFO__STATE__JOINING
#define ACTIVE LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE
#define GONE LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED

static void run_step(Fixture *fixture, const Step *step)
{
    Livekit__TrackInfo track = LIVEKIT__TRACK_INFO__INIT;
    Livekit__TrackInfo *tracks[] = {&track};
    Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
    Livekit__ParticipantInfo *infos[] = {&info};
    info.sid = (char *)step->sid;
    info.identity = (char *)step->identity;
    info.version = step->version;
    info.state = step->state;
    if (step->track != NULL) {
        track.sid = (char *)step->track;
        track.muted = step->muted;
        info.n_tracks = 1;
        info.tracks = tracks;
    }
    g_string_truncate(fixture->events, 0);
    room_view_update(fixture->view, infos, 1);
    g_assert_cmpstr(g_strchomp(fixture->events->str), ==, step->events);
}

static void test_updates(void)
{
    static const Step steps[] = {
        {"PA_1", "ann", 1, JOINING, NULL, false, "+ann/PA_1"},
        {"PA_1", "ann", 2, ACTIVE, "TR_a", false, "*TR_a"},
        {"PA_1", "ann", 2, ACTIVE, "TR_b", false, ""}, /* equal version */
        {"PA_1", "ann", 1, GONE, NULL, false, ""},     /* lower version */
        {"PA_1", "ann", 3, ACTIVE, "TR_a", true, "~TR_a(muted)"},
        {"PA_1", "ann", 4, ACTIVE, "TR_a", true, ""}, /* nothing changed */
        {"PA_1", "ann", 5, ACTIVE, "TR_b", false, "!TR_a(muted) *TR_b"},
        {"PA_2", "bob", 1, ACTIVE, NULL, false, "+bob/PA_2"},
        {"PA_9", "bob", 7, GONE, NULL, false, ""}, /* an old session's goodbye */
        {"PA_3", "ann", 1, ACTIVE, "TR_c", false, "!TR_b -ann/PA_1 +ann/PA_3 *TR_c"},
        {"PA_1", "ann", 9, ACTIVE, "TR_b", false, ""}, /* replaced for good */
        {"PA_1", "ann", 10, GONE, NULL, false, ""},
        {"PA_3", "ann", 2, GONE, NULL, false, "!TR_c -ann/PA_3"},
        {"PA_3", "ann", 1, ACTIVE, "TR_c", false, ""}, /* late news of one who left */
        {"", "eve", 1, ACTIVE, NULL, false, ""},
        {"PA_4", "", 1, ACTIVE, NULL, false, ""},
        {"PA 5", "eve", 1, ACTIVE, NULL, false, ""},
        {"PA_6", "eve", 1, ACTIVE, "TR \n", false, "+eve/PA_6"},
        {"PA_7", "old", 0, ACTIVE, "TR_o", false, "+old/PA_7 *TR_o"},
        {"PA_7", "old", 0, ACTIVE, "TR_o", true, "~TR_o(muted)"}, /* a server without versions */
    };
    Fixture fixture;
    set_up(&fixture);
    for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++)
        run_step(&fixture, &steps[i]);
    g_assert_cmpuint(room_view_count(fixture.view), ==, 3);
    g_assert_cmpuint(room_view_refused(fixture.view), ==, 4);
    const Participant *publisher = NULL;
    g_assert_nonnull(room_view_find_track(fixture.view, "TR_o", &publisher));
    g_assert_cmpstr(publisher->identity, ==, "old");
    g_assert_null(room_view_find_track(fixture.view, "TR_c", NULL));
    g_assert_null(room_view_find(fixture.view, "ann"));

    g_string_truncate(fixture.events, 0);
    room_view_clear(fixture.view);
    g_assert_cmpuint(room_view_count(fixture.view), ==, 0);
    g_assert_nonnull(g_strstr_len(fixture.events->str, -1, "-bob/PA_2"));
    /* moved back to them: it is the same session of theirs */
    const Step back = {"PA_2", "bob", 1, ACTIVE, NULL, false, "+bob/PA_2"};
    run_step(&fixture, &back);
    tear_down(&fixture);
}

static void test_track_values(void)
{
    Fixture fixture;
    set_up(&fixture);
    Livekit__SimulcastCodecInfo codec = LIVEKIT__SIMULCAST_CODEC_INFO__INIT;
    Livekit__SimulcastCodecInfo *codecs[] = {&codec};
    codec.mime_type = (char *)"video/h264";
    Livekit__TrackInfo video = LIVEKIT__TRACK_INFO__INIT;
    video.sid = (char *)"TR_v";
    video.type = LIVEKIT__TRACK_TYPE__VIDEO;
    video.source = LIVEKIT__TRACK_SOURCE__SCREEN_SHARE;
    video.n_codecs = 1;
    video.codecs = codecs;
    video.width = 1280;
    video.height = 720;
    video.simulcast = 1;
    video.encryption = LIVEKIT__TRACK_INFO__ENCRYPTION__GCM;
    Livekit__TrackInfo red = LIVEKIT__TRACK_INFO__INIT;
    red.sid = (char *)"TR_r";
    red.mime_type = (char *)"audio/RED";
    Livekit__TrackInfo data = LIVEKIT__TRACK_INFO__INIT;
    data.sid = (char *)"TR_d";
    data.type = LIVEKIT__TRACK_TYPE__DATA;
    Livekit__TrackInfo *tracks[] = {&video, &red, &data, &red};
    Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
    Livekit__ParticipantInfo *infos[] = {&info};
    info.sid = (char *)"PA_1";
    info.identity = (char *)"ann";
    info.state = ACTIVE;
    info.n_tracks = G_N_ELEMENTS(tracks);
    info.tracks = tracks;
    room_view_update(fixture.view, infos, 1);

    const Publication *track = room_view_find_track(fixture.view, "TR_v", NULL);
    g_assert_cmpint(track->kind, ==, TRACK_VIDEO);
    g_assert_cmpint(track->codec, ==, CODEC_H264);
    g_assert_cmpint(track->source, ==, SOURCE_SCREEN_SHARE);
    g_assert_true(track->encrypted && track->simulcast);
    g_assert_cmpint(room_view_find_track(fixture.view, "TR_r", NULL)->codec, ==, CODEC_OPUS);
    g_assert_null(room_view_find_track(fixture.view, "TR_d", NULL));
    g_assert_cmpuint(room_view_find(fixture.view, "ann")->publications->len, ==, 2);
    g_assert_cmpuint(room_view_refused(fixture.view), ==, 1);
    tear_down(&fixture);
}

static void update_layers(RoomView *view, const uint32_t *heights, unsigned count)
{
    Livekit__VideoLayer layers[PUBLICATION_MAX_LAYERS], *pointers[PUBLICATION_MAX_LAYERS];
    for (unsigned i = 0; i < count; i++) {
        livekit__video_layer__init(&layers[i]);
        layers[i].width = heights[i] * 16 / 9;
        layers[i].height = heights[i];
        pointers[i] = &layers[i];
    }
    Livekit__TrackInfo video = LIVEKIT__TRACK_INFO__INIT;
    Livekit__TrackInfo *tracks[] = {&video};
    video.sid = (char *)"TR_v";
    video.type = LIVEKIT__TRACK_TYPE__VIDEO;
    video.simulcast = 1;
    video.n_layers = count;
    video.layers = pointers;
    Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
    Livekit__ParticipantInfo *infos[] = {&info};
    info.sid = (char *)"PA_1";
    info.identity = (char *)"ann";
    info.n_tracks = 1;
    info.tracks = tracks;
    room_view_update(view, infos, 1);
}

static void test_layers(void)
{
    static const struct {
        uint32_t heights[3];
        unsigned count;
        bool is_change;
    } cases[] = {
        {{180, 360, 720}, 3, true}, {{180, 360, 720}, 3, false}, {{180, 360}, 2, true},
        {{180, 540}, 2, true},      {{180, 540}, 2, false},
    };
    Fixture fixture;
    set_up(&fixture);
    update_layers(fixture.view, NULL, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_string_truncate(fixture.events, 0);
        update_layers(fixture.view, cases[i].heights, cases[i].count);
        g_assert_cmpstr(fixture.events->str, ==, cases[i].is_change ? "~TR_v " : "");
        const Publication *track = room_view_find_track(fixture.view, "TR_v", NULL);
        g_assert_cmpuint(track->layer_count, ==, cases[i].count);
        g_assert_cmpuint(track->layers[1].height, ==, cases[i].heights[1]);
    }
    tear_down(&fixture);
}

static void test_limits(void)
{
    Fixture fixture;
    set_up(&fixture);
    room_view_silence(fixture.view);
    for (unsigned i = 0; i < 10001; i++) {
        g_autofree char *sid = g_strdup_printf("PA_%u", i);
        Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
        Livekit__ParticipantInfo *infos[] = {&info};
        info.sid = sid;
        info.identity = sid;
        info.version = 1;
        room_view_update(fixture.view, infos, 1);
    }
    g_assert_cmpuint(room_view_count(fixture.view), ==, 10000);
    g_assert_cmpuint(room_view_refused(fixture.view), ==, 1);
    tear_down(&fixture);
}

/* `count` tracks "TR_<first>", ... of that participant, in an update of their own. */
static void publish(RoomView *view, const char *sid, unsigned first, unsigned count)
{
    g_autofree Livekit__TrackInfo *tracks = g_new(Livekit__TrackInfo, count);
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    for (unsigned i = 0; i < count; i++) {
        tracks[i] = (Livekit__TrackInfo)LIVEKIT__TRACK_INFO__INIT;
        tracks[i].sid = g_strdup_printf("TR_%u", first + i);
        g_ptr_array_add(list, &tracks[i]);
    }
    Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
    Livekit__ParticipantInfo *infos[] = {&info};
    info.sid = (char *)sid;
    info.identity = (char *)sid;
    info.n_tracks = count;
    info.tracks = (Livekit__TrackInfo **)list->pdata;
    room_view_update(view, infos, 1);
    for (unsigned i = 0; i < count; i++)
        g_free(tracks[i].sid);
}

static void test_limit_of_all_tracks(void)
{
    Fixture fixture;
    set_up(&fixture);
    room_view_silence(fixture.view);
    for (unsigned i = 0; i < 11; i++) {
        g_autofree char *sid = g_strdup_printf("PA_%u", i);
        publish(fixture.view, sid, i * 1000, 1000);
    }
    g_assert_cmpuint(room_view_refused(fixture.view), ==, 1000);
    g_assert_nonnull(room_view_find_track(fixture.view, "TR_9999", NULL));
    g_assert_null(room_view_find_track(fixture.view, "TR_10000", NULL));
    publish(fixture.view, "PA_3", 0, 0); /* room for others */
    publish(fixture.view, "PA_10", 10000, 1000);
    g_assert_null(room_view_find_track(fixture.view, "TR_3999", NULL));
    g_assert_nonnull(room_view_find_track(fixture.view, "TR_10999", NULL));
    g_assert_cmpuint(room_view_refused(fixture.view), ==, 1000);
    tear_down(&fixture);
}

static void test_track_of_somebody_else(void)
{
    Fixture fixture;
    set_up(&fixture);
    const Participant *owner = NULL;
    publish(fixture.view, "PA_1", 0, 2);
    publish(fixture.view, "PA_2", 1, 2);
    g_assert_cmpuint(room_view_refused(fixture.view), ==, 1);
    g_assert_nonnull(room_view_find_track(fixture.view, "TR_1", &owner));
    g_assert_cmpstr(owner->sid, ==, "PA_1");
    g_assert_nonnull(room_view_find_track(fixture.view, "TR_2", &owner));
    g_assert_cmpstr(owner->sid, ==, "PA_2");
    tear_down(&fixture);
}

static void test_track_limit(void)
{
    Fixture fixture;
    set_up(&fixture);
    g_autoptr(GPtrArray) sids = g_ptr_array_new_with_free_func(g_free);
    g_autofree Livekit__TrackInfo *tracks = g_new(Livekit__TrackInfo, 1001);
    g_autofree Livekit__TrackInfo **pointers = g_new(Livekit__TrackInfo *, 1001);
    for (unsigned i = 0; i < 1001; i++) {
        livekit__track_info__init(&tracks[i]);
        g_ptr_array_add(sids, g_strdup_printf("TR_%u", i));
        tracks[i].sid = g_ptr_array_index(sids, i);
        pointers[i] = &tracks[i];
    }
    Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
    Livekit__ParticipantInfo *infos[] = {&info};
    info.sid = (char *)"PA_1";
    info.identity = (char *)"ann";
    info.n_tracks = 1001;
    info.tracks = pointers;
    room_view_update(fixture.view, infos, 1);
    g_assert_cmpuint(room_view_find(fixture.view, "ann")->publications->len, ==, 1000);
    tear_down(&fixture);
}

void room_view_test_add(void)
{
    g_test_add_func("/room_view/updates", test_updates);
    g_test_add_func("/room_view/track_values", test_track_values);
    g_test_add_func("/room_view/layers", test_layers);
    g_test_add_func("/room_view/limits", test_limits);
    g_test_add_func("/room_view/track_limit", test_track_limit);
    g_test_add_func("/room-view/limit-of-all-tracks", test_limit_of_all_tracks);
    g_test_add_func("/room-view/track-of-somebody-else", test_track_of_somebody_else);
}
