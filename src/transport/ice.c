#include "transport/ice.h"

#include <gio/gio.h>
#include <nice/agent.h>
#include <nice/interfaces.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "transport/ice_path.h"
#include "transport/ice_server.h"

#define COMPONENT NICE_COMPONENT_TYPE_RTP
#define RECEIVE_BUFFER_BYTES (4 * 1024 * 1024)
#define CANDIDATE_MAX_LENGTH 512
#define CREDENTIAL_MAX_LENGTH 256 /* RFC 8445 5.3 */
#define REMOTE_CANDIDATES_MAX 128
#define CANDIDATE_TEXT_SIZE 96

struct Ice {
    IceOut out;
    NetThread *thread;
    NiceAgent *agent;
    guint stream;
    char *ufrag, *pwd;
    char *remote_ufrag, *remote_pwd;
    GHashTable *remote_candidates; /* their texts */
    bool announces_loopback;
    bool gathered;
    bool is_made;             /* before, nobody is told */
    GSource *gathered_notice; /* of a gathering that ended within ice_new(), until it is told */
    IcePath *path;
};

/* ---- what libnice reports ---- */

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer owner)
{
    (void)agent;
    (void)stream;
    (void)component;
    Ice *ice = owner;
    switch ((NiceComponentState)state) {
    case NICE_COMPONENT_STATE_CONNECTING:
        ice_path_checks(ice->path);
        ice->out.state(ice->out.owner, ICE_CHECKING);
        break;
    case NICE_COMPONENT_STATE_READY:
        ice_path_settled(ice->path);
        ice->out.state(ice->out.owner, ICE_CONNECTED);
        break;
    case NICE_COMPONENT_STATE_CONNECTED:
        ice_path_checks(ice->path);
        ice->out.state(ice->out.owner, ICE_CONNECTED);
        break;
    case NICE_COMPONENT_STATE_FAILED:
        ice->out.state(ice->out.owner, ICE_FAILED);
        break;
    case NICE_COMPONENT_STATE_DISCONNECTED:
    case NICE_COMPONENT_STATE_GATHERING:
    case NICE_COMPONENT_STATE_LAST:
        break;
    }
}

static char *format_candidate(Ice *ice, NiceCandidate *candidate)
{
    g_autofree char *line = nice_agent_generate_local_candidate_sdp(ice->agent, candidate);
    return g_strdup(g_str_has_prefix(line, "a=") ? line + strlen("a=") : line);
}

static bool is_loopback(const char *text)
{
    return strcmp(text, "127.0.0.1") == 0 || strcmp(text, "::1") == 0;
}

static bool is_announced(const Ice *ice, const NiceCandidate *candidate)
{
    char address[NICE_ADDRESS_STRING_LEN];
    nice_address_to_string(&candidate->addr, address);
    return candidate->type != NICE_CANDIDATE_TYPE_PEER_REFLEXIVE &&
           (ice->announces_loopback || !is_loopback(address));
}

static void on_candidate(NiceAgent *agent, NiceCandidate *candidate, gpointer owner)
{
    (void)agent;
    Ice *ice = owner;
    if (!is_announced(ice, candidate))
        return;
    g_autofree char *text = format_candidate(ice, candidate);
    ice->out.candidate(ice->out.owner, text);
}

static void on_gathered(NiceAgent *agent, guint stream, gpointer owner)
{
    (void)agent;
    (void)stream;
    Ice *ice = owner;
    const bool is_first = !ice->gathered;
    ice->gathered = true;
    if (is_first && ice->is_made)
        ice->out.candidate(ice->out.owner, NULL);
}

static gboolean tell_gathered(gpointer owner)
{
    Ice *ice = owner;
    g_clear_pointer(&ice->gathered_notice, g_source_unref);
    ice->out.candidate(ice->out.owner, NULL);
    return G_SOURCE_REMOVE;
}

/* ---- setting up ---- */

static void add_address(Ice *ice, const char *text)
{
    NiceAddress *address = nice_address_new();
    if (nice_address_set_from_string(address, text))
        nice_agent_add_local_address(ice->agent, address);
    nice_address_free(address);
}

/* Loopback always belongs to them, as libnice binds each socket to its interface and no other can
 * reach a server on this machine's loopback. Only with `loopback_only` is it announced. */
