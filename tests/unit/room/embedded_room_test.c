#include <libsoup/soup.h>
#include <string.h>

#include "room/embedded_room.h"
#include "room_subscriber.h"
#include "room_test.h"

typedef struct {
    EmbeddedRoom *room;
    RoomSubscriber *subscriber;
} Fixture;

static EmbeddedRoom *open_room(const EmbeddedPublisher *publishers, unsigned count,
                               const char *const *faults)
{
    g_autoptr(GError) error = NULL;
    const EmbeddedRoomConfig config = {
        .publishers = publishers, .publisher_count = count, .faults = faults};
    EmbeddedRoom *const room = embedded_room_new(&config, &error);
    g_assert_no_error(error);
    return room;
}

static Fixture open_fixture(const char *fault)
{
    const EmbeddedPublisher alice = {.identity = "alice",
                                     .video_codec = CODEC_H264,
                                     .audio_codec = CODEC_OPUS,
                                     .width = 320,
                                     .height = 180};
    const char *const faults[] = {fault, NULL};
    Fixture fixture = {.room = open_room(&alice, 1, faults)};
    fixture.subscriber = room_subscriber_new(fixture.room, "egress");
    return fixture;
}

static void close_fixture(Fixture *fixture)
{
    room_subscriber_free(fixture->subscriber);
    embedded_room_free(fixture->room);
    while (g_main_context_iteration(NULL, FALSE)) {
        continue;
    }
}

static EmbeddedRoomStats stats_of(const Fixture *fixture)
{
    EmbeddedRoomStats stats = {0};
    embedded_room_stats(fixture->room, &stats);
    return stats;
}

static bool has_media(RoomSubscriber *subscriber)
{
    const SubscriberTrack *const video = room_subscriber_track(subscriber, TRACK_VIDEO);
    const SubscriberTrack *const audio = room_subscriber_track(subscriber, TRACK_AUDIO);
    return video != NULL && audio != NULL && atomic_load(&video->packets) >= 20 &&
           atomic_load(&audio->packets) >= 20;
}

static bool has_reports(RoomSubscriber *subscriber)
{
    const SubscriberTrack *const video = room_subscriber_track(subscriber, TRACK_VIDEO);
    const SubscriberTrack *const audio = room_subscriber_track(subscriber, TRACK_AUDIO);
    return atomic_load(&video->reports) >= 1 && atomic_load(&audio->reports) >= 1;
}

static bool has_failed(RoomSubscriber *subscriber)
{
    return subscriber->failed;
}

static bool has_left(RoomSubscriber *subscriber)
{
    return subscriber->left;
}

static void test_join_to_media(void)
{
    Fixture fixture = open_fixture(NULL);
    g_assert_true(room_subscriber_wait(fixture.subscriber, has_media));
    g_assert_cmpuint(fixture.subscriber->published, ==, 2);
    g_assert_cmpuint(fixture.subscriber->participants, ==, 1);
    g_assert_cmpint(atomic_load(&fixture.subscriber->state), ==, PEER_CONNECTED);
    const SubscriberTrack *const video = room_subscriber_track(fixture.subscriber, TRACK_VIDEO);
    g_assert_cmpuint(atomic_load(&video->payload_type), ==, 108);
    g_assert_true(room_subscriber_wait(fixture.subscriber, has_reports));
    g_assert_cmpuint(atomic_load(&fixture.subscriber->unknown_packets), ==, 0);
    const EmbeddedRoomStats stats = stats_of(&fixture);
    g_assert_cmpuint(stats.subscribers, ==, 1);
    g_assert_cmpuint(stats.packets_sent, >=, 40);
    g_assert_cmpuint(stats.packets_dropped, ==, 0);
    g_assert_cmpuint(stats.malformed_requests, ==, 0);
    close_fixture(&fixture);
}

static bool has_repeated(RoomSubscriber *subscriber)
{
    const SubscriberTrack *const video = room_subscriber_track(subscriber, TRACK_VIDEO);
    return atomic_load(&video->repeated) >= 1;
}

