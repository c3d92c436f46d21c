#include "room/subscriptions.h"

#include <string.h>

#include "base/clock.h"
#include "livekit.pb-c.h"

#define MAX_WANTED 10000u

/* What the subscriber was told of one publisher. */
typedef struct {
    char sid[ROSTER_SID_SIZE]; /* empty = nothing */
    uint64_t serial;
    char track_sids[2][ROSTER_SID_SIZE]; /* subscribed publications by kind; empty = none */
    bool started[2];                     /* negotiated */
    bool listening[2];                   /* packets can flow: counted in the roster */
    bool paused[2];
    unsigned sources[2];
} KnownPublisher;

struct Subscriptions {
    SubscriptionsConfig config;
    RoomContext context;
    SubscriptionsOut out;
    Negotiation *negotiation;
    KnownPublisher *known; /* by index in the roster */
    GHashTable *wanted;    /* track sids asked for */
    GHashTable *refused;   /* track sids that were answered with a refusal */
    bool is_connected;
};

static int64_t now_at(const Subscriptions *subscriptions)
{
    return room_clock_at(subscriptions->context.clock, clock_monotonic_ns());
}

static void send_message(Subscriptions *subscriptions, GBytes *message)
{
    subscriptions->out.send(subscriptions->out.owner, message);
}

static void on_offer(void *owner, const char *sdp, uint32_t id, const RoomMessageMid *mids,
                     unsigned mid_count)
{
    send_message(owner, room_message_offer(sdp, id, mids, mid_count));
}

static KnownPublisher *find_known(Subscriptions *subscriptions, const char *track_sid,
                                  unsigned *ret_publisher, TrackKind *ret_kind)
{
    for (unsigned i = 0; i < room_roster_count(subscriptions->context.roster); i++) {
        for (unsigned kind = 0; kind < 2; kind++) {
            if (strcmp(subscriptions->known[i].track_sids[kind], track_sid) == 0) {
                *ret_publisher = i;
                *ret_kind = (TrackKind)kind;
                return &subscriptions->known[i];
            }
        }
    }
    return NULL;
}

static void set_listening(Subscriptions *subscriptions, unsigned publisher, TrackKind kind,
                          bool listens)
{
    KnownPublisher *const known = &subscriptions->known[publisher];
    if (known->listening[kind] != listens) {
        known->listening[kind] = listens;
        room_roster_listen(subscriptions->context.roster, publisher, kind, listens);
    }
}

static void on_track_started(void *owner, const char *track_sid)
{
    Subscriptions *const subscriptions = owner;
    unsigned publisher = 0;
    TrackKind kind = TRACK_AUDIO;
    KnownPublisher *const known = find_known(subscriptions, track_sid, &publisher, &kind);
    if (known != NULL) {
        known->started[kind] = true;
        set_listening(subscriptions, publisher, kind, subscriptions->is_connected);
    }
}

static void on_track_refused(void *owner, const char *track_sid)
{
    send_message(owner, room_message_subscription_error(
                            track_sid, LIVEKIT__SUBSCRIPTION_ERROR__SE_CODEC_UNSUPPORTED));
}

static void on_timed_out(void *owner)
{
    Subscriptions *const subscriptions = owner;
    subscriptions->out.timed_out(subscriptions->out.owner);
}

static bool is_wanted(const Subscriptions *subscriptions, const RosterTrack *track)
{
    return subscriptions->config.automatic ||
           g_hash_table_contains(subscriptions->wanted, track->sid);
}

