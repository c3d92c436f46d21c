#include "recorder/net_session.h"

#include <string.h>

#include "base/clock.h"
#include "recorder/track_pipeline.h"
#include "rtp/rtcp.h"
#include "rtp/rtp_packet.h"
#include "sdp/session_description.h"

#define REPORT_INTERVAL_NS NS_PER_SECOND
#define FIRST_REPORT_DELAY_NS (50 * NS_PER_MS)
/* The server's candidates follow its first offer at once; they decide whether TCP is needed. */
#define CANDIDATE_PATIENCE_NS (150 * NS_PER_MS)
#define RTCP_MAX_BYTES 1200
#define EARLY_CANDIDATES_MAX SDP_MAX_CANDIDATES

typedef struct {
    uint32_t ssrc;
    TrackPipeline *pipeline;
} SsrcRow;

typedef struct {
    SessionDescription *description;
    uint32_t id;
} Offer;

struct NetSession {
    NetThread *thread;
    NetSessionOut out;
    NetSessionConfig config;
    unsigned generation; /* main: how often it was reset */
    struct {
        Pool *pool;
        MediaClock *clock;
        Peer *peer;
        unsigned generation;
        bool stopped;
        bool loopback_only;
        GPtrArray *ice_servers;  /* of PeerIceServer* */
        GPtrArray *pipelines;    /* of TrackPipeline*, by track id; NULL where there is none */
        GHashTable *tracks;      /* TR_ sid -> track id + 1 */
        GHashTable *bound_ssrcs; /* TR_ sid -> ssrc that its pipeline was bound to */
        GArray *ssrcs;           /* of SsrcRow */
        Offer offer;             /* the last one */
        bool offer_waits;        /* for candidates, before the peer is made */
        int64_t offer_deadline_ns;
        GPtrArray *early_candidates;
        bool no_more_candidates;
        uint64_t session_id;
        unsigned session_version;
        uint32_t ssrc;
        char *cname;
        GSource *timer;
        int64_t wake_ns, report_ns;
    } net; /* only touched on the net thread */
};

typedef enum {
    COMMAND_PREPARE,
    COMMAND_OFFER,
    COMMAND_CANDIDATE,
    COMMAND_BIND,
    COMMAND_UNBIND,
    COMMAND_KEYFRAME,
    COMMAND_RESET,
    COMMAND_STOP,
} CommandName;

typedef struct {
    CommandName name;
    char *text;
    uint32_t number;
    bool flag;
    GPtrArray *ice_servers;
    NetTrack track;
} Command;

typedef enum {
    NOTICE_ANSWER,
    NOTICE_CANDIDATE,
    NOTICE_PEER_STATE,
    NOTICE_BAD_OFFER,
    NOTICE_CONFIRMED,
    NOTICE_ON_TRACK,
    NOTICE_HEAD,
    NOTICE_STATS,
    NOTICE_STOPPED,
} NoticeName;

typedef struct {
    NoticeName name;
    unsigned generation;
    char *text;
    uint32_t number;
    int error;
    HeadCorrection head;
    PeerStats stats;
} Notice;

static void ice_server_free(gpointer data)
{
    PeerIceServer *server = data;
    g_free(server->url);
    g_free(server->username);
    g_free(server->credential);
    g_free(server);
}

/* ---- net -> main ---- */

static void deliver(void *owner, void *message)
{
    NetSession *session = owner;
    Notice *notice = message;
    const NetSessionOut *out = &session->out;
    const bool is_current = notice->generation == session->generation;
    switch (notice->name) {
    case NOTICE_ANSWER:
        if (is_current)
            out->answer(out->owner, notice->text, notice->number);
        break;
    case NOTICE_CANDIDATE:
        if (is_current)
            out->local_candidate(out->owner, notice->text);
        break;
    case NOTICE_PEER_STATE:
        if (is_current)
            out->peer_state(out->owner, (PeerState)notice->number, notice->error, notice->text);
        break;
    case NOTICE_BAD_OFFER:
        if (is_current)
            out->bad_offer(out->owner, notice->text);
        break;
    case NOTICE_CONFIRMED:
        if (is_current)
            out->track_confirmed(out->owner, notice->number);
        break;
    case NOTICE_ON_TRACK:
        out->on_track(out->owner, notice->number);
        break;
    case NOTICE_HEAD:
        out->head_correction(out->owner, notice->number, &notice->head);
        break;
    case NOTICE_STATS:
        if (is_current)
            out->stats(out->owner, &notice->stats);
        break;
    case NOTICE_STOPPED:
        out->stopped(out->owner); /* the session may be gone now */
        break;
    }
    g_free(notice->text);
    g_free(notice);
}