static void test_feedback(void)
{
    Fixture fixture = open_fixture(NULL);
    g_assert_true(room_subscriber_wait(fixture.subscriber, has_media));
    const uint32_t ssrc = room_subscriber_track(fixture.subscriber, TRACK_VIDEO)->ssrc;
    /* Some of the last 512 packets are surely among these. */
    for (unsigned i = 0; i < 65536; i += 7) {
        room_subscriber_send_nack(fixture.subscriber, ssrc, (uint16_t)i);
    }
    g_assert_true(room_subscriber_wait(fixture.subscriber, has_repeated));
    g_assert_cmpuint(stats_of(&fixture).retransmissions, >=, 1);
    room_subscriber_request_keyframe(fixture.subscriber, ssrc);
    while (stats_of(&fixture).plis == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    close_fixture(&fixture);
}

typedef struct {
    const char *name, *secret, *room, *fault;
    OutcomeCode code;
} RefusalRow;

static const RefusalRow REFUSALS[] = {
    {"wrong-secret", "0123456789", "demo", NULL, CODE_UNAUTHORIZED},
    {"other-room", NULL, "lobby", NULL, CODE_NO_SUCH_ROOM},
    {"full", NULL, "demo", "full", CODE_SERVER_FULL},
    {"expired", NULL, "demo", "expire", CODE_TOKEN_EXPIRED},
};

static void test_refusal(gconstpointer data)
{
    const RefusalRow *const row = data;
    const char *const faults[] = {row->fault, NULL};
    EmbeddedRoom *const room = open_room(NULL, 0, faults);
    const char *const secret = row->secret != NULL ? row->secret : embedded_room_api_secret(room);
    RoomSubscriber *const subscriber = room_subscriber_new_with(room, "egress", secret, row->room);
    g_assert_true(room_subscriber_wait(subscriber, has_failed));
    g_test_message("%s: %s", row->name, subscriber->sentence);
    g_assert_cmpint(subscriber->code, ==, row->code);
    g_assert_false(subscriber->joined);
    room_subscriber_free(subscriber);
    embedded_room_free(room);
}

static void test_same_identity_throws_out(void)
{
    Fixture fixture = open_fixture(NULL);
    g_assert_true(room_subscriber_wait(fixture.subscriber, has_media));
    RoomSubscriber *const twin = room_subscriber_new(fixture.room, "egress");
    g_assert_true(room_subscriber_wait(fixture.subscriber, has_left));
    g_assert_cmpint(fixture.subscriber->leave_reason, ==, 2);
    g_assert_true(room_subscriber_wait(twin, has_media));
    room_subscriber_free(twin);
    close_fixture(&fixture);
}

static void test_two_subscribers_share_one_encoder(void)
{
    Fixture fixture = open_fixture(NULL);
    RoomSubscriber *const second = room_subscriber_new(fixture.room, "second");
    g_assert_true(room_subscriber_wait(fixture.subscriber, has_media));
    g_assert_true(room_subscriber_wait(second, has_media));
    const EmbeddedRoomStats stats = stats_of(&fixture);
    g_assert_cmpuint(stats.subscribers_total, ==, 2);
    g_assert_cmpuint(stats.packets_sent, >, stats.video_frames + stats.audio_frames);
    room_subscriber_free(second);
    close_fixture(&fixture);
}

static bool was_muted_and_unmuted(RoomSubscriber *subscriber)
{
    return subscriber->muted >= 2 && subscriber->unmuted >= 2;
}

static bool was_republished(RoomSubscriber *subscriber)
{
    return subscriber->unpublished == 2 && subscriber->published == 4 &&
           atomic_load(&subscriber->track_count) == 4 &&
           atomic_load(&subscriber->tracks[2].packets) > 5 &&
           atomic_load(&subscriber->tracks[3].packets) > 5;
}

static bool has_left_and_come_back(RoomSubscriber *subscriber)
{
    return subscriber->participants_left == 1 && subscriber->participants == 2 &&
           atomic_load(&subscriber->track_count) == 4 &&
           atomic_load(&subscriber->tracks[2].packets) > 5;
}

static bool was_denied(RoomSubscriber *subscriber)
{
    return subscriber->denied == 2;
}

static bool was_refused(RoomSubscriber *subscriber)
{
    return subscriber->refused == 2;
}

static bool was_paused(RoomSubscriber *subscriber)
{
    return subscriber->paused == 2;
}

static bool is_vp8(RoomSubscriber *subscriber)
{
    const SubscriberTrack *const video = room_subscriber_track(subscriber, TRACK_VIDEO);
    return video != NULL && atomic_load(&video->payload_type) == 96;
}

static bool has_garbage(RoomSubscriber *subscriber)
{
    return atomic_load(&subscriber->unknown_packets) > 0 &&
           atomic_load(&subscriber->malformed_packets) > 0 && has_media(subscriber);
}

static bool has_broken_rtcp(RoomSubscriber *subscriber)
{
    return atomic_load(&subscriber->malformed_rtcp) > 0 && has_media(subscriber);
}

static bool has_failed_transport(RoomSubscriber *subscriber)
{
    return atomic_load(&subscriber->state) == PEER_FAILED;
}

static bool heard_broken_frames(RoomSubscriber *subscriber)
{
    return signal_client_stats(subscriber->signal).malformed >= 6 && has_media(subscriber);
}

static bool has_audio_only(RoomSubscriber *subscriber)
{
    const SubscriberTrack *const audio = room_subscriber_track(subscriber, TRACK_AUDIO);
    return audio != NULL && atomic_load(&audio->packets) >= 50;
}

static bool has_participant(RoomSubscriber *subscriber)
{
    return subscriber->participants == 1 && subscriber->offers == 1;
}

typedef struct {
    const char *fault;
    SubscriberTest test;
} FaultRow;

static const FaultRow FAULTS[] = {
    {"mute@500ms+500ms", was_muted_and_unmuted},
    {"republish@500ms", was_republished},
    {"unpublish@300ms+300ms", was_republished},
    {"leave@500ms+300ms", has_left_and_come_back},
    {"deny", was_denied},
    {"subscription-error=1", was_refused},
    {"pause@300ms", was_paused},
    {"codec-change=vp8@500ms", is_vp8},
    {"resize=160x90@500ms", has_media},
    {"malformed-rtp=100%", has_garbage},
    {"malformed-rtcp=100%", has_broken_rtcp},
    {"malformed-datagram=100%", has_media},
    {"malformed-payload=10%", has_media},
    {"malformed-signal=2@200ms", heard_broken_frames},
    {"bad-offer", has_media},
    {"slow-join=300ms", has_media},
    {"loss=10%", has_media},
    {"duplicate=50%", has_media},
    {"jitter=20ms", has_media},
    {"wrap=200ms", has_media},
    {"wrong-fingerprint", has_failed_transport},
    {"close-socket@300ms", has_failed},
    {"leave-message=disconnect,participant_removed@300ms", has_left},
    {"stall:video", has_audio_only},
    {"no-track", has_participant},
};

static void test_fault(gconstpointer data)
{
    const FaultRow *const row = data;
    Fixture fixture = open_fixture(row->fault);
    g_assert_true(room_subscriber_wait(fixture.subscriber, row->test));
    close_fixture(&fixture);
}

static bool is_late_subscriber_served(RoomSubscriber *subscriber)
{
    return atomic_load(&subscriber->track_count) == 4 && has_media(subscriber) &&
           atomic_load(&subscriber->tracks[2].packets) > 5 &&
           atomic_load(&subscriber->tracks[3].packets) > 5;
}

static void test_late_publisher(void)
{
    const EmbeddedPublisher publishers[] = {
        {.identity = "alice",
         .video_codec = CODEC_H264,
         .audio_codec = CODEC_OPUS,
         .width = 160,
         .height = 90},
        {.identity = "bob",
         .video_codec = CODEC_VP8,
         .audio_codec = CODEC_OPUS,
         .width = 160,
         .height = 90,
         .start_ns = 500000000,
         .video_delay_ns = 200000000},
    };
    Fixture fixture = {.room = open_room(publishers, 2, NULL)};
    fixture.subscriber = room_subscriber_new(fixture.room, "egress");
    g_assert_true(room_subscriber_wait(fixture.subscriber, is_late_subscriber_served));
    g_assert_cmpuint(fixture.subscriber->participants, ==, 2);
    close_fixture(&fixture);
}

static void test_closed_with_subscribers_inside(void)
{
    Fixture fixture = open_fixture(NULL);
    g_assert_true(room_subscriber_wait(fixture.subscriber, has_media));
    embedded_room_free(fixture.room);
    room_subscriber_free(fixture.subscriber);
}

static void on_got(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GBytes) body = soup_session_send_and_read_finish(SOUP_SESSION(source), result, NULL);
    g_assert_nonnull(body);
    *(bool *)data = true;
}

