#include <string.h>

#include "base/clock.h"
#include "recorder/net_session_private.h"
#include "rtp/rtcp.h"
#include "rtp/rtp_packet.h"

/* The server's candidates follow its first offer at once; they decide whether TCP is needed. */
#define CANDIDATE_PATIENCE_NS (150 * NS_PER_MS)
#define EARLY_CANDIDATES_MAX SDP_MAX_CANDIDATES

/* ---- packets ---- */

TrackPipeline *net_find_pipeline(const NetSession *session, uint32_t ssrc)
{
    const SsrcRow *rows = session->net.ssrcs;
    for (unsigned i = 0; i < session->net.ssrc_count; i++) {
        if (rows[i].ssrc == ssrc)
            return rows[i].pipeline;
    }
    return NULL;
}

/* What was held up meanwhile comes at once now: the clock has to know, and no queue is to overflow.
 */
static void catch_up(NetSession *session, NetThreadStill still)
{
    media_clock_stood_still(session->net.clock, still.from_ns, still.until_ns);
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        if (net_pipeline_at(session, i))
            track_pipeline_be_patient(net_pipeline_at(session, i), still.until_ns + NS_PER_SECOND);
    }
}

static void on_rtp(void *owner, uint8_t *data, size_t size, int64_t arrival_ns)
{
    NetSession *session = owner;
    RtpPacket packet;
    const NetThreadStill still = net_thread_still(session->thread);
    if (still.until_ns != session->net.still_until_ns) {
        session->net.still_until_ns = still.until_ns;
        catch_up(session, still);
    }
    if (session->net.silent_from_ns > 0) {
        /* the server was stopped, or the path was; both may have kept what came in that time */
        catch_up(session, (NetThreadStill){session->net.silent_from_ns, arrival_ns});
        session->net.silent_from_ns = 0;
    }
    if (!rtp_packet_parse(data, size, arrival_ns, &packet))
        return;
    TrackPipeline *pipeline = net_find_pipeline(session, packet.ssrc);
    if (pipeline)
        net_wake_at(session, track_pipeline_push(pipeline, &packet));
}

void net_list_hot_memory(const NetSession *session)
{
    HotMemory *hot = session->net.peer ? peer_hot_memory(session->net.peer) : NULL;
    if (!hot)
        return;
    hot_memory_add(hot, &session->net,
                   offsetof(NetSession, net.generation) - offsetof(NetSession, net));
    hot_memory_add(hot, session->net.ssrcs, session->net.ssrc_count * sizeof *session->net.ssrcs);
    pool_hot_memory(session->net.pool, hot);
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        if (net_pipeline_at(session, i))
            track_pipeline_hot_memory(net_pipeline_at(session, i), hot);
    }
}

typedef struct {
    NetSession *session;
    int64_t arrival_ns;
} RtcpContext;

static void on_sender_report(void *owner, const RtcpSenderReport *report)
{
    RtcpContext *context = owner;
    TrackPipeline *pipeline = net_find_pipeline(context->session, report->ssrc);
    if (pipeline)
        track_pipeline_sender_report(pipeline, report, context->arrival_ns);
}

static void on_reference_answer(void *owner, uint32_t receiver_ssrc, uint32_t reference,
                                uint32_t delay)
{
    RtcpContext *context = owner;
    if (receiver_ssrc == context->session->net.ssrc)
        net_take_reference_answer(context->session, reference, delay, context->arrival_ns);
}

static void on_rtcp(void *owner, const uint8_t *data, size_t size, int64_t arrival_ns)
{
    RtcpContext context = {.session = owner, .arrival_ns = arrival_ns};
    const RtcpHandler handler = {.owner = &context,
                                 .sender_report = on_sender_report,
                                 .reference_answer = on_reference_answer};
    rtcp_parse(data, size, &handler);
}

/* ---- connection ---- */

static void on_peer_state(void *owner, PeerState state, const GError *error)
{
    NetSession *session = owner;
    if (state == PEER_CONNECTED)
        session->net.silent_seconds = 0;
    net_post_notice(session, (Notice){
                                 .name = NOTICE_PEER_STATE,
                                 .number = state,
                                 .error = error ? error->code : -1,
                                 .text = g_strdup(error ? error->message : NULL),
                             });
}