static void post_notice(NetSession *session, Notice notice)
{
    notice.generation = session->net.generation;
    mailbox_post(session->out.mailbox, deliver, session, g_memdup2(&notice, sizeof notice));
}

/* ---- feedback ---- */

static void wake_at(NetSession *session, int64_t at_ns)
{
    if (at_ns >= session->net.wake_ns)
        return;
    session->net.wake_ns = at_ns;
    g_source_set_ready_time(session->net.timer, at_ns / NS_PER_US);
}

static void send_rtcp(NetSession *session, ByteWriter *rtcp)
{
    if (rtcp->size > 0 && session->net.peer)
        peer_send_rtcp(session->net.peer, rtcp->data, rtcp->size);
    rtcp->size = 0;
    rtcp->failed = false;
}

static TrackPipeline *pipeline_at(const NetSession *session, unsigned index)
{
    return index < session->net.pipelines->len ? session->net.pipelines->pdata[index] : NULL;
}

static void send_reports(NetSession *session, int64_t now_ns)
{
    uint8_t buffer[RTCP_MAX_BYTES + PEER_TRAILER];
    ByteWriter rtcp = byte_writer(buffer, RTCP_MAX_BYTES);
    RtcpReportBlock blocks[31];
    unsigned count = 0;
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        TrackPipeline *pipeline = pipeline_at(session, i);
        if (!pipeline || !track_pipeline_report_block(pipeline, now_ns, &blocks[count]))
            continue;
        if (++count < G_N_ELEMENTS(blocks))
            continue;
        rtcp_write_receiver_report(&rtcp, session->net.ssrc, blocks, count, session->net.cname);
        send_rtcp(session, &rtcp);
        count = 0;
    }
    if (count == 0)
        return;
    rtcp_write_receiver_report(&rtcp, session->net.ssrc, blocks, count, session->net.cname);
    send_rtcp(session, &rtcp);
}

static void publish(NetSession *session)
{
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        TrackPipeline *pipeline = pipeline_at(session, i);
        HeadCorrection head;
        if (pipeline && track_pipeline_publish_clock(pipeline, &head))
            post_notice(session, (Notice){.name = NOTICE_HEAD, .number = i, .head = head});
    }
    if (!session->net.peer)
        return;
    Notice notice = {.name = NOTICE_STATS};
    peer_stats(session->net.peer, &notice.stats);
    post_notice(session, notice);
}

static int64_t send_feedback(NetSession *session, int64_t now_ns)
{
    uint8_t buffer[RTCP_MAX_BYTES + PEER_TRAILER];
    int64_t next_ns = CLOCK_NEVER;
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        TrackPipeline *pipeline = pipeline_at(session, i);
        if (!pipeline)
            continue;
        ByteWriter rtcp = byte_writer(buffer, RTCP_MAX_BYTES);
        const int64_t due_ns = track_pipeline_feedback(pipeline, now_ns, session->net.ssrc, &rtcp);
        next_ns = MIN(next_ns, due_ns);
        send_rtcp(session, &rtcp);
    }
    return next_ns;
}

static void open_peer(NetSession *session);

