#include "transport/ice_path.h"

#include <gio/gio.h>

struct IcePath {
    NetThread *thread;
    IcePathConfig config;
    UdpPathOut out;
    bool is_settled;
    bool is_at_work; /* the agent */
    UdpPath *udp;    /* or NULL */
    GSource *change; /* on its way */
};

static void on_datagram(NiceAgent *agent, guint stream, guint component, guint size, char *data,
                        gpointer owner)
{
    (void)agent;
    (void)stream;
    (void)component;
    const IcePath *path = owner;
    path->out.datagram(path->out.owner, (uint8_t *)data, size);
}

static bool find_socket(IcePath *path, UdpPathConfig *config)
{
    NiceCandidate *local, *remote;
    if (!nice_agent_get_selected_pair(path->config.agent, path->config.stream,
                                      path->config.component, &local, &remote) ||
        local->transport != NICE_CANDIDATE_TRANSPORT_UDP ||
        local->type == NICE_CANDIDATE_TYPE_RELAYED)
        return false;
    g_autoptr(GSocket) socket = nice_agent_get_selected_socket(
        path->config.agent, path->config.stream, path->config.component);
    if (!socket || g_socket_get_socket_type(socket) != G_SOCKET_TYPE_DATAGRAM)
        return false;
    const bool is_v6 = nice_address_ip_version(&remote->addr) == 6;
    config->fd = g_socket_get_fd(socket);
    config->remote = (struct sockaddr_storage){0};
    config->remote_size = is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    nice_address_copy_to_sockaddr(&remote->addr, (struct sockaddr *)&config->remote);
    return true;
}

static void read_by_agent(IcePath *path, GMainContext *context)
{
    nice_agent_attach_recv(path->config.agent, path->config.stream, path->config.component, context,
                           on_datagram, path);
}

/* An agent that asks the other side whether it is still there misses the answers on a path that it
 * does not read, and calls it failed after 50 s. Without questions it sends indications, and still
 * looks at its other sockets, and at this one in between. */
static void let_agent_ask(const IcePath *path, bool asks)
{
    g_object_set(path->config.agent, "keepalive-conncheck", asks, NULL);
}

static void set_at_work(IcePath *path, bool is_at_work)
{
    AgentLoop *agents = net_thread_agents(path->thread);
    if (is_at_work == path->is_at_work)
        return;
    path->is_at_work = is_at_work;
    if (is_at_work)
        agent_loop_begin_work(agents);
    else
        agent_loop_end_work(agents);
}

static gboolean change(gpointer owner)
{
    IcePath *path = owner;
    UdpPathConfig config = {.ufrag = path->config.ufrag, .pwd = path->config.pwd};
    g_clear_pointer(&path->change, g_source_unref);
    g_clear_pointer(&path->udp, udp_path_free);
    if (find_socket(path, &config))
        path->udp = udp_path_new(path->thread, &config, path->out);
    read_by_agent(path, path->udp ? net_thread_slow_context(path->thread)
                                  : net_thread_context(path->thread));
    let_agent_ask(path, path->udp == NULL);
    set_at_work(path, path->udp == NULL);
    return G_SOURCE_REMOVE;
}

void ice_path_checks(IcePath *path)
{
    set_at_work(path, true);
}

/* Not from within libnice, which may be reading that socket. */
void ice_path_settled(IcePath *path)
{
    path->is_settled = true;
    if (path->change)
        return;
    path->change = g_idle_source_new();
    g_source_set_priority(path->change, G_PRIORITY_DEFAULT);
    g_source_set_callback(path->change, change, path, NULL);
    g_source_attach(path->change, net_thread_context(path->thread));
}

static void on_selected(NiceAgent *agent, guint stream, guint component, NiceCandidate *local,
                        NiceCandidate *remote, gpointer owner)
{
    (void)agent;
    (void)stream;
    (void)component;
    (void)local;
    (void)remote;
    IcePath *path = owner;
    if (path->is_settled)
        ice_path_settled(path);
}

IcePath *ice_path_new(NetThread *thread, const IcePathConfig *config, UdpPathOut out)
{
    IcePath *path = g_new0(IcePath, 1);
    path->thread = thread;
    path->config = *config;
    path->out = out;
    let_agent_ask(path, false);
    set_at_work(path, true);
    read_by_agent(path, net_thread_context(thread));
    g_signal_connect(config->agent, "new-selected-pair-full", G_CALLBACK(on_selected), path);
    return path;
}

/* Without a context the agent's sockets would go over to the main thread while they are closed. */
void ice_path_free(IcePath *path)
{
    if (!path)
        return;
    if (path->change) {
        g_source_destroy(path->change);
        g_source_unref(path->change);
    }
    g_signal_handlers_disconnect_by_data(path->config.agent, path);
    set_at_work(path, false);
    udp_path_free(path->udp);
    nice_agent_attach_recv(path->config.agent, path->config.stream, path->config.component,
                           net_thread_context(path->thread), NULL, NULL);
    g_free(path);
}

bool ice_path_send(IcePath *path, const uint8_t *data, size_t size)
{
    if (path->udp)
        return udp_path_send(path->udp, data, size);
    return nice_agent_send(path->config.agent, path->config.stream, path->config.component,
                           (guint)size, (const char *)data) > 0;
}

UdpPath *ice_path_udp(const IcePath *path)
{
    return path->udp;
}

void ice_path_sending_memory(const IcePath *path, HotMemory *hot)
{
    hot_memory_add(hot, &path->udp, sizeof path->udp);
    if (path->udp)
        udp_path_sending_memory(path->udp, hot);
}
