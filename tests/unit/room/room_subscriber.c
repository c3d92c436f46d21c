#include "room_subscriber.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rtp/rtp_packet.h"
#include "sdp/session_description.h"
#include "signal/access_token.h"

#define PATIENCE_S 10
#define RECEIVER_SSRC 77

/* Runs a function on the net thread and waits for it. */
typedef struct {
    void (*run)(RoomSubscriber *subscriber, void *argument);
    void *argument;
    pthread_mutex_t lock;
    pthread_cond_t done_changed;
    bool done;
} NetCall;

static void run_call(void *owner, void *message)
{
    NetCall *const call = message;
    call->run(owner, call->argument);
    pthread_mutex_lock(&call->lock);
    call->done = true;
    pthread_cond_signal(&call->done_changed);
    pthread_mutex_unlock(&call->lock);
}

static void on_net(RoomSubscriber *subscriber, void (*run)(RoomSubscriber *, void *),
                   void *argument)
{
    NetCall call = {.run = run, .argument = argument};
    pthread_mutex_init(&call.lock, NULL);
    pthread_cond_init(&call.done_changed, NULL);
    net_thread_post(subscriber->thread, run_call, subscriber, &call);
    pthread_mutex_lock(&call.lock);
    while (!call.done) {
        pthread_cond_wait(&call.done_changed, &call.lock);
    }
    pthread_mutex_unlock(&call.lock);
    pthread_mutex_destroy(&call.lock);
    pthread_cond_destroy(&call.done_changed);
}

/* Net. */

static void on_state(void *owner, PeerState state, const GError *error)
{
    RoomSubscriber *const subscriber = owner;
    if (error != NULL) {
        g_test_message("subscriber: %s", error->message);
    }
    atomic_store(&subscriber->state, state);
}

static void on_local_candidate(void *owner, const char *candidate)
{
    (void)owner;
    (void)candidate;
}

static SubscriberTrack *track_of(RoomSubscriber *subscriber, uint32_t ssrc)
{
    const unsigned count = atomic_load(&subscriber->track_count);
    for (unsigned i = 0; i < count; i++) {
        SubscriberTrack *const track = &subscriber->tracks[i];
        if (track->ssrc == ssrc || (track->rtx_ssrc != 0 && track->rtx_ssrc == ssrc)) {
            return track;
        }
    }
    return NULL;
}

static void on_rtp(void *owner, uint8_t *data, size_t size, int64_t arrival_ns)
{
    RoomSubscriber *const subscriber = owner;
    RtpPacket packet;
    if (!rtp_packet_parse(data, size, arrival_ns, &packet)) {
        atomic_fetch_add(&subscriber->malformed_packets, 1);
        return;
    }
    SubscriberTrack *const track = track_of(subscriber, packet.ssrc);
    if (track == NULL) {
        atomic_fetch_add(&subscriber->unknown_packets, 1);
        return;
    }
    atomic_fetch_add(packet.ssrc == track->ssrc ? &track->packets : &track->repeated, 1);
    atomic_fetch_add(&track->bytes, packet.payload_size);
    atomic_store(&track->last_timestamp, packet.timestamp);
    atomic_store(&track->payload_type, packet.payload_type);
}

static void on_sender_report(void *owner, const RtcpSenderReport *report)
{
    SubscriberTrack *const track = track_of(owner, report->ssrc);
    if (track != NULL) {
        atomic_fetch_add(&track->reports, 1);
    }
}

static void on_bye(void *owner, uint32_t ssrc)
{
    (void)owner;
    (void)ssrc;
}

static void on_rtcp(void *owner, const uint8_t *data, size_t size, int64_t arrival_ns)
{
    RoomSubscriber *const subscriber = owner;
    const RtcpHandler handler = {.owner = owner, .sender_report = on_sender_report, .bye = on_bye};
    (void)arrival_ns;
    if (!rtcp_parse(data, size, &handler)) {
        atomic_fetch_add(&subscriber->malformed_rtcp, 1);
    }
}

static void make_peer(RoomSubscriber *subscriber, void *argument)
{
    (void)argument;
    const PeerConfig config = {.loopback_only = true};
    const PeerOut out = {
        .owner = subscriber,
        .state = on_state,
        .local_candidate = on_local_candidate,
        .rtp = on_rtp,
        .rtcp = on_rtcp,
    };
    subscriber->peer = peer_new(subscriber->thread, &config, out, NULL);
    g_assert_nonnull(subscriber->peer);
}

static void free_peer(RoomSubscriber *subscriber, void *argument)
{
    (void)argument;
    peer_free(subscriber->peer);
}

typedef struct {
    SessionDescription *offer;
    char *answer;
} OfferCall;

