#include "room/downlink.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "room/garbage.h"
#include "room/return_link.h"
#include "rtp/rtcp.h"
#include "rtp/rtp_packet.h"

#define FIRST_REPORT_NS NS_PER_SECOND
#define REPORT_INTERVAL_NS (3 * NS_PER_SECOND)

typedef struct {
    DownlinkTrack *track;
    RtpSender *sender;
    PacketLink *link;
    const RoomClock *clock;
    int64_t next_report_ns;
} ActiveTrack;

struct Downlink {
    unsigned id;
    DownlinkConfig config;
    DownlinkOut out;
    Peer *peer;
    PacketLink *link;
    ReturnLink *return_link;
    GPtrArray *tracks; /* of ActiveTrack */
    bool is_connected, channels_opened;
    Garbage garbage;
    PacketLinkStats told; /* what the counters have of the link's figures */
};

void downlink_track_free(DownlinkTrack *track)
{
    if (track == NULL) {
        return;
    }
    g_free(track->identity);
    g_free(track->cname);
    g_free(track);
}

static void active_track_free(void *data)
{
    ActiveTrack *const active = data;
    rtp_sender_free(active->sender);
    downlink_track_free(active->track);
    g_free(active);
}

static int64_t room_time(const Downlink *downlink, int64_t now_ns)
{
    return room_clock_at(downlink->config.clock, now_ns);
}

static ActiveTrack *find_track(Downlink *downlink, uint32_t ssrc)
{
    for (unsigned i = 0; i < downlink->tracks->len; i++) {
        ActiveTrack *const active = downlink->tracks->pdata[i];
        if (active->track->ssrc == ssrc) {
            return active;
        }
    }
    return NULL;
}

static void push_rtcp(Downlink *downlink, const ActiveTrack *active, uint8_t *packet, size_t size)
{
    packet_link_push(downlink->link, active->track->identity, active->track->kind, packet, size,
                     room_clock_at(downlink->config.clock, clock_monotonic_ns()));
}

static bool fault_holds(const Downlink *downlink, FaultKind kind, const DownlinkTrack *track,
                        int64_t now_ns)
{
    return fault_script_find_for(downlink->config.script, kind, track->identity, track->kind,
                                 room_time(downlink, now_ns)) != NULL;
}

static void open_channels(Downlink *downlink)
{
    if (downlink->channels_opened) {
        return;
    }
    downlink->channels_opened = true;
    peer_open_channel(downlink->peer, "_reliable", true, -1);
    peer_open_channel(downlink->peer, "_lossy", false, 0);
    peer_open_channel(downlink->peer, "_data_track", false, 0);
}

static void on_state(void *owner, PeerState state, const GError *error)
{
    Downlink *const downlink = owner;
    if (state == PEER_CONNECTED) {
        open_channels(downlink);
    }
    if (state != PEER_CHECKING) { /* when ICE is restarted the old pair carries on */
        downlink->is_connected = state == PEER_CONNECTED;
    }
    downlink->out.state(downlink->out.owner, downlink->id, state, error);
}

static void on_candidate(void *owner, const char *candidate)
{
    Downlink *const downlink = owner;
    downlink->out.candidate(downlink->out.owner, downlink->id, candidate);
}

static void on_rtp(void *owner, uint8_t *packet, size_t size, int64_t arrival_ns)
{
    (void)owner;
    (void)packet;
    (void)size;
    (void)arrival_ns;
}

static void on_nack(void *owner, uint32_t media_ssrc, uint16_t sequence)
{
    Downlink *const downlink = owner;
    ActiveTrack *const active = find_track(downlink, media_ssrc);
    const int64_t now_ns = net_thread_now_ns(downlink->config.thread);
    atomic_fetch_add(&downlink->config.counters->nacks, 1);
    if (active == NULL || fault_holds(downlink, FAULT_NO_RETRANSMISSION, active->track, now_ns)) {
        return;
    }
    if (rtp_sender_nack(active->sender, sequence, now_ns)) {
        atomic_fetch_add(&downlink->config.counters->retransmissions, 1);
    }
}

static void on_keyframe_request(void *owner, uint32_t media_ssrc)
{
    Downlink *const downlink = owner;
    ActiveTrack *const active = find_track(downlink, media_ssrc);
    if (active == NULL || active->track->kind != TRACK_VIDEO) {
        return;
    }
    atomic_fetch_add(&downlink->config.counters->plis, 1);
    rtp_sender_on_keyframe_request(active->sender);
    downlink->out.keyframe_wanted(downlink->out.owner, downlink->id, active->track);
}

