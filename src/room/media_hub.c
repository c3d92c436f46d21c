#include "room/media_hub.h"

#include "base/check.h"
#include "base/clock.h"
#include "transport/mailbox_source.h"

struct MediaHub {
    MediaHubOut out;
    NetThread *thread;
    Mailbox *mailbox; /* net -> main */
    GSource *mailbox_source;
    DownlinkConfig config;
    DownlinkCounters counters;
    LoadCounters load_counters;
    GPtrArray *load_media; /* or NULL */
    bool is_closing;

    struct {
        GPtrArray *downlinks;
        GSource *timer;
        int64_t next_ns;
        LoadFeed *load; /* or NULL */
    } net;
};

/* A call on its way to the net thread. */
typedef struct {
    unsigned id;
    uint32_t ssrc;
    DownlinkTrack *track;
    PeerRemote remote;
    char *candidate;
} HubCall;

/* News on its way to the main thread. */
typedef struct {
    unsigned id;
    PeerState state;
    char *text;
    char *ice_ufrag, *ice_pwd, *fingerprint;
    char **candidates;
} HubNews;

static void call_free(HubCall *call)
{
    downlink_track_free(call->track);
    g_free((char *)call->remote.ice_ufrag);
    g_free((char *)call->remote.ice_pwd);
    g_free((char *)call->remote.fingerprint_hash);
    g_free((char *)call->remote.fingerprint_value);
    g_free(call->candidate);
    g_free(call);
}

static void news_free(HubNews *news)
{
    g_free(news->text);
    g_free(news->ice_ufrag);
    g_free(news->ice_pwd);
    g_free(news->fingerprint);
    g_strfreev(news->candidates);
    g_free(news);
}

/* Main: what net told. */

static void tell_local(void *owner, void *message)
{
    MediaHub *const hub = owner;
    HubNews *const news = message;
    const MediaHubLocal local = {news->ice_ufrag, news->ice_pwd, news->fingerprint,
                                 news->candidates};
    if (!hub->is_closing) {
        hub->out.local(hub->out.owner, news->id, &local);
    }
    news_free(news);
}

static void tell_candidate(void *owner, void *message)
{
    MediaHub *const hub = owner;
    HubNews *const news = message;
    if (!hub->is_closing) {
        hub->out.candidate(hub->out.owner, news->id, news->text);
    }
    news_free(news);
}

static void tell_state(void *owner, void *message)
{
    MediaHub *const hub = owner;
    HubNews *const news = message;
    if (!hub->is_closing) {
        hub->out.state(hub->out.owner, news->id, news->state, news->text);
    }
    news_free(news);
}

static void tell_keyframe(void *owner, void *message)
{
    MediaHub *const hub = owner;
    HubNews *const news = message;
    if (!hub->is_closing) {
        hub->out.keyframe_wanted(hub->out.owner, news->id);
    }
    news_free(news);
}

static void post_news(MediaHub *hub, MailboxFn tell, HubNews news)
{
    mailbox_post(hub->mailbox, tell, hub, g_memdup2(&news, sizeof news));
}

/* Net: what the connections say. */

static void on_state(void *owner, unsigned id, PeerState state, const GError *error)
{
    const MediaHub *const hub = owner;
    if (hub->net.load != NULL && state == PEER_CONNECTED) {
        load_feed_connected(hub->net.load, id);
    }
    post_news(owner, tell_state,
              (HubNews){.id = id,
                        .state = state,
                        .text = g_strdup(error != NULL ? error->message : NULL)});
}

static void on_candidate(void *owner, unsigned id, const char *candidate)
{
    post_news(owner, tell_candidate, (HubNews){.id = id, .text = g_strdup(candidate)});
}

static void on_keyframe_wanted(void *owner, unsigned id, const DownlinkTrack *track)
{
    const MediaHub *const hub = owner;
    if (hub->net.load != NULL) {
        load_feed_want_key(hub->net.load, id, track->ssrc);
    } else {
        post_news(owner, tell_keyframe, (HubNews){.id = track->publisher});
    }
}

static Downlink *find_downlink(MediaHub *hub, unsigned id)
{
    for (unsigned i = 0; i < hub->net.downlinks->len; i++) {
        Downlink *const downlink = hub->net.downlinks->pdata[i];
        if (downlink_id(downlink) == id) {
            return downlink;
        }
    }
    return NULL;
}

static void wake_at(MediaHub *hub, int64_t next_ns)
{
    if (next_ns == hub->net.next_ns) {
        return;
    }
    hub->net.next_ns = next_ns;
    g_source_set_ready_time(hub->net.timer,
                            next_ns == CLOCK_NEVER ? -1 : (next_ns + NS_PER_US - 1) / NS_PER_US);
}