static gboolean on_timer(gpointer data)
{
    NetSession *session = data;
    const int64_t now_ns = clock_monotonic_ns();
    session->net.wake_ns = CLOCK_NEVER;
    g_source_set_ready_time(session->net.timer, -1);
    if (session->net.offer_waits && now_ns >= session->net.offer_deadline_ns)
        open_peer(session);
    int64_t next_ns = send_feedback(session, now_ns);
    if (now_ns >= session->net.report_ns) {
        session->net.report_ns = now_ns + REPORT_INTERVAL_NS;
        send_reports(session, now_ns);
        publish(session);
    }
    next_ns = MIN(next_ns, session->net.report_ns);
    if (session->net.offer_waits)
        next_ns = MIN(next_ns, session->net.offer_deadline_ns);
    wake_at(session, MAX(next_ns, now_ns + NS_PER_MS));
    return G_SOURCE_CONTINUE;
}

static gboolean dispatch_timer(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    return callback(data);
}

static GSourceFuncs timer_funcs = {.dispatch = dispatch_timer};

/* ---- packets ---- */

static TrackPipeline *find_pipeline(const NetSession *session, uint32_t ssrc)
{
    const GArray *rows = session->net.ssrcs;
    for (unsigned i = 0; i < rows->len; i++) {
        const SsrcRow *row = &g_array_index(rows, SsrcRow, i);
        if (row->ssrc == ssrc)
            return row->pipeline;
    }
    return NULL;
}

static void on_rtp(void *owner, uint8_t *data, size_t size, int64_t arrival_ns)
{
    NetSession *session = owner;
    RtpPacket packet;
    if (!rtp_packet_parse(data, size, arrival_ns, &packet))
        return;
    TrackPipeline *pipeline = find_pipeline(session, packet.ssrc);
    if (pipeline)
        wake_at(session, track_pipeline_push(pipeline, &packet));
}

typedef struct {
    NetSession *session;
    int64_t arrival_ns;
} RtcpContext;

static void on_sender_report(void *owner, const RtcpSenderReport *report)
{
    RtcpContext *context = owner;
    TrackPipeline *pipeline = find_pipeline(context->session, report->ssrc);
    if (pipeline)
        track_pipeline_sender_report(pipeline, report, context->arrival_ns);
}

static void on_rtcp(void *owner, const uint8_t *data, size_t size, int64_t arrival_ns)
{
    RtcpContext context = {.session = owner, .arrival_ns = arrival_ns};
    const RtcpHandler handler = {.owner = &context, .sender_report = on_sender_report};
    rtcp_parse(data, size, &handler);
}

/* ---- connection ---- */

static void on_peer_state(void *owner, PeerState state, const GError *error)
{
    NetSession *session = owner;
    post_notice(session, (Notice){
                             .name = NOTICE_PEER_STATE,
                             .number = state,
                             .error = error ? error->code : -1,
                             .text = g_strdup(error ? error->message : NULL),
                         });
}

static void on_local_candidate(void *owner, const char *candidate)
{
    NetSession *session = owner;
    post_notice(session, (Notice){.name = NOTICE_CANDIDATE, .text = g_strdup(candidate)});
}

static unsigned collect_payloads(const SdpSection *section, ReceiverPayload *payloads)
{
    unsigned count = 0;
    for (unsigned i = 0; i < section->payload_count; i++) {
        const SdpPayload *payload = &section->payloads[i];
        if (payload->codec == CODEC_UNKNOWN || count == RECEIVER_MAX_PAYLOAD_TYPES)
            continue;
        payloads[count] = (ReceiverPayload){payload->payload_type, payload->codec, 0};
        for (unsigned k = 0; k < section->payload_count; k++) {
            const SdpPayload *rtx = &section->payloads[k];
            if (rtx->is_rtx && rtx->apt == payload->payload_type)
                payloads[count].rtx_payload_type = rtx->payload_type;
        }
        count++;
    }
    return count;
}

static void drop_ssrcs(NetSession *session, const TrackPipeline *pipeline)
{
    GArray *rows = session->net.ssrcs;
    for (unsigned i = rows->len; i > 0; i--) {
        if (g_array_index(rows, SsrcRow, i - 1).pipeline == pipeline)
            g_array_remove_index_fast(rows, i - 1);
    }
}

static void add_ssrc(NetSession *session, uint32_t ssrc, TrackPipeline *pipeline)
{
    if (ssrc == 0)
        return;
    const SsrcRow row = {ssrc, pipeline};
    g_array_append_val(session->net.ssrcs, row);
}