static void choose_addresses(Ice *ice, bool loopback_only)
{
    GList *found = nice_interfaces_get_local_ips(loopback_only);
    for (GList *item = found; item; item = item->next) {
        if (is_loopback(item->data) == loopback_only)
            add_address(ice, item->data);
    }
    if (!g_list_find_custom(found, "127.0.0.1", (GCompareFunc)strcmp))
        add_address(ice, "127.0.0.1");
    ice->announces_loopback = loopback_only || !found;
    g_list_free_full(found, g_free);
}

/* Servers are looked up by libnice, not waiting for the answer. */
static void use_server(Ice *ice, const IceServer *server)
{
    if (server->kind == ICE_SERVER_STUN) {
        g_object_set(ice->agent, "stun-server", server->host, "stun-server-port",
                     (guint)server->port, NULL);
        return;
    }
    nice_agent_set_relay_info(ice->agent, ice->stream, COMPONENT, server->host, server->port,
                              server->username, server->credential,
                              server->kind == ICE_SERVER_TURN_TCP ? NICE_RELAY_TYPE_TURN_TCP
                                                                  : NICE_RELAY_TYPE_TURN_UDP);
}

static bool use_servers(Ice *ice, const PeerConfig *config, GError **error)
{
    for (unsigned i = 0; i < config->ice_server_count; i++) {
        IceServer server;
        if (!ice_server_parse(&config->ice_servers[i], &server, error))
            return false;
        const bool is_wanted = !config->loopback_only || ice_server_is_loopback(&server);
        if (is_wanted && i < NICE_CANDIDATE_MAX_TURN_SERVERS)
            use_server(ice, &server);
        ice_server_clear(&server);
    }
    return true;
}

static void learn_credentials(Ice *ice)
{
    require(nice_agent_get_local_credentials(ice->agent, ice->stream, &ice->ufrag, &ice->pwd));
}

static void note_gathered(Ice *ice, GMainContext *context)
{
    ice->is_made = true;
    if (!ice->gathered)
        return;
    ice->gathered_notice = g_idle_source_new();
    g_source_set_callback(ice->gathered_notice, tell_gathered, ice, NULL);
    g_source_attach(ice->gathered_notice, context);
}

static bool gather(Ice *ice, GMainContext *context, GError **error)
{
    g_signal_connect(ice->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), ice);
    const IcePathConfig config = {ice->agent, ice->stream, COMPONENT, ice->ufrag, ice->pwd};
    ice->path = ice_path_new(ice->thread, &config, ice->out.datagrams);
    if (!nice_agent_gather_candidates(ice->agent, ice->stream)) {
        g_set_error_literal(error, PEER_ERROR, PEER_ERROR_ICE,
                            "No local address is usable for ICE: no network interface is up.");
        return false;
    }
    g_signal_connect(ice->agent, "new-candidate-full", G_CALLBACK(on_candidate), ice);
    g_signal_connect(ice->agent, "component-state-changed", G_CALLBACK(on_state), ice);
    note_gathered(ice, context);
    return true;
}

Ice *ice_new(NetThread *thread, const PeerConfig *config, IceOut out, GError **error)
{
    GMainContext *context = net_thread_context(thread);
    Ice *ice = g_new0(Ice, 1);
    ice->out = out;
    ice->thread = thread;
    ice->remote_candidates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ice->agent = nice_agent_new_full(agent_loop_context(net_thread_agents(thread)),
                                     NICE_COMPATIBILITY_RFC5245, NICE_AGENT_OPTION_ICE_TRICKLE);
    g_object_set(ice->agent, "upnp", FALSE, "ice-tcp", config->tcp || config->tcp_only, "ice-udp",
                 !config->tcp_only, "controlling-mode", config->is_server || config->remote_is_lite,
                 NULL);
    ice->stream = nice_agent_add_stream(ice->agent, 1);
    learn_credentials(ice);
    choose_addresses(ice, config->loopback_only);
    if (!use_servers(ice, config, error) || !gather(ice, context, error)) {
        ice_free(ice);
        return NULL;
    }
    return ice;
}

static void on_closed(GObject *agent, GAsyncResult *result, gpointer thread)
{
    (void)agent;
    (void)result;
    agent_loop_end_work(net_thread_agents(thread));
    net_thread_release(thread);
}