/* A load has no faults that anything waits for, and reports by itself. */
static void advance(MediaHub *hub)
{
    if (hub->net.load != NULL) {
        return;
    }
    const int64_t now_ns = clock_monotonic_ns();
    int64_t next_ns = CLOCK_NEVER;
    for (unsigned i = 0; i < hub->net.downlinks->len; i++) {
        const int64_t due_ns = downlink_advance(hub->net.downlinks->pdata[i], now_ns);
        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    wake_at(hub, next_ns);
}

static gboolean on_timer(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    MediaHub *const hub = data;
    (void)callback;
    hub->net.next_ns = 0;
    advance(hub);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_functions = {.dispatch = on_timer};

static void net_start(void *owner, void *message)
{
    MediaHub *const hub = owner;
    (void)message;
    hub->net.downlinks = g_ptr_array_new();
    hub->net.timer = g_source_new(&timer_functions, sizeof(GSource));
    hub->net.next_ns = CLOCK_NEVER;
    g_source_set_callback(hub->net.timer, NULL, hub, NULL);
    g_source_attach(hub->net.timer, net_thread_context(hub->thread));
}

static void net_stop(void *owner, void *message)
{
    MediaHub *const hub = owner;
    (void)message;
    g_source_destroy(hub->net.timer);
    g_source_unref(hub->net.timer);
    g_clear_pointer(&hub->net.load, load_feed_free);
    for (unsigned i = 0; i < hub->net.downlinks->len; i++) {
        downlink_free(hub->net.downlinks->pdata[i]);
    }
    g_ptr_array_set_size(hub->net.downlinks, 0);
}

static void post_local(MediaHub *hub, Downlink *downlink, unsigned id)
{
    const PeerLocal local = peer_local(downlink_peer(downlink));
    post_news(hub, tell_local,
              (HubNews){.id = id,
                        .ice_ufrag = g_strdup(local.ice_ufrag),
                        .ice_pwd = g_strdup(local.ice_pwd),
                        .fingerprint = g_strdup(local.fingerprint),
                        .candidates = peer_local_candidates(downlink_peer(downlink))});
}

static void net_connect(void *owner, void *message)
{
    MediaHub *const hub = owner;
    HubCall *const call = message;
    g_autoptr(GError) error = NULL;
    const DownlinkOut out = {
        .owner = hub,
        .state = on_state,
        .candidate = on_candidate,
        .keyframe_wanted = on_keyframe_wanted,
    };
    Downlink *const downlink = downlink_new(call->id, &hub->config, out, &error);
    if (downlink == NULL) {
        on_state(hub, call->id, PEER_FAILED, error);
        call_free(call);
        return;
    }
    g_ptr_array_add(hub->net.downlinks, downlink);
    post_local(hub, downlink, call->id);
    call_free(call);
}

static void net_restart(void *owner, void *message)
{
    HubCall *const call = message;
    Downlink *const downlink = find_downlink(owner, call->id);
    g_autoptr(GError) error = NULL;
    if (downlink != NULL && peer_restart_ice(downlink_peer(downlink), &error)) {
        post_local(owner, downlink, call->id);
    } else if (downlink != NULL) {
        on_state(owner, call->id, PEER_FAILED, error);
    }
    call_free(call);
}

static void net_disconnect(void *owner, void *message)
{
    MediaHub *const hub = owner;
    HubCall *const call = message;
    Downlink *const downlink = find_downlink(hub, call->id);
    if (downlink != NULL) {
        if (hub->net.load != NULL) {
            load_feed_remove(hub->net.load, downlink, 0);
        }
        g_ptr_array_remove_fast(hub->net.downlinks, downlink);
        downlink_free(downlink);
    }
    call_free(call);
}

static void net_set_remote(void *owner, void *message)
{
    MediaHub *const hub = owner;
    HubCall *const call = message;
    Downlink *const downlink = find_downlink(hub, call->id);
    g_autoptr(GError) error = NULL;
    if (downlink != NULL && !peer_set_remote(downlink_peer(downlink), &call->remote, &error)) {
        on_state(hub, call->id, PEER_FAILED, error);
    }
    call_free(call);
}

static void net_add_candidate(void *owner, void *message)
{
    HubCall *const call = message;
    Downlink *const downlink = find_downlink(owner, call->id);
    if (downlink != NULL) {
        peer_add_remote_candidate(downlink_peer(downlink), call->candidate);
    }
    call_free(call);
}

static void net_add_track(void *owner, void *message)
{
    MediaHub *const hub = owner;
    HubCall *const call = message;
    Downlink *const downlink = find_downlink(hub, call->id);
    if (downlink != NULL && hub->net.load != NULL) {
        load_feed_add(hub->net.load, downlink, call->track);
    }
    if (downlink != NULL) {
        downlink_add_track(downlink, g_steal_pointer(&call->track));
        advance(hub);
    }
    call_free(call);
}

static void net_remove_track(void *owner, void *message)
{
    const MediaHub *const hub = owner;
    HubCall *const call = message;
    Downlink *const downlink = find_downlink(owner, call->id);
    if (downlink != NULL && hub->net.load != NULL) {
        load_feed_remove(hub->net.load, downlink, call->ssrc);
    }
    if (downlink != NULL) {
        downlink_remove_track(downlink, call->ssrc);
    }
    call_free(call);
}

static void net_frame(void *owner, void *message)
{
    MediaHub *const hub = owner;
    MediaFrame *const frame = message;
    const int64_t now_ns = net_thread_now_ns(hub->thread);
    for (unsigned i = 0; i < hub->net.downlinks->len; i++) {
        downlink_frame(hub->net.downlinks->pdata[i], frame, now_ns);
    }
    media_frame_unref(frame);
    advance(hub);
}

static void net_load(void *owner, void *message)
{
    MediaHub *const hub = owner;
    (void)message;
    hub->net.load = load_feed_new(hub->thread, hub->load_media, &hub->load_counters);
}

/* Main: the calls. */

MediaHub *media_hub_new(GMainContext *context, const FaultScript *script, const RoomClock *clock,
                        uint32_t seed, MediaHubOut out)
{
    MediaHub *const hub = g_new0(MediaHub, 1);
    hub->out = out;
    hub->thread = net_thread_new("room-net");
    hub->mailbox = mailbox_new();
    require(hub->thread != NULL && hub->mailbox != NULL);
    hub->mailbox_source = mailbox_source_attach(hub->mailbox, context);
    hub->config = (DownlinkConfig){.thread = hub->thread,
                                   .script = script,
                                   .clock = clock,
                                   .seed = seed,
                                   .counters = &hub->counters};
    net_thread_post(hub->thread, net_start, hub, NULL);
    return hub;
}

void media_hub_free(MediaHub *hub)
{
    if (hub == NULL) {
        return;
    }
    hub->is_closing = true;
    net_thread_post(hub->thread, net_stop, hub, NULL);
    net_thread_free(hub->thread);
    mailbox_drain(hub->mailbox);
    g_source_destroy(hub->mailbox_source);
    g_source_unref(hub->mailbox_source);
    mailbox_free(hub->mailbox);
    g_ptr_array_unref(hub->net.downlinks);
    g_clear_pointer(&hub->load_media, g_ptr_array_unref);
    g_free(hub);
}

static void post_call(MediaHub *hub, MailboxFn run, HubCall call)
{
    net_thread_post(hub->thread, run, hub, g_memdup2(&call, sizeof call));
}

void media_hub_connect(MediaHub *hub, unsigned id)
{
    post_call(hub, net_connect, (HubCall){.id = id});
}

void media_hub_restart(MediaHub *hub, unsigned id)
{
    post_call(hub, net_restart, (HubCall){.id = id});
}

void media_hub_disconnect(MediaHub *hub, unsigned id)
{
    post_call(hub, net_disconnect, (HubCall){.id = id});
}

void media_hub_set_remote(MediaHub *hub, unsigned id, const PeerRemote *remote)
{
    PeerRemote copy = *remote;
    copy.ice_ufrag = g_strdup(remote->ice_ufrag);
    copy.ice_pwd = g_strdup(remote->ice_pwd);
    copy.fingerprint_hash = g_strdup(remote->fingerprint_hash);
    copy.fingerprint_value = g_strdup(remote->fingerprint_value);
    post_call(hub, net_set_remote, (HubCall){.id = id, .remote = copy});
}

void media_hub_add_candidate(MediaHub *hub, unsigned id, const char *candidate)
{
    post_call(hub, net_add_candidate, (HubCall){.id = id, .candidate = g_strdup(candidate)});
}

void media_hub_add_track(MediaHub *hub, unsigned id, DownlinkTrack *track)
{
    post_call(hub, net_add_track, (HubCall){.id = id, .track = track});
}

void media_hub_remove_track(MediaHub *hub, unsigned id, uint32_t ssrc)
{
    post_call(hub, net_remove_track, (HubCall){.id = id, .ssrc = ssrc});
}

void media_hub_post_frame(MediaHub *hub, MediaFrame *frame)
{
    net_thread_post(hub->thread, net_frame, hub, frame);
}

void media_hub_load(MediaHub *hub, GPtrArray *media)
{
    require(hub->load_media == NULL);
    hub->load_media = media;
    net_thread_post(hub->thread, net_load, hub, NULL);
}

LoadCounters *media_hub_load_counters(MediaHub *hub)
{
    return &hub->load_counters;
}

const DownlinkCounters *media_hub_counters(const MediaHub *hub)
{
    return &hub->counters;
}