static void bind_section(NetSession *session, const SdpSection *section)
{
    const unsigned number =
        GPOINTER_TO_UINT(g_hash_table_lookup(session->net.tracks, section->track_id));
    TrackPipeline *pipeline = number > 0 ? pipeline_at(session, number - 1) : NULL;
    if (!pipeline || section->ssrc == 0)
        return;
    const gpointer bound = g_hash_table_lookup(session->net.bound_ssrcs, section->track_id);
    if (GPOINTER_TO_UINT(bound) == section->ssrc)
        return;
    ReceiverPayload payloads[RECEIVER_MAX_PAYLOAD_TYPES];
    const unsigned count = collect_payloads(section, payloads);
    drop_ssrcs(session, pipeline);
    track_pipeline_bind(pipeline, section->ssrc, section->rtx_ssrc, payloads, count);
    add_ssrc(session, section->ssrc, pipeline);
    add_ssrc(session, section->rtx_ssrc, pipeline);
    g_hash_table_insert(session->net.bound_ssrcs, g_strdup(section->track_id),
                        GUINT_TO_POINTER(section->ssrc));
    post_notice(session, (Notice){.name = NOTICE_CONFIRMED, .number = number - 1});
}

/* Mids and sections are re-used for other tracks, so the table is made anew for every offer. */
static void bind_sections(NetSession *session)
{
    const SessionDescription *offer = session->net.offer.description;
    for (unsigned i = 0; offer && i < offer->section_count; i++) {
        const SdpSection *section = &offer->sections[i];
        if (section->track_id && section->direction != SDP_RECVONLY)
            bind_section(session, section);
    }
}

static void send_answer(NetSession *session)
{
    const SessionDescription *offer = session->net.offer.description;
    const PeerLocal local = peer_local(session->net.peer);
    g_auto(GStrv) candidates = peer_local_candidates(session->net.peer);
    const SdpAnswerOptions options = {
        .ice_ufrag = local.ice_ufrag,
        .ice_pwd = local.ice_pwd,
        .fingerprint_value = local.fingerprint,
        .setup = offer->setup == SDP_SETUP_ACTIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE,
        .candidates = (const char *const *)candidates,
        .candidate_count = g_strv_length(candidates),
        .session_id = session->net.session_id,
        .session_version = session->net.session_version++,
    };
    char *answer = session_description_answer(offer, &options);
    post_notice(session, (Notice){
                             .name = NOTICE_ANSWER,
                             .text = g_strdup(answer),
                             .number = session->net.offer.id,
                         });
    free(answer);
}

static void fail(NetSession *session, const GError *error)
{
    on_peer_state(session, PEER_FAILED, error);
}

static void take_offer(NetSession *session)
{
    const SessionDescription *offer = session->net.offer.description;
    const PeerRemote remote = {
        .ice_ufrag = offer->ice_ufrag,
        .ice_pwd = offer->ice_pwd,
        .fingerprint_hash = offer->fingerprint_hash,
        .fingerprint_value = offer->fingerprint_value,
        .ice_lite = offer->ice_lite,
        .dtls_is_active = offer->setup == SDP_SETUP_ACTIVE,
    };
    g_autoptr(GError) error = NULL;
    if (!peer_set_remote(session->net.peer, &remote, &error)) {
        fail(session, error);
        return;
    }
    for (unsigned i = 0; i < offer->candidate_count; i++)
        peer_add_remote_candidate(session->net.peer, offer->candidates[i]);
    bind_sections(session);
    send_answer(session);
}

static bool is_tcp(const char *candidate)
{
    g_auto(GStrv) words = g_strsplit(candidate, " ", 4);
    return g_strv_length(words) >= 3 && g_ascii_strcasecmp(words[2], "tcp") == 0;
}

static bool wants_tcp(const NetSession *session)
{
    if (session->net.offer.description->has_tcp_candidate)
        return true;
    for (unsigned i = 0; i < session->net.early_candidates->len; i++) {
        if (is_tcp(session->net.early_candidates->pdata[i]))
            return true;
    }
    return false;
}