static void learn_tracks(RoomSubscriber *subscriber, const SessionDescription *offer)
{
    for (unsigned i = 0; i < offer->section_count; i++) {
        const SdpSection *const section = &offer->sections[i];
        const unsigned count = atomic_load(&subscriber->track_count);
        if (section->ssrc == 0 || track_of(subscriber, section->ssrc) != NULL ||
            count == SUBSCRIBER_MAX_TRACKS) {
            continue;
        }
        subscriber->tracks[count].ssrc = section->ssrc;
        subscriber->tracks[count].rtx_ssrc = section->rtx_ssrc;
        subscriber->tracks[count].kind = section->media == SDP_VIDEO ? TRACK_VIDEO : TRACK_AUDIO;
        atomic_store(&subscriber->track_count, count + 1);
    }
}

static void apply_offer(RoomSubscriber *subscriber, void *argument)
{
    OfferCall *const call = argument;
    const SessionDescription *const offer = call->offer;
    learn_tracks(subscriber, offer);
    const PeerRemote remote = {
        .ice_ufrag = offer->ice_ufrag,
        .ice_pwd = offer->ice_pwd,
        .fingerprint_hash = offer->fingerprint_hash,
        .fingerprint_value = offer->fingerprint_value,
    };
    g_assert_true(peer_set_remote(subscriber->peer, &remote, NULL));
    for (unsigned i = 0; i < offer->candidate_count; i++) {
        peer_add_remote_candidate(subscriber->peer, offer->candidates[i]);
    }
    const PeerLocal local = peer_local(subscriber->peer);
    g_auto(GStrv) candidates = peer_local_candidates(subscriber->peer);
    const SdpAnswerOptions options = {
        .ice_ufrag = local.ice_ufrag,
        .ice_pwd = local.ice_pwd,
        .fingerprint_value = local.fingerprint,
        .setup = SDP_SETUP_ACTIVE,
        .candidates = (const char *const *)candidates,
        .candidate_count = g_strv_length(candidates),
        .session_id = 1,
        .session_version = 1,
    };
    call->answer = session_description_answer(offer, &options);
}

typedef struct {
    uint32_t ssrc;
    uint16_t sequence;
} FeedbackCall;

static void send_pli(RoomSubscriber *subscriber, void *argument)
{
    uint8_t packet[64 + PEER_TRAILER];
    ByteWriter writer = byte_writer(packet, 64);
    rtcp_write_pli(&writer, RECEIVER_SSRC, ((FeedbackCall *)argument)->ssrc);
    g_assert_true(peer_send_rtcp(subscriber->peer, packet, writer.size));
}

static void send_nack(RoomSubscriber *subscriber, void *argument)
{
    const FeedbackCall *const call = argument;
    uint8_t packet[64 + PEER_TRAILER];
    ByteWriter writer = byte_writer(packet, 64);
    rtcp_write_nack(&writer, RECEIVER_SSRC, call->ssrc, &call->sequence, 1);
    g_assert_true(peer_send_rtcp(subscriber->peer, packet, writer.size));
}

/* Main: signalling. */

static void on_joined(void *owner, const SignalJoin *join)
{
    RoomSubscriber *const subscriber = owner;
    g_assert_cmpstr(join->room_name, ==, "demo");
    subscriber->joined = true;
}

static void on_offer(void *owner, const char *sdp, uint32_t id, GHashTable *mids)
{
    RoomSubscriber *const subscriber = owner;
    OfferCall call = {.offer = session_description_parse(sdp, strlen(sdp), NULL)};
    (void)mids;
    if (call.offer == NULL) {
        return;
    }
    subscriber->offers++;
    on_net(subscriber, apply_offer, &call);
    signal_client_answer(subscriber->signal, call.answer, id);
    session_description_free(call.offer);
    free(call.answer);
}

static void on_candidate(void *owner, const char *candidate)
{
    (void)owner;
    (void)candidate;
}

static void on_room_updated(void *owner, const char *room_sid, const char *name)
{
    (void)owner;
    (void)room_sid;
    (void)name;
}

static void on_subscription_failed(void *owner, const char *track_sid, int error)
{
    (void)track_sid;
    (void)error;
    ((RoomSubscriber *)owner)->refused++;
}

static void on_permission(void *owner, const char *track_sid, bool allowed)
{
    (void)track_sid;
    ((RoomSubscriber *)owner)->denied += !allowed;
}

static void on_paused(void *owner, const char *track_sid, bool paused)
{
    (void)track_sid;
    ((RoomSubscriber *)owner)->paused += paused;
}

static void on_leave(void *owner, LeaveAction action, int reason, const char *reason_name)
{
    RoomSubscriber *const subscriber = owner;
    (void)action;
    (void)reason_name;
    subscriber->left = true;
    subscriber->leave_reason = reason;
}