static void on_local_candidate(void *owner, const char *candidate)
{
    NetSession *session = owner;
    net_post_notice(session, (Notice){.name = NOTICE_CANDIDATE, .text = g_strdup(candidate)});
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

void net_drop_ssrcs(NetSession *session, const TrackPipeline *pipeline)
{
    SsrcRow *rows = session->net.ssrcs;
    for (unsigned i = session->net.ssrc_count; i > 0; i--) {
        if (rows[i - 1].pipeline == pipeline)
            rows[i - 1] = rows[--session->net.ssrc_count];
    }
}

static void add_ssrc(NetSession *session, uint32_t ssrc, TrackPipeline *pipeline)
{
    if (ssrc == 0)
        return;
    session->net.ssrcs = g_renew(SsrcRow, session->net.ssrcs, session->net.ssrc_count + 1);
    session->net.ssrcs[session->net.ssrc_count++] = (SsrcRow){ssrc, pipeline};
}

static void bind_section(NetSession *session, const SdpSection *section)
{
    const unsigned number =
        GPOINTER_TO_UINT(g_hash_table_lookup(session->net.tracks, section->track_id));
    TrackPipeline *pipeline = number > 0 ? net_pipeline_at(session, number - 1) : NULL;
    if (!pipeline || section->ssrc == 0)
        return;
    const gpointer bound = g_hash_table_lookup(session->net.bound_ssrcs, section->track_id);
    if (GPOINTER_TO_UINT(bound) == section->ssrc)
        return;
    ReceiverPayload payloads[RECEIVER_MAX_PAYLOAD_TYPES];
    const unsigned count = collect_payloads(section, payloads);
    net_drop_ssrcs(session, pipeline);
    track_pipeline_bind(pipeline, section->ssrc, section->rtx_ssrc, payloads, count);
    add_ssrc(session, section->ssrc, pipeline);
    add_ssrc(session, section->rtx_ssrc, pipeline);
    g_hash_table_insert(session->net.bound_ssrcs, g_strdup(section->track_id),
                        GUINT_TO_POINTER(section->ssrc));
    net_post_notice(session, (Notice){.name = NOTICE_CONFIRMED, .number = number - 1});
}

void net_bind_sections(NetSession *session)
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
    net_post_notice(session, (Notice){
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

static void answer_offer(NetSession *session)
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
    net_bind_sections(session);
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

PeerIceServer *net_flatten_servers(const NetSession *session)
{
    const GPtrArray *servers = session->net.ice_servers;
    PeerIceServer *flat = g_new0(PeerIceServer, servers->len + 1);
    for (unsigned i = 0; i < servers->len; i++)
        flat[i] = *(PeerIceServer *)servers->pdata[i];
    return flat;
}

void net_open_peer(NetSession *session)
{
    session->net.offer_waits = false;
    g_autofree PeerIceServer *servers = net_flatten_servers(session);
    const PeerConfig config = {
        .remote_is_lite = session->net.offer.description->ice_lite,
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
    answer_offer(session);
    for (unsigned i = 0; i < session->net.early_candidates->len; i++)
        peer_add_remote_candidate(session->net.peer, session->net.early_candidates->pdata[i]);
    g_ptr_array_set_size(session->net.early_candidates, 0);
    if (session->net.no_more_candidates)
        peer_remote_candidates_done(session->net.peer);
}

void net_take_offer(NetSession *session, const char *sdp, uint32_t id)
{
    const char *problem = NULL;
    SessionDescription *offer = session_description_parse(sdp, strlen(sdp), &problem);
    if (!offer) {
        net_post_notice(session, (Notice){.name = NOTICE_BAD_OFFER, .text = g_strdup(problem)});
        return;
    }
    session_description_free(session->net.offer.description);
    session->net.offer = (Offer){offer, id};
    if (session->net.peer) {
        answer_offer(session);
        return;
    }
    if (offer->candidate_count > 0 || session->net.no_more_candidates) {
        net_open_peer(session);
        return;
    }
    if (session->net.offer_waits)
        return;
    session->net.offer_waits = true;
    session->net.offer_deadline_ns = clock_monotonic_ns() + CANDIDATE_PATIENCE_NS;
    net_wake_at(session, session->net.offer_deadline_ns);
}

void net_take_candidate(NetSession *session, const char *candidate)
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
        net_open_peer(session);
}
