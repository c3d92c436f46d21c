#include "transport/ice_path.h"

#include <gio/gio.h>

struct IcePath {
    NetThread *thread;
    NiceAgent *agent;
    guint stream, component;
    UdpPathOut out;
    char *ufrag, *pwd;
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
    if (!nice_agent_get_selected_pair(path->agent, path->stream, path->component, &local,
                                      &remote) ||
        local->transport != NICE_CANDIDATE_TRANSPORT_UDP ||
        local->type == NICE_CANDIDATE_TYPE_RELAYED)
        return false;
    g_autoptr(GSocket) socket =
        nice_agent_get_selected_socket(path->agent, path->stream, path->component);
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
    nice_agent_attach_recv(path->agent, path->stream, path->component, context, on_datagram, path);
}

/* The agent's own checks would wait for answers that are read past it; from now on its indications
 * keep the way open. It still looks at its other sockets, and at this one in between. */
static void take(IcePath *path, UdpPathConfig *config)
{
    g_free(path->ufrag);
    g_free(path->pwd);
    nice_agent_get_local_credentials(path->agent, path->stream, &path->ufrag, &path->pwd);
    config->ufrag = path->ufrag;
    config->pwd = path->pwd;
    g_object_set(path->agent, "keepalive-conncheck", FALSE, NULL);
    read_by_agent(path, net_thread_slow_context(path->thread));
    path->udp = udp_path_new(path->thread, config, path->out);
}

static void give_back(IcePath *path)
{
    if (!path->udp)
        return;
    g_clear_pointer(&path->udp, udp_path_free);
    g_object_set(path->agent, "keepalive-conncheck", TRUE, NULL);
    read_by_agent(path, net_thread_context(path->thread));
}

static gboolean change(gpointer owner)
{
    IcePath *path = owner;
    UdpPathConfig config = {0};
    g_clear_pointer(&path->change, g_source_unref);
    give_back(path);
    if (find_socket(path, &config))
        take(path, &config);
    return G_SOURCE_REMOVE;
}

/* Not from within libnice, which may be reading that socket. */
void ice_path_settled(IcePath *path)
{
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
    if (path->udp)
        ice_path_settled(path);
}

IcePath *ice_path_new(NetThread *thread, NiceAgent *agent, guint stream, guint component,
                      UdpPathOut out)
{
    IcePath *path = g_new0(IcePath, 1);
    path->thread = thread;
    path->agent = agent;
    path->stream = stream;
    path->component = component;
    path->out = out;
    read_by_agent(path, net_thread_context(thread));
    g_signal_connect(agent, "new-selected-pair-full", G_CALLBACK(on_selected), path);
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
    g_signal_handlers_disconnect_by_data(path->agent, path);
    udp_path_free(path->udp);
    nice_agent_attach_recv(path->agent, path->stream, path->component,
                           net_thread_context(path->thread), NULL, NULL);
    g_free(path->ufrag);
    g_free(path->pwd);
    g_free(path);
}

bool ice_path_send(IcePath *path, const uint8_t *data, size_t size)
{
    if (path->udp)
        return udp_path_send(path->udp, data, size);
    return nice_agent_send(path->agent, path->stream, path->component, (guint)size,
                           (const char *)data) > 0;
}

UdpPath *ice_path_udp(const IcePath *path)
{
    return path->udp;
}