static void on_failed(void *owner, SignalFailure failure, OutcomeCode code, const char *sentence)
{
    RoomSubscriber *const subscriber = owner;
    (void)failure;
    subscriber->failed = true;
    subscriber->code = code;
    subscriber->sentence = g_strdup(sentence);
}

static void on_participant_joined(void *owner, const Participant *participant)
{
    (void)participant;
    ((RoomSubscriber *)owner)->participants++;
}

static void on_participant_left(void *owner, const Participant *participant)
{
    (void)participant;
    ((RoomSubscriber *)owner)->participants_left++;
}

static void on_published(void *owner, const Participant *participant, const Publication *track)
{
    RoomSubscriber *const subscriber = owner;
    subscriber->published++;
    signal_client_subscribe(subscriber->signal, participant->sid, track->sid, true);
}

static void on_changed(void *owner, const Participant *participant, const Publication *track)
{
    RoomSubscriber *const subscriber = owner;
    (void)participant;
    subscriber->muted += track->muted;
    subscriber->unmuted += !track->muted;
}

static void on_unpublished(void *owner, const Participant *participant, const Publication *track)
{
    (void)participant;
    (void)track;
    ((RoomSubscriber *)owner)->unpublished++;
}

RoomSubscriber *room_subscriber_new_with(const EmbeddedRoom *room, const char *identity,
                                         const char *api_secret, const char *room_name)
{
    RoomSubscriber *const subscriber = g_new0(RoomSubscriber, 1);
    const AccessTokenOptions options = {
        .api_key = embedded_room_api_key(room),
        .api_secret = api_secret,
        .identity = identity,
        .room = room_name,
        .valid_seconds = 600,
        .recorder = true,
    };
    g_autofree char *token = access_token_new(&options);
    subscriber->thread = net_thread_new("subscriber");
    on_net(subscriber, make_peer, NULL);
    const SignalClientConfig config = {
        .url = embedded_room_url(room),
        .token = token,
        .connect_timeout_ns = PATIENCE_S * NS_PER_SECOND,
    };
    const SignalClientOut out = {
        .owner = subscriber,
        .joined = on_joined,
        .offer = on_offer,
        .candidate = on_candidate,
        .room_updated = on_room_updated,
        .subscription_failed = on_subscription_failed,
        .subscription_permission = on_permission,
        .stream_paused = on_paused,
        .leave = on_leave,
        .failed = on_failed,
    };
    const RoomViewOut room_out = {
        .owner = subscriber,
        .participant_joined = on_participant_joined,
        .participant_left = on_participant_left,
        .track_published = on_published,
        .track_changed = on_changed,
        .track_unpublished = on_unpublished,
    };
    subscriber->signal = signal_client_new(&config, out, room_out);
    return subscriber;
}

RoomSubscriber *room_subscriber_new(const EmbeddedRoom *room, const char *identity)
{
    return room_subscriber_new_with(room, identity, embedded_room_api_secret(room), "demo");
}

void room_subscriber_free(RoomSubscriber *subscriber)
{
    signal_client_free(subscriber->signal);
    on_net(subscriber, free_peer, NULL);
    net_thread_free(subscriber->thread);
    g_free(subscriber->sentence);
    g_free(subscriber);
}

SubscriberTrack *room_subscriber_track(RoomSubscriber *subscriber, TrackKind kind)
{
    const unsigned count = atomic_load(&subscriber->track_count);
    for (unsigned i = 0; i < count; i++) {
        if (subscriber->tracks[i].kind == kind) {
            return &subscriber->tracks[i];
        }
    }
    return NULL;
}

void room_subscriber_request_keyframe(RoomSubscriber *subscriber, uint32_t ssrc)
{
    FeedbackCall call = {.ssrc = ssrc};
    on_net(subscriber, send_pli, &call);
}

void room_subscriber_send_nack(RoomSubscriber *subscriber, uint32_t ssrc, uint16_t sequence)
{
    FeedbackCall call = {.ssrc = ssrc, .sequence = sequence};
    on_net(subscriber, send_nack, &call);
}

static gboolean on_tick(gpointer data)
{
    (void)data;
    return G_SOURCE_CONTINUE;
}

bool room_subscriber_wait(RoomSubscriber *subscriber, SubscriberTest test)
{
    const gint64 deadline = g_get_monotonic_time() + PATIENCE_S * G_TIME_SPAN_SECOND;
    /* What the net thread counts does not wake the main loop. */
    const guint tick = g_timeout_add(5, on_tick, NULL);
    bool holds = test(subscriber);
    while (!holds && g_get_monotonic_time() < deadline) {
        g_main_context_iteration(NULL, TRUE);
        holds = test(subscriber);
    }
    g_source_remove(tick);
    return holds;
}
