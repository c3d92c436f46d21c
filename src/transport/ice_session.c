#include "transport/ice_session.h"

#include <gio/gio.h>

#define RETIREMENT_MS 3000 /* for what is still on its way over the old pair */

/* One agent and what it was heard of. */
typedef struct {
    IceSession *session;
    Ice *ice;
    bool has_failed;
} IceLife;

struct IceSession {
    IceOut out;
    NetThread *thread;
    PeerConfig config; /* with servers of its own */
    IceLife *current;
    IceLife *next;    /* after a restart, until it works; or NULL */
    IceLife *retired; /* what `next` has replaced; or NULL */
    GSource *retirement;
};

static IceLife *newest(const IceSession *session)
{
    return session->next ? session->next : session->current;
}

static void life_free(IceLife *life)
{
    if (!life)
        return;
    ice_free(life->ice);
    g_free(life);
}

static void forget_retired(IceSession *session)
{
    if (session->retirement) {
        g_source_destroy(session->retirement);
        g_clear_pointer(&session->retirement, g_source_unref);
    }
    g_clear_pointer(&session->retired, life_free);
}

static gboolean on_retirement_over(gpointer session)
{
    forget_retired(session);
    return G_SOURCE_REMOVE;
}

/* The other side may send to the old pair for a moment longer. */
static void replace(IceSession *session)
{
    forget_retired(session);
    session->retired = session->current;
    session->current = g_steal_pointer(&session->next);
    session->retirement = g_timeout_source_new(RETIREMENT_MS);
    g_source_set_callback(session->retirement, on_retirement_over, session, NULL);
    g_source_attach(session->retirement, net_thread_context(session->thread));
}

static void on_state(void *owner, IceState state)
{
    IceLife *life = owner;
    IceSession *session = life->session;
    if (life == session->retired)
        return;
    life->has_failed = state == ICE_FAILED;
    if (life == session->next && state == ICE_CONNECTED)
        replace(session);
    else if (life == session->current && session->next && !session->next->has_failed)
        return; /* it is the next one that counts */
    session->out.state(session->out.owner, state);
}

static void on_candidate(void *owner, const char *candidate)
{
    const IceLife *life = owner;
    if (life == newest(life->session))
        life->session->out.candidate(life->session->out.owner, candidate);
}

static IceLife *life_new(IceSession *session, GError **error)
{
    IceLife *life = g_new0(IceLife, 1);
    life->session = session;
    const IceOut out = {
        .owner = life,
        .state = on_state,
        .candidate = on_candidate,
        .datagrams = session->out.datagrams,
    };
    life->ice = ice_new(session->thread, &session->config, out, error);
    if (!life->ice)
        g_clear_pointer(&life, g_free);
    return life;
}

static void free_servers(IceSession *session)
{
    PeerIceServer *servers = (PeerIceServer *)session->config.ice_servers;
    for (unsigned i = 0; i < session->config.ice_server_count; i++) {
        g_free(servers[i].url);
        g_free(servers[i].username);
        g_free(servers[i].credential);
    }
    g_free(servers);
}

static void copy_servers(IceSession *session, const PeerIceServer *servers, unsigned count)
{
    PeerIceServer *copies = g_new0(PeerIceServer, count + 1);
    for (unsigned i = 0; i < count; i++) {
        copies[i].url = g_strdup(servers[i].url);
        copies[i].username = g_strdup(servers[i].username);
        copies[i].credential = g_strdup(servers[i].credential);
    }
    session->config.ice_servers = copies;
    session->config.ice_server_count = count;
}

IceSession *ice_session_new(NetThread *thread, const PeerConfig *config, IceOut out, GError **error)
{
    IceSession *session = g_new0(IceSession, 1);
    session->out = out;
    session->thread = thread;
    session->config = *config;
    copy_servers(session, config->ice_servers, config->ice_server_count);
    session->current = life_new(session, error);
    if (session->current)
        return session;
    ice_session_free(session);
    return NULL;
}

void ice_session_free(IceSession *session)
{
    if (!session)
        return;
    forget_retired(session);
    life_free(session->next);
    life_free(session->current);
    free_servers(session);
    g_free(session);
}

const char *ice_session_ufrag(const IceSession *session)
{
    return ice_ufrag(newest(session)->ice);
}

const char *ice_session_pwd(const IceSession *session)
{
    return ice_pwd(newest(session)->ice);
}

char **ice_session_local_candidates(const IceSession *session)
{
    return ice_local_candidates(newest(session)->ice);
}

bool ice_session_add_remote_candidate(IceSession *session, const char *candidate)
{
    return ice_add_remote_candidate(newest(session)->ice, candidate);
}

void ice_session_remote_candidates_done(IceSession *session)
{
    ice_remote_candidates_done(newest(session)->ice);
}

void ice_session_set_servers(IceSession *session, const PeerIceServer *servers,
                             unsigned server_count)
{
    free_servers(session);
    copy_servers(session, servers, server_count);
}

bool ice_session_restart(IceSession *session, GError **error)
{
    IceLife *life = life_new(session, error);
    if (!life)
        return false;
    life_free(session->next);
    session->next = life;
    return true;
}

bool ice_session_set_remote(IceSession *session, const char *ufrag, const char *pwd,
                            bool is_controlling, GError **error)
{
    const Ice *ice = newest(session)->ice;
    if (ice_has_remote(ice, ufrag, pwd))
        return true;
    if (ice_has_remote(ice, NULL, NULL) && !ice_session_restart(session, error))
        return false;
    ice_set_remote(newest(session)->ice, ufrag, pwd, is_controlling);
    return true;
}

bool ice_session_send(IceSession *session, const uint8_t *data, size_t size)
{
    return ice_send(session->current->ice, data, size);
}

Ice *ice_session_current(const IceSession *session)
{
    return session->current->ice;
}

void ice_session_sending_memory(const IceSession *session, HotMemory *hot)
{
    hot_memory_add(hot, &session->current, sizeof session->current);
    hot_memory_add(hot, session->current, sizeof *session->current);
    ice_sending_memory(session->current->ice, hot);
}