static PeerIceServer *flatten(const GPtrArray *servers)
{
    PeerIceServer *flat = g_new0(PeerIceServer, servers->len + 1);
    for (unsigned i = 0; i < servers->len; i++)
        flat[i] = *(PeerIceServer *)servers->pdata[i];
    return flat;
}

static void open_peer(NetSession *session)
{
    session->net.offer_waits = false;
    g_autofree PeerIceServer *servers = flatten(session->net.ice_servers);
    const PeerConfig config = {
        .loopback_only = session->net.loopback_only,
        .tcp = wants_tcp(session),
        .prefer_aes_256 = session->config.prefer_aes_256,
        .ice_servers = servers,
        .ice_server_count = session->net.ice_servers->len,
    };
    const PeerOut out = {
        .owner = session,
        .state = on_peer_state,
        .local_candidate = on_local_candidate,
        .rtp = on_rtp,
        .rtcp = on_rtcp,
    };
    g_autoptr(GError) error = NULL;
    session->net.peer = peer_new(session->thread, &config, out, &error);
    if (!session->net.peer) {
        fail(session, error);
        return;
    }
    take_offer(session);
    for (unsigned i = 0; i < session->net.early_candidates->len; i++)
        peer_add_remote_candidate(session->net.peer, session->net.early_candidates->pdata[i]);
    g_ptr_array_set_size(session->net.early_candidates, 0);
    if (session->net.no_more_candidates)
        peer_remote_candidates_done(session->net.peer);
}

/* ---- commands, on the net thread ---- */

static void run_offer(NetSession *session, const char *sdp, uint32_t id)
{
    const char *problem = NULL;
    SessionDescription *offer = session_description_parse(sdp, strlen(sdp), &problem);
    if (!offer) {
        post_notice(session, (Notice){.name = NOTICE_BAD_OFFER, .text = g_strdup(problem)});
        return;
    }
    session_description_free(session->net.offer.description);
    session->net.offer = (Offer){offer, id};
    if (session->net.peer) {
        take_offer(session);
        return;
    }
    if (offer->candidate_count > 0 || session->net.no_more_candidates) {
        open_peer(session);
        return;
    }
    if (session->net.offer_waits)
        return;
    session->net.offer_waits = true;
    session->net.offer_deadline_ns = clock_monotonic_ns() + CANDIDATE_PATIENCE_NS;
    wake_at(session, session->net.offer_deadline_ns);
}

static void run_candidate(NetSession *session, const char *candidate)
{
    if (!candidate)
        session->net.no_more_candidates = true;
    if (session->net.peer) {
        if (candidate)
            peer_add_remote_candidate(session->net.peer, candidate);
        else
            peer_remote_candidates_done(session->net.peer);
        return;
    }
    if (candidate && session->net.early_candidates->len < EARLY_CANDIDATES_MAX)
        g_ptr_array_add(session->net.early_candidates, g_strdup(candidate));
    if (!candidate && session->net.offer_waits)
        open_peer(session);
}

static void on_track(void *owner, unsigned track_id)
{
    NetSession *session = owner;
    post_notice(session, (Notice){.name = NOTICE_ON_TRACK, .number = track_id});
    /* The server learns the round trip from the first report, and serves NACKs by it. */
    session->net.report_ns = 0;
    wake_at(session, clock_monotonic_ns() + FIRST_REPORT_DELAY_NS);
}

static void make_pipeline(NetSession *session, const NetTrack *track)
{
    const TrackPipelineConfig config = {
        .track_id = track->track_id,
        .publisher_id = track->publisher_id,
        .kind = track->kind,
        .queue = track->queue,
        .counters = track->counters,
        .clock = session->net.clock,
        .pool = session->net.pool,
        .keyframe_timeout_ns = session->config.keyframe_timeout_ns,
        .seek_interval_ns = session->config.seek_interval_ns,
    };
    if (track->track_id >= session->net.pipelines->len)
        g_ptr_array_set_size(session->net.pipelines, (int)track->track_id + 1);
    session->net.pipelines->pdata[track->track_id] =
        track_pipeline_new(&config, (TrackPipelineOut){.owner = session, .on_track = on_track});
}