/* True when the script lets the subscription through. */
static bool is_permitted(Subscriptions *subscriptions, const RosterPublisher *publisher,
                         const RosterTrack *track)
{
    const int64_t at_ns = now_at(subscriptions);
    const FaultScript *const script = subscriptions->context.script;
    const char *const identity = publisher->identity;
    if (fault_script_find_for(script, FAULT_NO_SUBSCRIBE_ANSWER, identity, track->kind, at_ns)) {
        return false;
    }
    const bool is_denied =
        fault_script_find_for(script, FAULT_DENY, identity, track->kind, at_ns) != NULL;
    const Fault *const failed =
        fault_script_find_for(script, FAULT_SUBSCRIPTION_ERROR, identity, track->kind, at_ns);
    const bool was_refused = g_hash_table_contains(subscriptions->refused, track->sid);
    if (is_denied && !was_refused) {
        send_message(subscriptions, room_message_permission(publisher->sid, track->sid, false));
    } else if (failed != NULL && !was_refused) {
        send_message(subscriptions,
                     room_message_subscription_error(track->sid, (int)failed->count));
    } else if (!is_denied && failed == NULL && was_refused) {
        send_message(subscriptions, room_message_permission(publisher->sid, track->sid, true));
        g_hash_table_remove(subscriptions->refused, track->sid);
    }
    if (is_denied || failed != NULL) {
        g_hash_table_add(subscriptions->refused, g_strdup(track->sid));
    }
    return !is_denied && failed == NULL;
}

static void subscribe(Subscriptions *subscriptions, const RosterPublisher *publisher,
                      const RosterTrack *track)
{
    const NegotiationTrack added = {
        .publisher = publisher->index,
        .identity = publisher->identity,
        .participant_sid = publisher->sid,
        .track_sid = track->sid,
        .kind = track->kind,
        .codec = track->codec,
        .timeline = publisher->timeline,
    };
    memcpy(subscriptions->known[publisher->index].track_sids[track->kind], track->sid,
           ROSTER_SID_SIZE);
    negotiation_add_track(subscriptions->negotiation, &added);
}

static void unsubscribe(Subscriptions *subscriptions, unsigned publisher, TrackKind kind)
{
    KnownPublisher *const known = &subscriptions->known[publisher];
    if (known->track_sids[kind][0] == '\0') {
        return;
    }
    known->started[kind] = false;
    set_listening(subscriptions, publisher, kind, false);
    negotiation_remove_track(subscriptions->negotiation, known->track_sids[kind]);
    known->track_sids[kind][0] = '\0';
}

static void sync_track(Subscriptions *subscriptions, const RosterPublisher *publisher,
                       const RosterTrack *track)
{
    KnownPublisher *const known = &subscriptions->known[publisher->index];
    const char *const has = known->track_sids[track->kind];
    const bool wants = track->published && is_wanted(subscriptions, track);
    if (has[0] != '\0' && (!wants || strcmp(has, track->sid) != 0)) {
        unsubscribe(subscriptions, publisher->index, track->kind);
    }
    if (wants && has[0] == '\0' && is_permitted(subscriptions, publisher, track)) {
        subscribe(subscriptions, publisher, track);
    }
    if (has[0] != '\0' && known->sources[track->kind] != track->sources) {
        negotiation_renew_track(subscriptions->negotiation, track->sid);
    }
    known->sources[track->kind] = track->sources;
    if (has[0] != '\0' && known->paused[track->kind] != track->paused) {
        known->paused[track->kind] = track->paused;
        send_message(subscriptions,
                     room_message_stream_state(publisher->sid, track->sid, track->paused));
    }
}

static void tell_publisher(Subscriptions *subscriptions, const RosterPublisher *publisher)
{
    KnownPublisher *const known = &subscriptions->known[publisher->index];
    if (known->sid[0] != '\0' && (!publisher->present || strcmp(known->sid, publisher->sid) != 0)) {
        send_message(subscriptions, room_message_update(publisher, known->sid, true));
        known->sid[0] = '\0';
    }
    if (publisher->present) {
        send_message(subscriptions, room_message_update(publisher, publisher->sid, false));
        memcpy(known->sid, publisher->sid, ROSTER_SID_SIZE);
    }
    known->serial = publisher->serial;
}

static void sync_publisher(Subscriptions *subscriptions, const RosterPublisher *publisher)
{
    if (subscriptions->known[publisher->index].serial != publisher->serial) {
        tell_publisher(subscriptions, publisher);
    }
    for (unsigned kind = 0; kind < 2; kind++) {
        sync_track(subscriptions, publisher, &publisher->tracks[kind]);
    }
}