static void on_receiver_report(void *owner, uint32_t ssrc, uint8_t fraction_lost, uint32_t lost)
{
    Downlink *const downlink = owner;
    ActiveTrack *const active = find_track(downlink, ssrc);
    (void)fraction_lost;
    (void)lost;
    const int64_t now_ns = net_thread_now_ns(downlink->config.thread);
    const Fault *const delay =
        fault_script_find(downlink->config.script, FAULT_DELAY, room_time(downlink, now_ns));
    atomic_fetch_add(&downlink->config.counters->receiver_reports, 1);
    if (active != NULL) {
        rtp_sender_on_receiver_report(active->sender, delay != NULL ? 2 * delay->time_ns : 0);
    }
}

static void on_sender_report(void *owner, const RtcpSenderReport *report)
{
    (void)owner;
    (void)report;
}

static void on_bye(void *owner, uint32_t ssrc)
{
    (void)owner;
    (void)ssrc;
}

/* "no delay": the server does not look at how long it kept a reference time. */
static void on_reference_time(void *owner, uint32_t receiver_ssrc, uint64_t ntp)
{
    Downlink *const downlink = owner;
    if (downlink->tracks->len == 0) {
        return;
    }
    const ActiveTrack *const active = downlink->tracks->pdata[0];
    uint8_t packet[64];
    ByteWriter writer = byte_writer(packet, sizeof packet);
    rtcp_write_reference_answer(&writer, active->track->ssrc, receiver_ssrc, (uint32_t)(ntp >> 16));
    push_rtcp(downlink, active, packet, writer.size);
}

static void on_late_rtcp(void *owner, const uint8_t *packet, size_t size)
{
    const RtcpHandler handler = {
        .owner = owner,
        .sender_report = on_sender_report,
        .bye = on_bye,
        .nack = on_nack,
        .keyframe_request = on_keyframe_request,
        .receiver_report = on_receiver_report,
        .reference_time = on_reference_time,
    };
    rtcp_parse(packet, size, &handler);
}

static void on_rtcp(void *owner, const uint8_t *packet, size_t size, int64_t arrival_ns)
{
    Downlink *const downlink = owner;
    return_link_push(downlink->return_link, packet, size, room_time(downlink, arrival_ns));
}

static bool on_link_send(void *owner, uint8_t *packet, size_t size)
{
    Downlink *const downlink = owner;
    if (rtp_is_rtcp(packet, size)) {
        return peer_send_rtcp(downlink->peer, packet, size);
    }
    return peer_send_rtp(downlink->peer, packet, size);
}

Downlink *downlink_new(unsigned id, const DownlinkConfig *config, DownlinkOut out, GError **error)
{
    Downlink *const downlink = g_new0(Downlink, 1);
    downlink->id = id;
    downlink->config = *config;
    downlink->out = out;
    downlink->tracks = g_ptr_array_new_with_free_func(active_track_free);
    downlink->link = packet_link_new(config->script, config->seed + id,
                                     (PacketLinkOut){.owner = downlink, .send = on_link_send});
    downlink->return_link =
        return_link_new(config->script, config->seed + id,
                        (ReturnLinkOut){.owner = downlink, .rtcp = on_late_rtcp});
    const PeerConfig peer_config = {.is_server = true, .loopback_only = true};
    const PeerOut peer_out = {
        .owner = downlink,
        .state = on_state,
        .local_candidate = on_candidate,
        .rtp = on_rtp,
        .rtcp = on_rtcp,
    };
    downlink->peer = peer_new(config->thread, &peer_config, peer_out, error);
    if (downlink->peer == NULL) {
        downlink_free(downlink);
        return NULL;
    }
    garbage_init(&downlink->garbage, downlink->peer, downlink->link);
    return downlink;
}

void downlink_free(Downlink *downlink)
{
    if (downlink == NULL) {
        return;
    }
    peer_free(downlink->peer);
    g_ptr_array_unref(downlink->tracks);
    packet_link_free(downlink->link);
    return_link_free(downlink->return_link);
    garbage_clear(&downlink->garbage);
    g_free(downlink);
}

unsigned downlink_id(const Downlink *downlink)
{
    return downlink->id;
}

Peer *downlink_peer(Downlink *downlink)
{
    return downlink->peer;
}

void downlink_sending_memory(const Downlink *downlink, HotMemory *hot)
{
    hot_memory_add(hot, &downlink->peer, sizeof downlink->peer);
    peer_sending_memory(downlink->peer, hot);
}

bool downlink_is_connected(const Downlink *downlink)
{
    return downlink->is_connected;
}