static void run_bind(NetSession *session, const char *sid, const NetTrack *track)
{
    if (!pipeline_at(session, track->track_id))
        make_pipeline(session, track);
    g_hash_table_insert(session->net.tracks, g_strdup(sid), GUINT_TO_POINTER(track->track_id + 1));
    bind_sections(session);
}

static void run_unbind(NetSession *session, const char *sid)
{
    const unsigned number = GPOINTER_TO_UINT(g_hash_table_lookup(session->net.tracks, sid));
    TrackPipeline *pipeline = number > 0 ? pipeline_at(session, number - 1) : NULL;
    const gpointer bound = g_hash_table_lookup(session->net.bound_ssrcs, sid);
    g_hash_table_remove(session->net.tracks, sid);
    g_hash_table_remove(session->net.bound_ssrcs, sid);
    if (!pipeline || find_pipeline(session, GPOINTER_TO_UINT(bound)) != pipeline)
        return;
    drop_ssrcs(session, pipeline);
    track_pipeline_unbind(pipeline, clock_monotonic_ns());
}

static void run_keyframe(NetSession *session, unsigned track_id)
{
    TrackPipeline *pipeline = pipeline_at(session, track_id);
    if (!pipeline)
        return;
    track_pipeline_request_keyframe(pipeline);
    wake_at(session, clock_monotonic_ns());
}

static void run_reset(NetSession *session)
{
    const int64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        if (pipeline_at(session, i))
            track_pipeline_unbind(pipeline_at(session, i), now_ns);
    }
    g_clear_pointer(&session->net.peer, peer_free);
    g_clear_pointer(&session->net.offer.description, session_description_free);
    g_hash_table_remove_all(session->net.tracks);
    g_hash_table_remove_all(session->net.bound_ssrcs);
    g_array_set_size(session->net.ssrcs, 0);
    g_ptr_array_set_size(session->net.early_candidates, 0);
    session->net.no_more_candidates = false;
    session->net.offer_waits = false;
    session->net.generation++;
}

static void run_stop(NetSession *session)
{
    const int64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        if (pipeline_at(session, i))
            track_pipeline_stop(pipeline_at(session, i), now_ns);
    }
    publish(session);
    g_clear_pointer(&session->net.peer, peer_free);
    session->net.stopped = true;
    g_source_destroy(session->net.timer);
    g_clear_pointer(&session->net.timer, g_source_unref);
    for (unsigned i = 0; i < session->net.pipelines->len; i++)
        track_pipeline_free(pipeline_at(session, i));
    g_ptr_array_set_size(session->net.pipelines, 0);
    post_notice(session, (Notice){.name = NOTICE_STOPPED});
}

static void run_prepare(NetSession *session, Command *command)
{
    session->net.loopback_only = command->flag;
    g_ptr_array_unref(session->net.ice_servers);
    session->net.ice_servers = g_steal_pointer(&command->ice_servers);
}

static void command_free(Command *command)
{
    g_free(command->text);
    if (command->ice_servers)
        g_ptr_array_unref(command->ice_servers);
    g_free(command);
}

static void run_command(void *owner, void *message)
{
    NetSession *session = owner;
    Command *command = message;
    if (session->net.stopped) {
        command_free(command);
        return;
    }
    switch (command->name) {
    case COMMAND_PREPARE:
        run_prepare(session, command);
        break;
    case COMMAND_OFFER:
        run_offer(session, command->text, command->number);
        break;
    case COMMAND_CANDIDATE:
        run_candidate(session, command->text);
        break;
    case COMMAND_BIND:
        run_bind(session, command->text, &command->track);
        break;
    case COMMAND_UNBIND:
        run_unbind(session, command->text);
        break;
    case COMMAND_KEYFRAME:
        run_keyframe(session, command->number);
        break;
    case COMMAND_RESET:
        run_reset(session);
        break;
    case COMMAND_STOP:
        run_stop(session);
        break;
    }
    command_free(command);
}