/* A TURN server is told that its relays are over; until it has answered the agent lives on. */
static void close_agent(Ice *ice)
{
    net_thread_hold(ice->thread);
    agent_loop_begin_work(net_thread_agents(ice->thread));
    nice_agent_close_async(ice->agent, on_closed, ice->thread);
    g_object_unref(ice->agent);
}

void ice_free(Ice *ice)
{
    if (!ice)
        return;
    if (ice->gathered_notice) {
        g_source_destroy(ice->gathered_notice);
        g_source_unref(ice->gathered_notice);
    }
    g_signal_handlers_disconnect_by_data(ice->agent, ice);
    ice_path_free(ice->path);
    close_agent(ice);
    g_free(ice->ufrag);
    g_free(ice->pwd);
    g_hash_table_unref(ice->remote_candidates);
    g_free(ice->remote_ufrag);
    g_free(ice->remote_pwd);
    g_free(ice);
}

/* ---- descriptions ---- */

const char *ice_ufrag(const Ice *ice)
{
    return ice->ufrag;
}

const char *ice_pwd(const Ice *ice)
{
    return ice->pwd;
}

static GSList *local_candidates(Ice *ice)
{
    return nice_agent_get_local_candidates(ice->agent, ice->stream, COMPONENT);
}

static void free_candidates(GSList *candidates)
{
    g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
}