static void on_packet(void *owner, uint8_t *packet, size_t size)
{
    ActiveTrack *const active = owner;
    packet_link_push(active->link, active->track->identity, active->track->kind, packet, size,
                     room_clock_at(active->clock, clock_monotonic_ns()));
}

static uint32_t clock_rate(const DownlinkTrack *track)
{
    return track->kind == TRACK_VIDEO ? 90000 : 48000;
}

static RtpSenderConfig sender_config(Downlink *downlink, const DownlinkTrack *track, int64_t now_ns)
{
    RtpSenderConfig config = {
        .ssrc = track->ssrc,
        .rtx_ssrc = track->rtx_ssrc,
        .kind = track->kind,
        .cname = track->cname,
        .first_sequence = (uint16_t)packet_link_random(downlink->link),
        .timestamp_offset = packet_link_random(downlink->link),
    };
    memcpy(config.payloads, track->payloads, sizeof config.payloads);
    const Fault *const wrap =
        fault_script_find_for(downlink->config.script, FAULT_WRAP, track->identity, track->kind,
                              room_time(downlink, now_ns));
    if (wrap != NULL) {
        const int64_t position_ns = media_timeline_position(&track->timeline, now_ns);
        config.timestamp_offset =
            0u - (uint32_t)media_timeline_ticks(position_ns + wrap->time_ns, clock_rate(track));
        config.first_sequence = 65500;
    }
    return config;
}

void downlink_add_track(Downlink *downlink, DownlinkTrack *track)
{
    const int64_t now_ns = net_thread_now_ns(downlink->config.thread);
    ActiveTrack *const active = g_new0(ActiveTrack, 1);
    active->track = track;
    active->link = downlink->link;
    active->clock = downlink->config.clock;
    active->next_report_ns = now_ns + FIRST_REPORT_NS;
    const RtpSenderConfig config = sender_config(downlink, track, now_ns);
    active->sender = rtp_sender_new(&config, (RtpSenderOut){.owner = active, .packet = on_packet});
    const Fault *const repeats =
        fault_script_find_for(downlink->config.script, FAULT_REPEATS, track->identity, track->kind,
                              room_time(downlink, now_ns));
    if (repeats != NULL) {
        rtp_sender_set_repeats(active->sender, repeats->count);
    }
    g_ptr_array_add(downlink->tracks, active);
    if (track->kind == TRACK_VIDEO) {
        downlink->out.keyframe_wanted(downlink->out.owner, downlink->id, track);
    }
}

void downlink_remove_track(Downlink *downlink, uint32_t ssrc)
{
    ActiveTrack *const active = find_track(downlink, ssrc);
    if (active != NULL) {
        g_ptr_array_remove(downlink->tracks, active);
    }
}

static bool chance_of(Downlink *downlink, FaultKind kind, const DownlinkTrack *track,
                      int64_t now_ns)
{
    const Fault *const fault = fault_script_find_for(downlink->config.script, kind, track->identity,
                                                     track->kind, room_time(downlink, now_ns));
    return fault != NULL && packet_link_chance(downlink->link, fault->percent);
}

static void send_garbage(Downlink *downlink, ActiveTrack *active, int64_t now_ns)
{
    if (chance_of(downlink, FAULT_MALFORMED_RTP, active->track, now_ns)) {
        garbage_send_rtp(&downlink->garbage, active->sender,
                         active->track->payloads[CODEC_OPUS].payload_type);
    }
    if (chance_of(downlink, FAULT_HUGE_EXTENSION, active->track, now_ns)) {
        garbage_send_huge_extension(&downlink->garbage,
                                    active->track->payloads[CODEC_OPUS].payload_type);
    }
    if (chance_of(downlink, FAULT_MALFORMED_RTCP, active->track, now_ns)) {
        garbage_send_rtcp(&downlink->garbage);
    }
    if (chance_of(downlink, FAULT_MALFORMED_DATAGRAM, active->track, now_ns)) {
        garbage_send_datagram(&downlink->garbage);
    }
}

static void shift_timestamps(const Downlink *downlink, ActiveTrack *active, int64_t now_ns)
{
    const DownlinkTrack *const track = active->track;
    const Fault *const jump =
        fault_script_find_for(downlink->config.script, FAULT_TIMESTAMP_JUMP, track->identity,
                              track->kind, room_time(downlink, now_ns));
    const int64_t by_ms = jump != NULL ? jump->time_ns / NS_PER_MS : 0;
    rtp_sender_shift_timestamps(active->sender, (uint32_t)(by_ms * clock_rate(track) / 1000));
}

