#include "base/clock.h"
#include "recorder/net_session_private.h"
#include "rtp/rtcp.h"

#define REPORT_INTERVAL_NS NS_PER_SECOND
#define REPORT_GRID_NS (REPORT_INTERVAL_NS / 4) /* many recordings' in one turn */
#define SILENCE_SECONDS 2                       /* without an answer: more than a lost packet */
#define RTCP_MAX_BYTES 1200

/* Together with the others': a thread with many recordings does not wake up for each of them. */
void net_wake_at(NetSession *session, int64_t at_ns)
{
    const int64_t rounded_ns = net_thread_round_up(session->thread, at_ns);
    if (rounded_ns >= session->net.wake_ns)
        return;
    session->net.wake_ns = rounded_ns;
    net_timers_set(net_thread_timers(session->thread), &session->net.timer, rounded_ns);
}

static void send_rtcp(NetSession *session, ByteWriter *rtcp)
{
    if (rtcp->size > 0 && session->net.peer)
        peer_send_rtcp(session->net.peer, rtcp->data, rtcp->size);
    rtcp->size = 0;
    rtcp->failed = false;
}

/* Sealing changes the bytes, so each copy is sent from memory of its own. */
static void send_repeatedly(NetSession *session, ByteWriter *rtcp)
{
    uint8_t buffer[RTCP_MAX_BYTES + PEER_TRAILER];
    for (unsigned i = 1; i < PLI_REPETITIONS && rtcp->size > 0; i++) {
        ByteWriter copy = byte_writer(buffer, RTCP_MAX_BYTES);
        bytes_write_span(&copy, rtcp->data, rtcp->size);
        send_rtcp(session, &copy);
    }
    send_rtcp(session, rtcp);
}

TrackPipeline *net_pipeline_at(const NetSession *session, unsigned index)
{
    return index < session->net.pipelines->len ? session->net.pipelines->pdata[index] : NULL;
}

/* Our clock in 32.32 fixed point seconds. */
static uint64_t reference_at(int64_t now_ns)
{
    const uint64_t seconds = (uint64_t)(now_ns / NS_PER_SECOND);
    const uint64_t rest_ns = (uint64_t)(now_ns % NS_PER_SECOND);
    return seconds << 32 | (rest_ns << 32) / (uint64_t)NS_PER_SECOND;
}

void net_take_reference_answer(NetSession *session, uint32_t reference, uint32_t delay,
                               int64_t arrival_ns)
{
    const uint32_t arrival = (uint32_t)(reference_at(arrival_ns) >> 16);
    const int32_t rest = (int32_t)(arrival - reference - delay);
    round_trip_sample(&session->net.round_trip, rest * NS_PER_SECOND / 65536);
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        if (net_pipeline_at(session, i))
            track_pipeline_round_trip_changed(net_pipeline_at(session, i));
    }
}

/* Every track whose report stands in a packet answers the reference time in it: so one track's goes
 * out by itself with it. */
static void send_reports(NetSession *session, int64_t now_ns)
{
    uint8_t buffer[RTCP_MAX_BYTES + PEER_TRAILER];
    ByteWriter rtcp = byte_writer(buffer, RTCP_MAX_BYTES);
    RtcpReportBlock blocks[31];
    unsigned count = 0;
    bool is_first = true;
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        TrackPipeline *pipeline = net_pipeline_at(session, i);
        if (!pipeline || !track_pipeline_report_block(pipeline, now_ns, &blocks[count]))
            continue;
        if (++count < G_N_ELEMENTS(blocks) && !is_first)
            continue;
        rtcp_write_receiver_report(&rtcp, session->net.ssrc, blocks, count, session->net.cname);
        if (is_first)
            rtcp_write_reference_time(&rtcp, session->net.ssrc, reference_at(now_ns));
        send_rtcp(session, &rtcp);
        is_first = false;
        count = 0;
    }
    if (count == 0)
        return;
    rtcp_write_receiver_report(&rtcp, session->net.ssrc, blocks, count, session->net.cname);
    send_rtcp(session, &rtcp);
}