static void start_timer(void *owner, void *message)
{
    (void)message;
    NetSession *session = owner;
    session->net.timer = g_source_new(&timer_funcs, sizeof(GSource));
    g_source_set_name(session->net.timer, "net_session");
    g_source_set_callback(session->net.timer, on_timer, session, NULL);
    session->net.wake_ns = CLOCK_NEVER;
    session->net.report_ns = clock_monotonic_ns() + REPORT_INTERVAL_NS;
    g_source_attach(session->net.timer, net_thread_context(session->thread));
    wake_at(session, session->net.report_ns);
}

/* ---- main ---- */

NetSession *net_session_new(NetThread *thread, const NetSessionConfig *config, NetSessionOut out)
{
    NetSession *session = g_new0(NetSession, 1);
    session->thread = thread;
    session->out = out;
    session->config = *config;
    session->net.cname = g_strdup(config->cname);
    session->net.pool = pool_new(config->pool_max_bytes);
    session->net.clock = media_clock_new(config->origin_ns);
    session->net.ice_servers = g_ptr_array_new_with_free_func(ice_server_free);
    session->net.pipelines = g_ptr_array_new();
    session->net.tracks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    session->net.bound_ssrcs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    session->net.ssrcs = g_array_new(FALSE, FALSE, sizeof(SsrcRow));
    session->net.early_candidates = g_ptr_array_new_with_free_func(g_free);
    session->net.session_id = ((uint64_t)g_random_int() << 31) | g_random_int();
    session->net.session_version = 2;
    session->net.ssrc = g_random_int();
    net_thread_post(thread, start_timer, session, NULL);
    return session;
}

void net_session_free(NetSession *session)
{
    if (!session)
        return;
    session_description_free(session->net.offer.description);
    g_ptr_array_unref(session->net.ice_servers);
    g_ptr_array_unref(session->net.pipelines);
    g_hash_table_unref(session->net.tracks);
    g_hash_table_unref(session->net.bound_ssrcs);
    g_array_unref(session->net.ssrcs);
    g_ptr_array_unref(session->net.early_candidates);
    media_clock_free(session->net.clock);
    pool_unref(session->net.pool);
    g_free(session->net.cname);
    g_free(session);
}

static void post_command(NetSession *session, Command command)
{
    net_thread_post(session->thread, run_command, session, g_memdup2(&command, sizeof command));
}

void net_session_prepare(NetSession *session, bool loopback_only, const PeerIceServer *servers,
                         unsigned server_count)
{
    GPtrArray *copies = g_ptr_array_new_with_free_func(ice_server_free);
    for (unsigned i = 0; i < server_count; i++) {
        const PeerIceServer copy = {
            .url = g_strdup(servers[i].url),
            .username = g_strdup(servers[i].username),
            .credential = g_strdup(servers[i].credential),
        };
        g_ptr_array_add(copies, g_memdup2(&copy, sizeof copy));
    }
    post_command(session,
                 (Command){.name = COMMAND_PREPARE, .flag = loopback_only, .ice_servers = copies});
}

void net_session_offer(NetSession *session, const char *sdp, uint32_t id)
{
    post_command(session, (Command){.name = COMMAND_OFFER, .text = g_strdup(sdp), .number = id});
}

void net_session_candidate(NetSession *session, const char *candidate)
{
    post_command(session, (Command){.name = COMMAND_CANDIDATE, .text = g_strdup(candidate)});
}

void net_session_bind(NetSession *session, const char *track_sid, const NetTrack *track)
{
    post_command(session,
                 (Command){.name = COMMAND_BIND, .text = g_strdup(track_sid), .track = *track});
}

void net_session_unbind(NetSession *session, const char *track_sid)
{
    post_command(session, (Command){.name = COMMAND_UNBIND, .text = g_strdup(track_sid)});
}

void net_session_request_keyframe(NetSession *session, unsigned track_id)
{
    post_command(session, (Command){.name = COMMAND_KEYFRAME, .number = track_id});
}

void net_session_reset(NetSession *session)
{
    session->generation++;
    post_command(session, (Command){.name = COMMAND_RESET});
}

void net_session_stop(NetSession *session)
{
    post_command(session, (Command){.name = COMMAND_STOP});
}