static bool is_silent(const Downlink *downlink, const DownlinkTrack *track, int64_t now_ns)
{
    return fault_holds(downlink, FAULT_STALL, track, now_ns) ||
           fault_holds(downlink, FAULT_NO_MEDIA, track, now_ns) ||
           fault_holds(downlink, FAULT_PAUSE, track, now_ns);
}

static void send_frame(Downlink *downlink, ActiveTrack *active, MediaFrame *frame, int64_t now_ns)
{
    const DownlinkTrack *const track = active->track;
    if (is_silent(downlink, track, now_ns)) {
        return;
    }
    shift_timestamps(downlink, active, now_ns);
    if (track->kind == TRACK_VIDEO && fault_holds(downlink, FAULT_NO_KEYFRAME, track, now_ns)) {
        rtp_sender_skip_key(active->sender);
        if (frame->is_key) {
            return;
        }
    }
    if (!rtp_sender_frame(active->sender, frame, now_ns) &&
        rtp_sender_waits_for_key(active->sender)) {
        downlink->out.keyframe_wanted(downlink->out.owner, downlink->id, track);
    }
    send_garbage(downlink, active, now_ns);
}

static void tell_counters(Downlink *downlink)
{
    const PacketLinkStats stats = packet_link_stats(downlink->link);
    atomic_fetch_add(&downlink->config.counters->packets_sent, stats.sent - downlink->told.sent);
    atomic_fetch_add(&downlink->config.counters->packets_dropped,
                     stats.dropped - downlink->told.dropped);
    downlink->told = stats;
}

void downlink_frame(Downlink *downlink, MediaFrame *frame, int64_t now_ns)
{
    if (!downlink->is_connected) {
        return;
    }
    for (unsigned i = 0; i < downlink->tracks->len; i++) {
        ActiveTrack *const active = downlink->tracks->pdata[i];
        if (active->track->publisher == frame->publisher && active->track->kind == frame->kind) {
            send_frame(downlink, active, frame, now_ns);
        }
    }
    tell_counters(downlink);
}

/* One of: no NTP time at all, one of tomorrow, one of an hour ago, an RTP time of another track. */
static void make_absurd(Downlink *downlink, uint64_t *ntp, uint64_t *ticks)
{
    switch (packet_link_random(downlink->link) % 4) {
    case 0:
        *ntp = 0;
        break;
    case 1:
        *ntp += UINT64_C(86400) << 32;
        break;
    case 2:
        *ntp -= UINT64_C(3600) << 32;
        break;
    default:
        *ticks += packet_link_random(downlink->link);
    }
}

static void send_report(Downlink *downlink, const ActiveTrack *active, int64_t now_ns)
{
    const DownlinkTrack *const track = active->track;
    if (fault_holds(downlink, FAULT_NO_SENDER_REPORT, track, now_ns)) {
        return;
    }
    uint8_t packet[256 + PEER_TRAILER];
    ByteWriter writer = byte_writer(packet, sizeof packet - PEER_TRAILER);
    const int64_t position_ns = media_timeline_position(&track->timeline, now_ns);
    uint64_t ntp = media_timeline_ntp(&track->timeline, position_ns);
    uint64_t ticks = media_timeline_ticks(position_ns, clock_rate(track));
    if (chance_of(downlink, FAULT_ABSURD_SENDER_REPORT, track, now_ns)) {
        make_absurd(downlink, &ntp, &ticks);
    }
    rtp_sender_report(active->sender, ntp, ticks, &writer);
    if (writer.size > 0 && !writer.failed) {
        push_rtcp(downlink, active, packet, writer.size);
    }
}

int64_t downlink_advance(Downlink *downlink, int64_t now_ns)
{
    int64_t next_ns = CLOCK_NEVER;
    const int64_t at_ns = room_time(downlink, now_ns);
    const int64_t feedback_ns = return_link_advance(downlink->return_link, at_ns);
    const int64_t due_ns = MIN(packet_link_advance(downlink->link, at_ns), feedback_ns);
    if (due_ns != CLOCK_NEVER) {
        next_ns = now_ns + (due_ns - at_ns);
    }
    for (unsigned i = 0; i < downlink->tracks->len; i++) {
        ActiveTrack *const active = downlink->tracks->pdata[i];
        if (downlink->is_connected && now_ns >= active->next_report_ns) {
            send_report(downlink, active, now_ns);
            active->next_report_ns = now_ns + REPORT_INTERVAL_NS;
        }
        if (downlink->is_connected && active->next_report_ns < next_ns) {
            next_ns = active->next_report_ns;
        }
    }
    return next_ns;
}