void net_publish(NetSession *session)
{
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        TrackPipeline *pipeline = net_pipeline_at(session, i);
        HeadCorrection head;
        if (pipeline && track_pipeline_publish_clock(pipeline, &head))
            net_post_notice(session, (Notice){.name = NOTICE_HEAD, .number = i, .head = head});
    }
    if (!session->net.peer)
        return;
    Notice notice = {.name = NOTICE_STATS, .number = session->net.silent_seconds};
    peer_stats(session->net.peer, &notice.stats);
    net_leave_notice(session, notice);
}

/* A room where everybody is muted sends nothing by itself, so it is asked. Seconds are counted here
 * one by one: after a stop of the whole process what waits in the socket is read before the next.
 */
static void watch_peer(NetSession *session, int64_t now_ns)
{
    if (!session->net.peer)
        return;
    PeerStats stats;
    peer_stats(session->net.peer, &stats);
    const bool is_silent = stats.datagrams == session->net.heard_datagrams;
    session->net.heard_datagrams = stats.datagrams;
    if (is_silent && peer_probe(session->net.peer)) {
        session->net.silent_seconds++;
    } else {
        if (session->net.silent_seconds == 0)
            session->net.silent_from_ns = 0; /* nothing was kept for us */
        session->net.silent_seconds = 0;
    }
    if (session->net.silent_seconds == SILENCE_SECONDS)
        session->net.silent_from_ns = now_ns - (SILENCE_SECONDS + 1) * NS_PER_SECOND;
}

static int64_t send_feedback(NetSession *session, int64_t now_ns)
{
    uint8_t buffer[RTCP_MAX_BYTES + PEER_TRAILER], second[RTCP_MAX_BYTES + PEER_TRAILER];
    int64_t next_ns = CLOCK_NEVER;
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        TrackPipeline *pipeline = net_pipeline_at(session, i);
        if (!pipeline)
            continue;
        ByteWriter rtcp = byte_writer(buffer, RTCP_MAX_BYTES);
        ByteWriter again = byte_writer(second, RTCP_MAX_BYTES);
        const int64_t due_ns =
            track_pipeline_feedback(pipeline, now_ns, session->net.ssrc, &rtcp, &again);
        next_ns = MIN(next_ns, due_ns);
        send_rtcp(session, &rtcp);
        send_repeatedly(session, &again);
    }
    return next_ns;
}

static void on_timer(void *owner)
{
    NetSession *session = owner;
    const int64_t now_ns = clock_monotonic_ns();
    session->net.wake_ns = CLOCK_NEVER;
    if (session->net.offer_waits && now_ns >= session->net.offer_deadline_ns)
        net_open_peer(session);
    int64_t next_ns = send_feedback(session, now_ns);
    if (now_ns >= session->net.report_ns) {
        session->net.report_ns = (now_ns + REPORT_INTERVAL_NS) / REPORT_GRID_NS * REPORT_GRID_NS;
        send_reports(session, now_ns);
        watch_peer(session, now_ns);
        net_publish(session);
        net_list_hot_memory(session);
    }
    next_ns = MIN(next_ns, session->net.report_ns);
    if (session->net.offer_waits)
        next_ns = MIN(next_ns, session->net.offer_deadline_ns);
    net_wake_at(session, MAX(next_ns, now_ns + NS_PER_MS));
}

void net_start_timer(void *owner, void *message)
{
    (void)message;
    NetSession *session = owner;
    session->net.timer = (NetTimer){.owner = session, .fire = on_timer};
    net_timers_add(net_thread_timers(session->thread), &session->net.timer);
    session->net.wake_ns = CLOCK_NEVER;
    session->net.report_ns = clock_monotonic_ns() + REPORT_INTERVAL_NS;
    net_wake_at(session, session->net.report_ns);
}