static void remember_roster(Subscriptions *subscriptions)
{
    for (unsigned i = 0; i < room_roster_count(subscriptions->context.roster); i++) {
        const RosterPublisher *const publisher =
            room_roster_publisher(subscriptions->context.roster, i);
        subscriptions->known[i].serial = publisher->serial;
        if (publisher->present) {
            memcpy(subscriptions->known[i].sid, publisher->sid, ROSTER_SID_SIZE);
        }
    }
}

Subscriptions *subscriptions_new(const SubscriptionsConfig *config, const RoomContext *context,
                                 SubscriptionsOut out)
{
    Subscriptions *const subscriptions = g_new0(Subscriptions, 1);
    subscriptions->config = *config;
    subscriptions->context = *context;
    subscriptions->out = out;
    subscriptions->known = g_new0(KnownPublisher, room_roster_count(context->roster) + 1);
    subscriptions->wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    subscriptions->refused = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    remember_roster(subscriptions);
    const NegotiationOut negotiation_out = {
        .owner = subscriptions,
        .offer = on_offer,
        .track_started = on_track_started,
        .track_refused = on_track_refused,
        .timed_out = on_timed_out,
    };
    subscriptions->negotiation =
        negotiation_new(config->id, context->hub, config->faults, negotiation_out);
    return subscriptions;
}

void subscriptions_free(Subscriptions *subscriptions)
{
    if (subscriptions == NULL) {
        return;
    }
    for (unsigned i = 0; i < room_roster_count(subscriptions->context.roster); i++) {
        set_listening(subscriptions, i, TRACK_AUDIO, false);
        set_listening(subscriptions, i, TRACK_VIDEO, false);
    }
    negotiation_free(subscriptions->negotiation);
    g_hash_table_unref(subscriptions->wanted);
    g_hash_table_unref(subscriptions->refused);
    g_free(subscriptions->known);
    g_free(subscriptions);
}

void subscriptions_want(Subscriptions *subscriptions, const char *track_sid, bool wants)
{
    if (!wants) {
        g_hash_table_remove(subscriptions->wanted, track_sid);
    } else if (g_hash_table_size(subscriptions->wanted) < MAX_WANTED) {
        g_hash_table_add(subscriptions->wanted, g_strdup(track_sid));
    }
}

void subscriptions_sync(Subscriptions *subscriptions)
{
    for (unsigned i = 0; i < room_roster_count(subscriptions->context.roster); i++) {
        sync_publisher(subscriptions, room_roster_publisher(subscriptions->context.roster, i));
    }
}

void subscriptions_retell(Subscriptions *subscriptions)
{
    for (unsigned i = 0; i < room_roster_count(subscriptions->context.roster); i++) {
        tell_publisher(subscriptions, room_roster_publisher(subscriptions->context.roster, i));
    }
}

void subscriptions_move(Subscriptions *subscriptions)
{
    g_hash_table_remove_all(subscriptions->wanted);
    for (unsigned i = 0; i < room_roster_count(subscriptions->context.roster); i++) {
        unsubscribe(subscriptions, i, TRACK_AUDIO);
        unsubscribe(subscriptions, i, TRACK_VIDEO);
    }
    remember_roster(subscriptions);
}

/* Listening begins with the connection, so that the first picture encoded is one that arrives. */
void subscriptions_connected(Subscriptions *subscriptions)
{
    subscriptions->is_connected = true;
    for (unsigned i = 0; i < room_roster_count(subscriptions->context.roster); i++) {
        set_listening(subscriptions, i, TRACK_AUDIO, subscriptions->known[i].started[TRACK_AUDIO]);
        set_listening(subscriptions, i, TRACK_VIDEO, subscriptions->known[i].started[TRACK_VIDEO]);
    }
}

Negotiation *subscriptions_negotiation(Subscriptions *subscriptions)
{
    return subscriptions->negotiation;
}