char **ice_local_candidates(Ice *ice)
{
    GPtrArray *texts = g_ptr_array_new();
    GSList *candidates = local_candidates(ice);
    for (GSList *item = candidates; item; item = item->next) {
        if (is_announced(ice, item->data))
            g_ptr_array_add(texts, format_candidate(ice, item->data));
    }
    free_candidates(candidates);
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

bool ice_is_credential(const char *text)
{
    return text && text[0] != '\0' && strlen(text) <= CREDENTIAL_MAX_LENGTH;
}

bool ice_has_remote(const Ice *ice, const char *ufrag, const char *pwd)
{
    if (!ufrag)
        return ice->remote_ufrag != NULL;
    return g_strcmp0(ufrag, ice->remote_ufrag) == 0 && g_strcmp0(pwd, ice->remote_pwd) == 0;
}

void ice_set_remote(Ice *ice, const char *ufrag, const char *pwd, bool is_controlling)
{
    g_object_set(ice->agent, "controlling-mode", is_controlling, NULL);
    g_free(ice->remote_ufrag);
    g_free(ice->remote_pwd);
    ice->remote_ufrag = g_strdup(ufrag);
    ice->remote_pwd = g_strdup(pwd);
    nice_agent_set_remote_credentials(ice->agent, ice->stream, ufrag, pwd);
}

/* candidate:FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT typ TYPE [NAME VALUE]... (RFC 8839
 * 5.1). libnice's parser trusts that a TCP candidate has its tcptype. */
static bool has_candidate_form(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", 0);
    const guint count = g_strv_length(words);
    if (!g_str_has_prefix(text, "candidate:") || count < 8 || strcmp(words[6], "typ") != 0)
        return false;
    if (g_ascii_strcasecmp(words[2], "udp") == 0)
        return true;
    for (guint i = 8; i + 1 < count; i += 2) {
        if (strcmp(words[i], "tcptype") == 0)
            return g_ascii_strcasecmp(words[2], "tcp") == 0;
    }
    return false;
}

bool ice_add_remote_candidate(Ice *ice, const char *text)
{
    if (!text || strlen(text) > CANDIDATE_MAX_LENGTH || !has_candidate_form(text))
        return false;
    if (g_hash_table_contains(ice->remote_candidates, text))
        return true;
    if (g_hash_table_size(ice->remote_candidates) >= REMOTE_CANDIDATES_MAX)
        return false;
    g_autofree char *line = g_strconcat("a=", text, NULL);
    NiceCandidate *candidate = nice_agent_parse_remote_candidate_sdp(ice->agent, ice->stream, line);
    if (!candidate)
        return false;
    GSList one = {.data = candidate};
    const bool is_taken =
        candidate->component_id == COMPONENT && nice_address_get_port(&candidate->addr) != 0 &&
        nice_agent_set_remote_candidates(ice->agent, ice->stream, COMPONENT, &one) > 0;
    nice_candidate_free(candidate);
    if (is_taken)
        g_hash_table_add(ice->remote_candidates, g_strdup(text));
    return is_taken;
}

void ice_remote_candidates_done(Ice *ice)
{
    nice_agent_peer_candidate_gathering_done(ice->agent, ice->stream);
}

/* ---- data and sockets ---- */

bool ice_send(Ice *ice, const uint8_t *data, size_t size)
{
    return ice_path_send(ice->path, data, size);
}

bool ice_probe(Ice *ice)
{
    UdpPath *path = ice_path_udp(ice->path);
    gboolean is_controlling = FALSE;
    if (!path || !ice->remote_ufrag)
        return false;
    g_object_get(ice->agent, "controlling-mode", &is_controlling, NULL);
    const StunQuestion question = {ice->ufrag, ice->remote_ufrag, ice->remote_pwd, is_controlling};
    udp_path_probe(path, &question);
    return true;
}

UdpPath *ice_udp_path(const Ice *ice)
{
    return ice_path_udp(ice->path);
}

void ice_sending_memory(const Ice *ice, HotMemory *hot)
{
    hot_memory_add(hot, &ice->path, sizeof ice->path);
    ice_path_sending_memory(ice->path, hot);
}

static const char *transport_name(const NiceCandidate *candidate)
{
    return candidate->transport == NICE_CANDIDATE_TRANSPORT_UDP ? "udp" : "tcp";
}

static const char *type_name(const NiceCandidate *candidate)
{
    switch (candidate->type) {
    case NICE_CANDIDATE_TYPE_HOST:
        return "host";
    case NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE:
        return "srflx";
    case NICE_CANDIDATE_TYPE_PEER_REFLEXIVE:
        return "prflx";
    case NICE_CANDIDATE_TYPE_RELAYED:
        return "relay";
    }
    return "";
}

static void describe(const NiceCandidate *candidate, char *ret_text, size_t size)
{
    char address[NICE_ADDRESS_STRING_LEN];
    nice_address_to_string(&candidate->addr, address);
    const bool is_v6 = nice_address_ip_version(&candidate->addr) == 6;
    g_snprintf(ret_text, size, is_v6 ? "[%s]:%u %s %s" : "%s:%u %s %s", address,
               nice_address_get_port(&candidate->addr), transport_name(candidate),
               type_name(candidate));
}

void ice_selected_pair(Ice *ice, char *ret_local, char *ret_remote, size_t text_size)
{
    NiceCandidate *local, *remote;
    ret_local[0] = ret_remote[0] = '\0';
    if (!nice_agent_get_selected_pair(ice->agent, ice->stream, COMPONENT, &local, &remote))
        return;
    describe(local, ret_local, text_size);
    describe(remote, ret_remote, text_size);
}

static int raise_receive_buffer(GSocket *socket)
{
    const int fd = g_socket_get_fd(socket);
    const int wanted = RECEIVE_BUFFER_BYTES;
    /* The first passes over the system's limit and takes a privilege. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    int effective = 0;
    socklen_t size = sizeof effective;
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &effective, &size);
    return effective;
}

int ice_raise_receive_buffers(Ice *ice)
{
    int smallest = 0;
    GPtrArray *sockets = nice_agent_get_sockets(ice->agent, ice->stream, COMPONENT);
    for (guint i = 0; sockets && i < sockets->len; i++) {
        GSocket *socket = sockets->pdata[i];
        if (g_socket_get_socket_type(socket) != G_SOCKET_TYPE_DATAGRAM)
            continue;
        const int effective = raise_receive_buffer(socket);
        smallest = smallest == 0 ? effective : MIN(smallest, effective);
    }
    g_clear_pointer(&sockets, g_ptr_array_unref);
    return smallest;
}

static void append_candidates(GString *text, GSList *candidates)
{
    if (!candidates)
        g_string_append(text, "none");
    for (GSList *item = candidates; item; item = item->next) {
        char one[CANDIDATE_TEXT_SIZE];
        describe(item->data, one, sizeof one);
        g_string_append_printf(text, "%s%s", item == candidates ? "" : ", ", one);
    }
}

char *ice_describe_candidates(Ice *ice)
{
    GString *text = g_string_new("local ");
    GSList *local = local_candidates(ice);
    GSList *remote = nice_agent_get_remote_candidates(ice->agent, ice->stream, COMPONENT);
    append_candidates(text, local);
    g_string_append(text, "; remote ");
    append_candidates(text, remote);
    free_candidates(local);
    free_candidates(remote);
    return g_string_free(text, FALSE);
}
