#include "recorder/net_session.h"

#include "base/clock.h"
#include "recorder/net_session_private.h"

#define FIRST_REPORT_DELAY_NS (50 * NS_PER_MS)
#define RESUME_GRACE_NS                                                                            \
    NS_PER_SECOND /* for a key frame on its way, after it was asked for again                      \
                   */

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
    case NOTICE_INPUT:
        out->input_changed(out->owner, notice->number, &notice->input);
        break;
    case NOTICE_GAP:
        out->gap(out->owner, notice->number, &notice->gap);
        break;
    case NOTICE_HEAD:
        out->head_correction(out->owner, notice->number, &notice->head);
        break;
    case NOTICE_PAUSED:
        out->paused(out->owner, &notice->pause);
        break;
    case NOTICE_RESUMED:
        out->resumed(out->owner, &notice->pause);
        break;
    case NOTICE_STATS:
        if (is_current)
            out->stats(out->owner, &notice->stats, notice->number);
        break;
    case NOTICE_STOPPED:
        out->stopped(out->owner); /* the session may be gone now */
        break;
    }
    g_free(notice->text);
    g_free(notice);
}

void net_post_notice(NetSession *session, Notice notice)
{
    notice.generation = session->net.generation;
    mailbox_post(session->out.mailbox, deliver, session, g_memdup2(&notice, sizeof notice));
}

void net_leave_notice(NetSession *session, Notice notice)
{
    notice.generation = session->net.generation;
    mailbox_leave(session->out.mailbox, deliver, session, g_memdup2(&notice, sizeof notice));
}

/* ---- commands, on the net thread ---- */

typedef enum {
    COMMAND_PREPARE,
    COMMAND_OFFER,
    COMMAND_CANDIDATE,
    COMMAND_BIND,
    COMMAND_UNBIND,
    COMMAND_QUEUE,
    COMMAND_KEYFRAME,
    COMMAND_PAUSE,
    COMMAND_RESUME,
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

static void on_track(void *owner, unsigned track_id)
{
    NetSession *session = owner;
    net_post_notice(session, (Notice){.name = NOTICE_ON_TRACK, .number = track_id});
    /* The server learns the round trip from the first report, and serves NACKs by it. */
    session->net.report_ns = 0;
    net_wake_at(session, clock_monotonic_ns() + FIRST_REPORT_DELAY_NS);
}

static void on_input_changed(void *owner, unsigned track_id, const TrackInput *input)
{
    net_post_notice(owner, (Notice){.name = NOTICE_INPUT, .number = track_id, .input = *input});
}

static void on_gap(void *owner, unsigned track_id, const TrackGap *gap)
{
    net_post_notice(owner, (Notice){.name = NOTICE_GAP, .number = track_id, .gap = *gap});
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
        .gate = session->net.gate,
        .pool = session->net.pool,
        .keyframe_timeout_ns = session->config.keyframe_timeout_ns,
        .seek_interval_ns = session->config.seek_interval_ns,
        .waited_ns = net_thread_waited(session->thread),
        .round_trip = &session->net.round_trip,
    };
    if (track->track_id >= session->net.pipelines->len)
        g_ptr_array_set_size(session->net.pipelines, (int)track->track_id + 1);
    session->net.pipelines->pdata[track->track_id] =
        track_pipeline_new(&config, (TrackPipelineOut){.owner = session,
                                                       .on_track = on_track,
                                                       .input_changed = on_input_changed,
                                                       .gap = on_gap});
}

static void run_bind(NetSession *session, const char *sid, const NetTrack *track)
{
    if (!net_pipeline_at(session, track->track_id))
        make_pipeline(session, track);
    track_pipeline_await_side(net_pipeline_at(session, track->track_id), track->longest_side);
    g_hash_table_insert(session->net.tracks, g_strdup(sid), GUINT_TO_POINTER(track->track_id + 1));
    net_bind_sections(session);
}

static void run_unbind(NetSession *session, const char *sid)
{
    const unsigned number = GPOINTER_TO_UINT(g_hash_table_lookup(session->net.tracks, sid));
    TrackPipeline *pipeline = number > 0 ? net_pipeline_at(session, number - 1) : NULL;
    const gpointer bound = g_hash_table_lookup(session->net.bound_ssrcs, sid);
    g_hash_table_remove(session->net.tracks, sid);
    g_hash_table_remove(session->net.bound_ssrcs, sid);
    if (!pipeline || net_find_pipeline(session, GPOINTER_TO_UINT(bound)) != pipeline)
        return;
    net_drop_ssrcs(session, pipeline);
    track_pipeline_unbind(pipeline);
}

static void run_queue(NetSession *session, const NetTrack *track, bool moves)
{
    TrackPipeline *pipeline = net_pipeline_at(session, track->track_id);
    if (!pipeline)
        return;
    track_pipeline_set_queue(pipeline, track->queue, moves);
    net_wake_at(session, clock_monotonic_ns());
}

static void run_keyframe(NetSession *session, unsigned track_id)
{
    TrackPipeline *pipeline = net_pipeline_at(session, track_id);
    if (!pipeline)
        return;
    track_pipeline_request_keyframe(pipeline);
    net_wake_at(session, clock_monotonic_ns());
}