static unsigned get(const EmbeddedRoom *room, const char *path)
{
    g_autoptr(SoupSession) session = soup_session_new();
    g_autofree char *uri = g_strdup_printf("http://127.0.0.1:%u%s", embedded_room_port(room), path);
    g_autoptr(SoupMessage) message = soup_message_new("GET", uri);
    bool done = false;
    soup_session_send_and_read_async(session, message, 0, NULL, on_got, &done);
    while (!done) {
        g_main_context_iteration(NULL, TRUE);
    }
    return soup_message_get_status(message);
}

static void test_http_paths(void)
{
    EmbeddedRoom *const room = open_room(NULL, 0, NULL);
    g_assert_cmpuint(get(room, "/"), ==, 200);
    g_assert_cmpuint(get(room, "/rtc"), ==, 404);
    g_assert_cmpuint(get(room, "/rtc/v1"), ==, 404);
    g_assert_cmpuint(get(room, "/nothing"), ==, 404);
    g_assert_cmpuint(get(room, "/rtc/validate"), ==, 401);
    g_assert_cmpuint(get(room, "/rtc/validate?access_token=x"), ==, 401);
    embedded_room_free(room);
}

void embedded_room_test_add(void)
{
    g_test_add_func("/room/embedded/http-paths", test_http_paths);
    g_test_add_func("/room/embedded/join-to-media", test_join_to_media);
    g_test_add_func("/room/embedded/feedback", test_feedback);
    g_test_add_func("/room/embedded/same-identity", test_same_identity_throws_out);
    g_test_add_func("/room/embedded/two-subscribers", test_two_subscribers_share_one_encoder);
    g_test_add_func("/room/embedded/late-publisher", test_late_publisher);
    g_test_add_func("/room/embedded/closed-with-subscribers", test_closed_with_subscribers_inside);
    for (size_t i = 0; i < G_N_ELEMENTS(REFUSALS); i++) {
        g_autofree char *path = g_strconcat("/room/embedded/refusal/", REFUSALS[i].name, NULL);
        g_test_add_data_func(path, &REFUSALS[i], test_refusal);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(FAULTS); i++) {
        g_autofree char *name = g_strdelimit(g_strdup(FAULTS[i].fault), "/", '-');
        g_autofree char *path = g_strconcat("/room/embedded/fault/", name, NULL);
        g_test_add_data_func(path, &FAULTS[i], test_fault);
    }
}