static void on_paused(void *owner, const GatePause *pause)
{
    net_post_notice(owner, (Notice){.name = NOTICE_PAUSED, .pause = *pause});
}

static void on_resumed(void *owner, const GatePause *pause)
{
    NetSession *session = owner;
    net_post_notice(session, (Notice){.name = NOTICE_RESUMED, .pause = *pause});
    for (unsigned i = 0; i < session->net.pipelines->len && pause->cut_ns > 0; i++) {
        if (net_pipeline_at(session, i))
            track_pipeline_move_head(net_pipeline_at(session, i), pause->start_ns);
    }
}

static void run_pause(NetSession *session, bool holds)
{
    pause_gate_pause(session->net.gate, clock_monotonic_ns() - session->config.origin_ns, holds);
}

static void run_resume(NetSession *session)
{
    const int64_t now_ns = clock_monotonic_ns();
    pause_gate_resume(session->net.gate, now_ns - session->config.origin_ns);
    net_wake_at(session, now_ns);
}

static void run_reset(NetSession *session)
{
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        if (net_pipeline_at(session, i))
            track_pipeline_unbind(net_pipeline_at(session, i));
    }
    g_clear_pointer(&session->net.peer, peer_free);
    g_clear_pointer(&session->net.offer.description, session_description_free);
    g_hash_table_remove_all(session->net.tracks);
    g_hash_table_remove_all(session->net.bound_ssrcs);
    session->net.ssrc_count = 0;
    g_ptr_array_set_size(session->net.early_candidates, 0);
    session->net.no_more_candidates = false;
    session->net.offer_waits = false;
    session->net.round_trip = (RoundTrip){0};
    session->net.heard_datagrams = 0;
    session->net.silent_seconds = 0;
    session->net.silent_from_ns = 0;
    session->net.generation++;
}

static void run_stop(NetSession *session)
{
    pause_gate_end(session->net.gate);
    for (unsigned i = 0; i < session->net.pipelines->len; i++) {
        if (net_pipeline_at(session, i))
            track_pipeline_stop(net_pipeline_at(session, i));
    }
    net_publish(session);
    g_clear_pointer(&session->net.peer, peer_free);
    session->net.stopped = true;
    net_timers_remove(net_thread_timers(session->thread), &session->net.timer);
    for (unsigned i = 0; i < session->net.pipelines->len; i++)
        track_pipeline_free(net_pipeline_at(session, i));
    g_ptr_array_set_size(session->net.pipelines, 0);
    net_post_notice(session, (Notice){.name = NOTICE_STOPPED});
}

static void run_prepare(NetSession *session, Command *command)
{
    session->net.loopback_only = command->flag;
    g_ptr_array_unref(session->net.ice_servers);
    session->net.ice_servers = g_steal_pointer(&command->ice_servers);
    if (!session->net.peer)
        return;
    g_autofree PeerIceServer *servers = net_flatten_servers(session);
    peer_set_ice_servers(session->net.peer, servers, session->net.ice_servers->len);
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
        net_take_offer(session, command->text, command->number);
        break;
    case COMMAND_CANDIDATE:
        net_take_candidate(session, command->text);
        break;
    case COMMAND_BIND:
        run_bind(session, command->text, &command->track);
        break;
    case COMMAND_UNBIND:
        run_unbind(session, command->text);
        break;
    case COMMAND_QUEUE:
        run_queue(session, &command->track, command->flag);
        break;
    case COMMAND_KEYFRAME:
        run_keyframe(session, command->number);
        break;
    case COMMAND_PAUSE:
        run_pause(session, command->flag);
        break;
    case COMMAND_RESUME:
        run_resume(session);
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
    session->net.gate = pause_gate_new(
        config->keyframe_timeout_ns + RESUME_GRACE_NS,
        (PauseGateOut){.owner = session, .paused = on_paused, .resumed = on_resumed});
    session->net.ice_servers = g_ptr_array_new_with_free_func(ice_server_free);
    session->net.pipelines = g_ptr_array_new();
    session->net.tracks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    session->net.bound_ssrcs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    session->net.early_candidates = g_ptr_array_new_with_free_func(g_free);
    session->net.session_id = ((uint64_t)g_random_int() << 31) | g_random_int();
    session->net.session_version = 2;
    session->net.ssrc = g_random_int();
    net_thread_post(thread, net_start_timer, session, NULL);
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
    g_free(session->net.ssrcs);
    g_ptr_array_unref(session->net.early_candidates);
    media_clock_free(session->net.clock);
    pause_gate_free(session->net.gate);
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

void net_session_set_queue(NetSession *session, unsigned track_id, BoundedQueue *queue, bool moves)
{
    post_command(session, (Command){.name = COMMAND_QUEUE,
                                    .flag = moves,
                                    .track = {.track_id = track_id, .queue = queue}});
}

void net_session_request_keyframe(NetSession *session, unsigned track_id)
{
    post_command(session, (Command){.name = COMMAND_KEYFRAME, .number = track_id});
}

void net_session_pause(NetSession *session, bool holds)
{
    post_command(session, (Command){.name = COMMAND_PAUSE, .flag = holds});
}

void net_session_resume(NetSession *session)
{
    post_command(session, (Command){.name = COMMAND_RESUME});
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
