#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer_end.h"
#include "transport/peer_private.h"
#include "transport/sctp.h"
#include "transport_test.h"

static const PeerConfig server_config = {.is_server = true, .loopback_only = true};
static const PeerConfig client_config = {.loopback_only = true};

typedef struct {
    PeerEnd *server, *client;
} Pair;

static Pair pair_new(const PeerConfig *server, const PeerConfig *client)
{
    return (Pair){peer_end_new(server), peer_end_new(client)};
}

static void pair_clear(Pair *pair)
{
    peer_end_free(pair->client);
    peer_end_free(pair->server);
}

static void expect_state(PeerEnd *end, PeerState state)
{
    if (!peer_end_wait(end, peer_end_is_state, state))
        g_error("state is %s, not %s: %s", peer_state_name(end->state), peer_state_name(state),
                end->sentence);
}

static void expect_connected(Pair *pair)
{
    expect_state(pair->server, PEER_CONNECTED);
    expect_state(pair->client, PEER_CONNECTED);
}

static Pair connected_pair(void)
{
    Pair pair = pair_new(&server_config, &client_config);
    peer_end_join(pair.server, pair.client, false);
    expect_connected(&pair);
    return pair;
}

static unsigned counted(PeerEnd *end, const unsigned *counter)
{
    pthread_mutex_lock(&end->lock);
    const unsigned count = *counter;
    pthread_mutex_unlock(&end->lock);
    return count;
}

static void expect_media(Pair *pair)
{
    static uint16_t sequence = 100;
    sequence++;
    PeerEnd *ends[] = {pair->server, pair->client};
    unsigned rtp[2], rtcp[2];
    for (unsigned i = 0; i < 2; i++) {
        rtp[i] = counted(ends[i], &ends[i]->rtp);
        rtcp[i] = counted(ends[i], &ends[i]->rtcp);
    }
    g_assert_true(peer_end_send_rtp(pair->server, sequence, 0x11223344));
    g_assert_true(peer_end_send_rtp(pair->client, sequence, 0x55667788));
    g_assert_true(peer_end_send_rtcp(pair->server));
    g_assert_true(peer_end_send_rtcp(pair->client));
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(peer_end_wait(ends[i], peer_end_has_rtp, rtp[i] + 1));
        g_assert_true(peer_end_wait(ends[i], peer_end_has_rtcp, rtcp[i] + 1));
        g_assert_cmpuint(ends[i]->last_rtp_size, ==, 32);
        g_assert_cmpint(memcmp(ends[i]->last_rtp + 12, "twenty bytes of data", 20), ==, 0);
        g_assert_cmpint(ends[i]->last_arrival_ns, >, 0);
    }
}

/* ---- connecting ---- */

typedef struct {
    const char *name;
    const char *profiles; /* of the client */
    bool prefer_aes_256, server_is_active, tcp_only;
    const char *profile, *transport;
} ConnectRow;

static const ConnectRow connect_rows[] = {
    {"gcm_128", NULL, false, false, false, "AEAD_AES_128_GCM", "udp host"},
    {"gcm_256", NULL, true, false, false, "AEAD_AES_256_GCM", "udp host"},
    {"cm_sha1", "SRTP_AES128_CM_SHA1_80", false, false, false, "AES128_CM_SHA1_80", "udp host"},
    {"server_starts_dtls", NULL, false, true, false, "AEAD_AES_128_GCM", "udp host"},
    {"tcp", NULL, false, false, true, "AEAD_AES_128_GCM", "tcp "},
};

static void test_connect(gconstpointer data)
{
    const ConnectRow *row = data;
    PeerConfig server = server_config, client = client_config;
    server.prefer_aes_256 = client.prefer_aes_256 = row->prefer_aes_256;
    server.tcp_only = client.tcp_only = row->tcp_only;
    client.srtp_profiles = row->profiles;
    Pair pair = pair_new(&server, &client);
    peer_end_join(pair.server, pair.client, row->server_is_active);
    expect_connected(&pair);
    expect_media(&pair);
    const PeerStats stats = peer_end_stats(pair.client);
    g_assert_cmpstr(stats.srtp_profile, ==, row->profile);
    g_assert_nonnull(strstr(stats.local, row->transport));
    g_assert_nonnull(strstr(stats.remote, row->transport));
    g_assert_cmpuint(stats.undecryptable, ==, 0);
    g_assert_cmpuint(stats.datagrams, >, 0);
    g_test_message("%s <-> %s, receive buffer %d bytes", stats.local, stats.remote,
                   stats.receive_buffer_bytes);
    if (!row->tcp_only)
        g_assert_cmpint(stats.receive_buffer_bytes, >=, 100000);
    pair_clear(&pair);
}

/* ---- data channels ---- */

typedef struct {
    const char *label;
    const uint8_t *data;
    size_t size;
    bool is_done;
} Message;

static void open_channels(PeerEnd *end, void *argument)
{
    (void)argument;
    g_assert_true(peer_open_channel(end->peer, "_reliable", true, -1));
    g_assert_true(peer_open_channel(end->peer, "_lossy", false, 0));
    g_assert_false(peer_open_channel(end->peer, "_lossy", false, 0));
}

static void send_message(PeerEnd *end, void *argument)
{
    Message *message = argument;
    message->is_done = peer_send_message(end->peer, message->label, message->data, message->size);
}

/* Channels open by letters that nobody can wait for from outside: ask again until they are. */
static unsigned wait_for_channels(PeerEnd *end, unsigned wanted)
{
    const gint64 deadline = g_get_monotonic_time() + PEER_END_PATIENCE_S * G_USEC_PER_SEC;
    unsigned count;
    while ((count = peer_end_stats(end).data_channels) < wanted &&
           g_get_monotonic_time() < deadline)
        g_thread_yield();
    return count;
}

static void expect_message(PeerEnd *from, PeerEnd *to, const char *label, const uint8_t *data,
                           size_t size)
{
    const unsigned before = to->messages;
    Message message = {label, data, size, false};
    peer_end_run(from, send_message, &message);
    g_assert_true(message.is_done);
    g_assert_true(peer_end_wait(to, peer_end_has_messages, before + 1));
    g_assert_cmpstr(to->last_label, ==, label);
    g_assert_cmpmem(to->last_message->data, to->last_message->len, data, size);
    g_assert_false(to->last_is_text);
}

static void test_channels(void)
{
    static uint8_t large[SCTP_MAX_MESSAGE];
    for (unsigned i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 7);
    Pair pair = pair_new(&server_config, &client_config);
    peer_end_run(pair.server, open_channels, NULL);
    peer_end_join(pair.server, pair.client, false);
    expect_connected(&pair);
    g_assert_cmpuint(wait_for_channels(pair.client, 2), ==, 2);
    g_assert_cmpuint(wait_for_channels(pair.server, 2), ==, 2);
    expect_message(pair.server, pair.client, "_reliable", (const uint8_t *)"hello", 5);
    expect_message(pair.server, pair.client, "_lossy", (const uint8_t *)"x", 1);
    expect_message(pair.server, pair.client, "_reliable", large, sizeof large);
    expect_message(pair.client, pair.server, "_reliable", large, sizeof large);
    expect_message(pair.client, pair.server, "_reliable", NULL, 0);
    Message unknown = {"nobody", large, 1, true};
    peer_end_run(pair.client, send_message, &unknown);
    g_assert_false(unknown.is_done);
    pair_clear(&pair);
}

/* ---- what must fail ---- */

static void test_wrong_fingerprint(void)
{
    Pair pair = pair_new(&server_config, &client_config);
    PeerEndDescription of_server = peer_end_describe(pair.server);
    PeerEndDescription of_client = peer_end_describe(pair.client);
    of_server.fingerprint[0] = of_server.fingerprint[0] == 'A' ? 'B' : 'A';
    g_assert_true(peer_end_set_remote(pair.server, &of_client, true));
    g_assert_true(peer_end_set_remote(pair.client, &of_server, false));
    expect_state(pair.client, PEER_FAILED);
    g_assert_cmpint(pair.client->error_code, ==, PEER_ERROR_DTLS);
    g_assert_nonnull(strstr(pair.client->sentence, "fingerprint does not match"));
    g_assert_nonnull(strstr(pair.client->sentence, of_server.fingerprint));
    g_assert_false(peer_end_send_rtp(pair.client, 1, 1));
    peer_end_description_clear(&of_server);
    peer_end_description_clear(&of_client);
    pair_clear(&pair);
}

static void test_bad_fingerprint(void)
{
    static const char *const texts[] = {"", "AA", "AA:BB", "not hexadecimal"};
    PeerEnd *client = peer_end_new(&client_config);
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        PeerEndDescription remote = {
            .ufrag = "abcd", .pwd = "efghijklmnopqrstuvwxyz", .fingerprint = (char *)texts[i]};
        g_assert_false(peer_end_set_remote(client, &remote, false));
    }
    peer_end_free(client);
}

static void test_no_common_profile(void)
{
    PeerConfig server = server_config, client = client_config;
    server.srtp_profiles = "SRTP_AEAD_AES_256_GCM";
    client.srtp_profiles = "SRTP_AES128_CM_SHA1_80";
    Pair pair = pair_new(&server, &client);
    peer_end_join(pair.server, pair.client, false);
    expect_state(pair.client, PEER_FAILED);
    g_assert_cmpint(pair.client->error_code, ==, PEER_ERROR_DTLS);
    g_test_message("%s", pair.client->sentence);
    pair_clear(&pair);
}

/* libnice gives up some seconds after its last check. */
static void test_wrong_password(void)
{
    Pair pair = pair_new(&server_config, &client_config);
    PeerEndDescription of_server = peer_end_describe(pair.server);
    PeerEndDescription of_client = peer_end_describe(pair.client);
    of_server.pwd[0] = of_server.pwd[0] == 'A' ? 'B' : 'A';
    of_client.pwd[0] = of_client.pwd[0] == 'A' ? 'B' : 'A';
    g_assert_true(peer_end_set_remote(pair.server, &of_client, true));
    g_assert_true(peer_end_set_remote(pair.client, &of_server, false));
    const gint64 start = g_get_monotonic_time();
    g_assert_true(peer_end_wait_for(pair.client, peer_end_is_state, PEER_FAILED, 30));
    g_test_message("after %.1f s: %s", (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC,
                   pair.client->sentence);
    g_assert_cmpint(pair.client->error_code, ==, PEER_ERROR_ICE);
    g_assert_nonnull(strstr(pair.client->sentence, "127.0.0.1:"));
    peer_end_description_clear(&of_server);
    peer_end_description_clear(&of_client);
    pair_clear(&pair);
}

static const struct {
    const char *url;
    bool is_taken;
} server_urls[] = {
    {"turns:example.com:443?transport=tcp", false},
    {"stuns:example.com", false},
    {"http://example.com", false},
    {"", false},
    {"turn:", false},
    {"turn:host?transport=sctp", false},
    {"stun:host?transport=tcp", false},
    {"stun:127.0.0.1:99999", false},
    {"stun:127.0.0.1:3478", true},
    {"turn:127.0.0.1", true},
    {"turn:[::1]:3478?transport=tcp", true},
    {"turn:relay.example.com:3478?transport=udp", true},
};

static void ignore_state(void *owner, PeerState state, const GError *error)
{
    (void)owner;
    (void)state;
    (void)error;
}

static void ignore_candidate(void *owner, const char *candidate)
{
    (void)owner;
    (void)candidate;
}

static void try_servers(void *owner, void *message)
{
    NetThread *thread = owner;
    (void)message;
    for (unsigned i = 0; i < G_N_ELEMENTS(server_urls); i++) {
        const PeerIceServer server = {.url = (char *)server_urls[i].url};
        const PeerConfig config = {
            .loopback_only = true, .ice_servers = &server, .ice_server_count = 1};
        const PeerOut out = {.state = ignore_state, .local_candidate = ignore_candidate};
        g_autoptr(GError) error = NULL;
        Peer *peer = peer_new(thread, &config, out, &error);
        g_assert_cmpint(peer != NULL, ==, server_urls[i].is_taken);
        if (!peer) {
            g_assert_error(error, PEER_ERROR, PEER_ERROR_CONFIG);
            g_assert_nonnull(strstr(error->message, server_urls[i].url));
        }
        peer_free(peer);
    }
}

static void test_servers(void)
{
    NetThread *thread = net_thread_new("servers");
    net_thread_post(thread, try_servers, thread, NULL);
    net_thread_free(thread);
}

static const struct {
    const char *text;
    bool is_taken;
} candidate_rows[] = {
    {"candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host", true},
    {"candidate:1 1 UDP 2130706431 ::1 40000 typ host generation 0", true},
    {"candidate:2 1 tcp 1518280447 127.0.0.1 7881 typ host tcptype passive", true},
    {"candidate:1 2 udp 2130706431 127.0.0.1 40000 typ host", false},
    {"candidate:1 1 udp 2130706431 5cb9.local 40000 typ host", false},
    {"candidate:1 1 udp 2130706431 example.com 40000 typ host", false},
    {"candidate:1 1 udp 2130706431 127.0.0.1 40000", false},
    {"candidate:1 1 udp 2130706431 127.0.0.1 40000 typ", false},
    {"candidate:1 1 udp 2130706431 127.0.0.1 0 typ host", false},
    {"candidate:1 1 tcp 1518280447 127.0.0.1 7881 typ host", false},
    {"candidate:1 1 tcp 1518280447 127.0.0.1 7881 typ host tcptype", false},
    {"candidate:1 1 tcp 1518280447 127.0.0.1 7881 typ host raddr tcptype x y", false},
    {"candidate:1 1 sctp 1518280447 127.0.0.1 7881 typ host", false},
    {"candidate:1 1 udp 1 127.0.0.1 7881 typ host raddr x.local rport 5", false},
    {"candidate:1 1 udp", false},
    {"candidate:", false},
    {"", false},
};

static void try_candidates(PeerEnd *end, void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < G_N_ELEMENTS(candidate_rows); i++) {
        const bool is_taken = peer_add_remote_candidate(end->peer, candidate_rows[i].text);
        if (is_taken != candidate_rows[i].is_taken)
            g_error("\"%s\" was %s", candidate_rows[i].text, is_taken ? "taken" : "refused");
    }
    char long_text[4096];
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    g_assert_false(peer_add_remote_candidate(end->peer, long_text));
    g_assert_false(peer_add_remote_candidate(end->peer, NULL));
}

static void test_candidates(void)
{
    PeerConfig config = client_config;
    config.tcp = true;
    PeerEnd *client = peer_end_new(&config);
    peer_end_run(client, try_candidates, NULL);
    peer_end_free(client);
}

static bool has_gathered(const PeerEnd *end, unsigned wanted)
{
    (void)wanted;
    return end->gathered;
}

static void test_gathering(void)
{
    PeerEnd *client = peer_end_new(&client_config);
    PeerEndDescription description = peer_end_describe(client);
    g_assert_cmpuint(g_strv_length(description.candidates), >=, 1);
    for (char **candidate = description.candidates; *candidate; candidate++)
        g_assert_true(g_str_has_prefix(*candidate, "candidate:"));
    g_assert_cmpuint(strlen(description.fingerprint), ==, 95);
    g_assert_true(peer_end_wait(client, has_gathered, 0));
    g_assert_cmpuint(client->late_candidates->len, ==, 0);
    peer_end_description_clear(&description);
    peer_end_free(client);
}

/* Gathers, but there is no remote that anything could be sent to. */
static void test_gathering_everywhere(void)
{
    const PeerConfig config = {.loopback_only = false};
    PeerEnd *client = peer_end_new(&config);
    PeerEndDescription description = peer_end_describe(client);
    const guint count = g_strv_length(description.candidates);
    g_assert_cmpuint(count, >=, 1);
    guint on_loopback = 0;
    for (guint i = 0; i < count; i++)
        on_loopback += strstr(description.candidates[i], " 127.0.0.1 ") != NULL;
    g_assert_true(on_loopback == 0 || on_loopback == count);
    peer_end_description_clear(&description);
    peer_end_free(client);
}

/* ---- running on ---- */

static void restart_ice(PeerEnd *end, void *argument)
{
    (void)argument;
    g_assert_true(peer_restart_ice(end->peer, NULL));
}

/* As a description can tell nothing new in time, ask until the count is there. */
static bool wait_for_completions(PeerEnd *end, unsigned wanted)
{
    const gint64 deadline = g_get_monotonic_time() + PEER_END_PATIENCE_S * G_USEC_PER_SEC;
    while (peer_end_stats(end).ice_completions < wanted) {
        if (g_get_monotonic_time() > deadline)
            return false;
        g_thread_yield();
    }
    return true;
}

/* The server offers anew, the client answers. */
static void restart(Pair *pair)
{
    peer_end_run(pair->server, restart_ice, NULL);
    PeerEndDescription offer = peer_end_describe(pair->server);
    g_assert_true(peer_end_set_remote(pair->client, &offer, false));
    PeerEndDescription answer = peer_end_describe(pair->client);
    g_assert_true(peer_end_set_remote(pair->server, &answer, true));
    PeerEndDescription after = peer_end_describe(pair->server);
    g_assert_cmpstr(after.ufrag, ==, offer.ufrag);
    peer_end_description_clear(&offer);
    peer_end_description_clear(&answer);
    peer_end_description_clear(&after);
}

static void test_ice_restart(void)
{
    Pair pair = connected_pair();
    PeerEndDescription old_server = peer_end_describe(pair.server);
    PeerEndDescription old_client = peer_end_describe(pair.client);
    for (unsigned round = 1; round <= 2; round++) {
        restart(&pair);
        g_assert_true(wait_for_completions(pair.server, 1 + round));
        g_assert_true(wait_for_completions(pair.client, 1 + round));
        expect_connected(&pair);
        expect_media(&pair);
    }
    PeerEndDescription new_server = peer_end_describe(pair.server);
    PeerEndDescription new_client = peer_end_describe(pair.client);
    g_assert_cmpstr(new_server.ufrag, !=, old_server.ufrag);
    g_assert_cmpstr(new_client.ufrag, !=, old_client.ufrag);
    g_assert_cmpstr(new_server.fingerprint, ==, old_server.fingerprint);
    g_assert_false(pair.client->was_disconnected);
    PeerEndDescription *all[] = {&old_server, &old_client, &new_server, &new_client};
    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++)
        peer_end_description_clear(all[i]);
    pair_clear(&pair);
}

/* ---- past libnice ---- */

static void look_at_agents(PeerEnd *end, void *ret_is_at_work)
{
    *(bool *)ret_is_at_work = agent_loop_is_at_work(net_thread_agents(end->thread));
}

/* Many agents whose path is read without them cost nothing but their keepalives. */
static void expect_agents(PeerEnd *end, bool at_work)
{
    bool is_at_work;
    peer_end_run(end, look_at_agents, &is_at_work);
    g_assert_cmpint(is_at_work, ==, at_work);
}

static void count_hot_ranges(PeerEnd *end, void *ret_count)
{
    const HotMemory *hot = peer_hot_memory(end->peer);
    *(unsigned *)ret_count = hot ? hot->count : 0;
}

/* Anew each time, not behind what was listed before. */
static unsigned hot_ranges(PeerEnd *end)
{
    unsigned first, again;
    peer_end_run(end, count_hot_ranges, &first);
    peer_end_run(end, count_hot_ranges, &again);
    g_assert_cmpuint(first, ==, again);
    return first;
}

/* It is taken a moment after the connection is up. */
static void expect_path(PeerEnd *end)
{
    const gint64 deadline = g_get_monotonic_time() + PEER_END_PATIENCE_S * G_USEC_PER_SEC;
    while (!peer_end_stats(end).has_udp_path) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_thread_yield();
    }
}

static void test_udp_path(void)
{
    Pair pair = connected_pair();
    expect_path(pair.server);
    expect_agents(pair.server, false);
    g_assert_cmpuint(hot_ranges(pair.server), >=, 6);
    for (unsigned round = 1; round <= 3; round++) {
        g_assert_true(wait_for_completions(pair.server, round));
        g_assert_true(wait_for_completions(pair.client, round));
        expect_path(pair.server);
        expect_path(pair.client);
        expect_media(&pair);
        restart(&pair);
        expect_media(&pair); /* also in between */
    }
    g_assert_false(pair.client->was_disconnected);
    pair_clear(&pair);
}

typedef struct {
    unsigned count, sent;
} Batch;

static void send_batch(PeerEnd *end, void *argument)
{
    static uint8_t packets[UDP_PATH_BATCH][32 + PEER_TRAILER];
    struct iovec parts[UDP_PATH_BATCH];
    Batch *batch = argument;
    for (unsigned i = 0; i < batch->count; i++) {
        memset(packets[i], 0, sizeof packets[i]);
        memcpy(packets[i], (uint8_t[]){0x80, 96, 7, (uint8_t)i}, 4);
        parts[i] = (struct iovec){packets[i], 32};
    }
    batch->sent = peer_send_rtp_many(end->peer, parts, batch->count);
}

static void expect_batch(Pair *pair)
{
    Batch batch = {.count = UDP_PATH_BATCH};
    const unsigned before = counted(pair->client, &pair->client->rtp);
    peer_end_run(pair->server, send_batch, &batch);
    g_assert_cmpuint(batch.sent, ==, UDP_PATH_BATCH);
    g_assert_true(peer_end_wait(pair->client, peer_end_has_rtp, before + UDP_PATH_BATCH));
    g_assert_cmpuint(pair->client->last_rtp_size, ==, 32);
}

static void test_batch(void)
{
    Pair pair = connected_pair();
    expect_path(pair.server);
    expect_batch(&pair);
    pair_clear(&pair);
}

/* A stream is framed: that is left to libnice, for good. */
static void test_tcp_without_path(void)
{
    static const PeerConfig server = {.is_server = true, .loopback_only = true, .tcp_only = true};
    static const PeerConfig client = {.loopback_only = true, .tcp_only = true};
    Pair pair = pair_new(&server, &client);
    peer_end_join(pair.server, pair.client, false);
    expect_connected(&pair);
    for (unsigned i = 0; i < 20; i++) {
        expect_media(&pair);
        g_assert_false(peer_end_stats(pair.server).has_udp_path);
        g_assert_false(peer_end_stats(pair.client).has_udp_path);
    }
    expect_agents(pair.client, true);
    g_assert_cmpuint(hot_ranges(pair.client), ==, 0);
    expect_batch(&pair);
    pair_clear(&pair);
}

static void set_ice_server(PeerEnd *end, void *url)
{
    const PeerIceServer server = {.url = url, .username = NULL, .credential = NULL};
    peer_set_ice_servers(end->peer, &server, 1);
}

static int bind_stun_server(char **ret_url)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("127.0.0.1")};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, size), ==, 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    *ret_url = g_strdup_printf("stun:127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

/* Servers that come later are asked at the restart, and not before. */
static void test_new_ice_servers(void)
{
    Pair pair = connected_pair();
    g_autofree char *url = NULL;
    const int fd = bind_stun_server(&url);
    uint8_t request[1500];
    peer_end_run(pair.client, set_ice_server, url);
    g_assert_cmpint(recv(fd, request, sizeof request, MSG_DONTWAIT), ==, -1);
    restart(&pair);
    const struct timeval patience = {.tv_sec = PEER_END_PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    g_assert_cmpint(recv(fd, request, sizeof request, 0), >=, 20);
    g_assert_cmpint(request[0] << 8 | request[1], ==, 0x0001); /* a binding request */
    g_assert_true(wait_for_completions(pair.client, 2));
    expect_media(&pair);
    close(fd);
    pair_clear(&pair);
}

static void test_same_description_again(void)
{
    Pair pair = connected_pair();
    PeerEndDescription before = peer_end_describe(pair.client);
    peer_end_join(pair.server, pair.client, false);
    PeerEndDescription after = peer_end_describe(pair.client);
    g_assert_cmpstr(before.ufrag, ==, after.ufrag);
    expect_media(&pair);
    peer_end_description_clear(&before);
    peer_end_description_clear(&after);
    pair_clear(&pair);
}

static void test_remote_closes(void)
{
    Pair pair = connected_pair();
    peer_end_free(pair.server);
    expect_state(pair.client, PEER_CLOSED);
    peer_end_free(pair.client);
}

static void send_same_packet_twice(PeerEnd *end, void *argument)
{
    (void)argument;
    uint8_t packet[64 + PEER_TRAILER] = {0x80, 96, 0, 9};
    for (int i = 0; i < 2; i++) {
        memset(packet + 12, i, 20);
        g_assert_true(peer_send_rtp(end->peer, packet, 32));
        memset(packet, 0, sizeof packet);
        packet[0] = 0x80;
        packet[1] = 96;
        packet[3] = 9;
    }
}

static void test_duplicate(void)
{
    Pair pair = connected_pair();
    peer_end_run(pair.server, send_same_packet_twice, NULL);
    g_assert_true(peer_end_send_rtp(pair.server, 10, 0));
    g_assert_true(peer_end_wait(pair.client, peer_end_has_rtp, 2));
    const PeerStats stats = peer_end_stats(pair.client);
    g_assert_cmpuint(pair.client->rtp, ==, 2);
    g_assert_cmpuint(stats.duplicates, ==, 1);
    g_assert_cmpuint(stats.undecryptable, ==, 0);
    pair_clear(&pair);
}

/* A restart that the other side does not follow loses the connection; the next one brings it back
 * under the same keys. */
static void test_disconnected(void)
{
    Pair pair = connected_pair();
    PeerEndDescription server = peer_end_describe(pair.server);
    PeerEndDescription wrong = {"nobody", "nobodyknowsthispassword", server.fingerprint,
                                server.candidates};
    peer_end_set_remote(pair.client, &wrong, false);
    g_assert_true(peer_end_wait_for(pair.client, peer_end_is_state, PEER_DISCONNECTED, 30));
    restart(&pair);
    expect_connected(&pair);
    expect_media(&pair);
    peer_end_description_clear(&server);
    pair_clear(&pair);
}

static void probe(PeerEnd *end, void *ret_was_sent)
{
    *(bool *)ret_was_sent = peer_probe(end->peer);
}

/* Nothing else flows: what comes are the answers. */
static void expect_answers(PeerEnd *end)
{
    bool was_sent = false;
    const gint64 deadline = g_get_monotonic_time() + PEER_END_PATIENCE_S * G_USEC_PER_SEC;
    const uint64_t before = peer_end_stats(end).datagrams;
    while (peer_end_stats(end).datagrams < before + 20) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        peer_end_run(end, probe, &was_sent);
        g_usleep(1000);
    }
    g_assert_true(was_sent);
}

static void test_probe(void)
{
    Pair pair = connected_pair();
    expect_answers(pair.client);
    expect_answers(pair.server);
    pair_clear(&pair);
}

static void lose_sctp(PeerEnd *end, void *argument)
{
    (void)argument;
    peer_lose_sctp_for_test(end->peer);
}

static void restart_whole(Pair *pair, unsigned completions)
{
    restart(pair);
    g_assert_true(wait_for_completions(pair->client, completions));
    g_assert_true(wait_for_completions(pair->server, completions));
}

/* The server's side of the association is gone without a word, and ICE finds the path again and
 * again: it is not the path that is silent. */
static void lose_sctp_and_restart(Pair *pair)
{
    bool counts = false;
    expect_answers(pair->client);
    peer_end_run(pair->server, lose_sctp, NULL);
    peer_end_run(pair->client, probe, &counts);
    g_assert_true(counts);
    restart_whole(pair, 2);
    restart_whole(pair, 3);
}

static void test_probe_without_sctp(void)
{
    Pair pair = connected_pair();
    lose_sctp_and_restart(&pair);
    expect_answers(pair.client);
    peer_end_run(pair.client, lose_sctp, NULL);
    expect_answers(pair.client);
    expect_media(&pair);
    pair_clear(&pair);
}

/* There libnice reads the socket, and keeps the answers to itself. */
static void test_no_probe_over_tcp(void)
{
    static const PeerConfig server = {.is_server = true, .loopback_only = true, .tcp_only = true};
    static const PeerConfig client = {.loopback_only = true, .tcp_only = true};
    Pair pair = pair_new(&server, &client);
    bool counts = true;
    peer_end_join(pair.server, pair.client, false);
    expect_connected(&pair);
    lose_sctp_and_restart(&pair);
    peer_end_run(pair.client, probe, &counts);
    g_assert_false(counts);
    expect_media(&pair);
    pair_clear(&pair);
}

static void expect_datagrams(PeerEnd *end, uint64_t wanted)
{
    const gint64 deadline = g_get_monotonic_time() + PEER_END_PATIENCE_S * G_USEC_PER_SEC;
    while (peer_end_stats(end).datagrams < wanted) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_thread_yield();
    }
}

/* Restarts that nobody asked about in between say nothing against the association. */
static void test_probe_after_restarts(void)
{
    Pair pair = connected_pair();
    expect_answers(pair.client);
    bool counts = false;
    for (unsigned completions = 2; completions < 5; completions++) {
        const uint64_t before = peer_end_stats(pair.client).datagrams;
        restart_whole(&pair, completions);
        expect_datagrams(pair.client, before + 1);
    }
    peer_end_run(pair.client, probe, &counts);
    g_assert_true(counts);
    pair_clear(&pair);
}

static void test_no_probe_before(void)
{
    bool was_sent = true;
    PeerEnd *end = peer_end_new(&client_config);
    peer_end_run(end, probe, &was_sent);
    g_assert_false(was_sent);
    peer_end_free(end);
}

/* Trickle: neither side ever says that it has no more candidates. */
static void test_candidates_go_on(void)
{
    Pair pair = pair_new(&server_config, &client_config);
    pair.server->says_never_done = pair.client->says_never_done = true;
    peer_end_join(pair.server, pair.client, false);
    expect_connected(&pair);
    expect_media(&pair);
    pair_clear(&pair);
}

/* libnice copies each packet unless the callback runs on the agent's own context. */
static void test_fast_path(void)
{
    Pair pair = connected_pair();
    for (uint16_t i = 0; i < 20; i++)
        g_assert_true(peer_end_send_rtp(pair.server, i, 5));
    g_assert_true(peer_end_wait(pair.client, peer_end_has_rtp, 20));
    g_assert_false(pair.client->buffers_differ);
    const NetThreadCounters *counters = net_thread_counters(pair.client->thread);
    g_assert_cmpuint(atomic_load(&counters->datagrams), >=, 20);
    g_assert_cmpuint(atomic_load(&counters->wakeups), >, 0);
    pair_clear(&pair);
}

/* ---- garbage ---- */

static void send_garbage(PeerEnd *end, const char *remote)
{
    g_auto(GStrv) parts = g_strsplit_set(remote, ": ", 3);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)g_ascii_strtoull(parts[1], NULL, 10)),
        .sin_addr.s_addr = inet_addr(parts[0]),
    };
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    static const uint8_t first_bytes[] = {0, 1, 3, 19, 20, 22, 23, 63, 64, 79, 128, 144, 191, 200};
    GRand *random = g_rand_new_with_seed(5);
    for (unsigned i = 0; i < 500; i++) {
        uint8_t data[1400];
        const size_t size = (size_t)g_rand_int_range(random, 0, sizeof data);
        for (size_t k = 0; k < size; k++)
            data[k] = (uint8_t)g_rand_int(random);
        data[0] = first_bytes[i % sizeof first_bytes];
        sendto(fd, data, size, 0, (struct sockaddr *)&address, sizeof address);
    }
    g_rand_free(random);
    close(fd);
    (void)end;
}

static char *v4_address(PeerEnd *end)
{
    PeerEndDescription description = peer_end_describe(end);
    char *found = NULL;
    for (char **candidate = description.candidates; *candidate && !found; candidate++) {
        g_auto(GStrv) words = g_strsplit(*candidate, " ", 0);
        if (strcmp(words[4], "127.0.0.1") == 0)
            found = g_strdup_printf("%s:%s", words[4], words[5]);
    }
    peer_end_description_clear(&description);
    g_assert_nonnull(found);
    return found;
}

static void test_garbage(void)
{
    Pair pair = pair_new(&server_config, &client_config);
    g_autofree char *address = v4_address(pair.client);
    send_garbage(pair.client, address);
    peer_end_join(pair.server, pair.client, false);
    send_garbage(pair.client, address);
    expect_connected(&pair);
    send_garbage(pair.client, address);
    expect_media(&pair);
    g_assert_cmpint(pair.client->state, ==, PEER_CONNECTED);
    pair_clear(&pair);
}

/* From the right address, as a hostile server could. */
static void inject(PeerEnd *end, void *argument)
{
    GRand *random = argument;
    for (unsigned i = 0; i < 700; i++) {
        uint8_t data[1400];
        const size_t size = (size_t)g_rand_int_range(random, 1, sizeof data);
        for (size_t k = 0; k < size; k++)
            data[k] = (uint8_t)g_rand_int(random);
        data[0] = (uint8_t)(i % 256);
        peer_inject_for_test(end->peer, data, size);
    }
}

static void test_garbage_inside(void)
{
    Pair pair = pair_new(&server_config, &client_config);
    GRand *random = g_rand_new_with_seed(7);
    peer_end_run(pair.client, inject, random);
    peer_end_join(pair.server, pair.client, false);
    expect_connected(&pair);
    peer_end_run(pair.client, inject, random);
    expect_media(&pair);
    const PeerStats stats = peer_end_stats(pair.client);
    g_assert_cmpuint(stats.undecryptable, >, 100);
    g_assert_cmpuint(stats.unknown_datagrams, >, 100);
    g_assert_cmpuint(stats.early_packets, >, 100);
    g_rand_free(random);
    pair_clear(&pair);
}

/* ---- freeing in every state ---- */

static bool is_past(const PeerEnd *end, unsigned state)
{
    return end->state >= state;
}

static void test_free_in(gconstpointer data)
{
    const unsigned state = GPOINTER_TO_UINT(data);
    for (unsigned round = 0; round < 5; round++) {
        Pair pair = pair_new(&server_config, &client_config);
        peer_end_run(pair.server, open_channels, NULL);
        if (state > PEER_NEW)
            peer_end_join(pair.server, pair.client, false);
        g_assert_true(peer_end_wait(pair.client, is_past, state));
        pair_clear(&pair);
    }
}

void peer_test_add(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(connect_rows); i++) {
        g_autofree char *path = g_strdup_printf("/peer/connect/%s", connect_rows[i].name);
        g_test_add_data_func(path, &connect_rows[i], test_connect);
    }
    for (unsigned state = PEER_NEW; state <= PEER_CONNECTED; state++) {
        g_autofree char *path = g_strdup_printf("/peer/free_in/%s", peer_state_name(state));
        g_test_add_data_func(path, GUINT_TO_POINTER(state), test_free_in);
    }
    g_test_add_func("/peer/channels", test_channels);
    g_test_add_func("/peer/wrong_fingerprint", test_wrong_fingerprint);
    g_test_add_func("/peer/bad_fingerprint", test_bad_fingerprint);
    g_test_add_func("/peer/no_common_profile", test_no_common_profile);
    g_test_add_func("/peer/wrong_password", test_wrong_password);
    g_test_add_func("/peer/servers", test_servers);
    g_test_add_func("/peer/new_ice_servers", test_new_ice_servers);
    g_test_add_func("/peer/probe", test_probe);
    g_test_add_func("/peer/probe_without_sctp", test_probe_without_sctp);
    g_test_add_func("/peer/probe_after_restarts", test_probe_after_restarts);
    g_test_add_func("/peer/no_probe_over_tcp", test_no_probe_over_tcp);
    g_test_add_func("/peer/no_probe_before", test_no_probe_before);
    g_test_add_func("/peer/candidates", test_candidates);
    g_test_add_func("/peer/gathering", test_gathering);
    g_test_add_func("/peer/gathering_everywhere", test_gathering_everywhere);
    g_test_add_func("/peer/ice_restart", test_ice_restart);
    g_test_add_func("/peer/udp_path", test_udp_path);
    g_test_add_func("/peer/batch", test_batch);
    g_test_add_func("/peer/tcp_without_path", test_tcp_without_path);
    g_test_add_func("/peer/same_description_again", test_same_description_again);
    g_test_add_func("/peer/remote_closes", test_remote_closes);
    g_test_add_func("/peer/duplicate", test_duplicate);
    g_test_add_func("/peer/disconnected", test_disconnected);
    g_test_add_func("/peer/candidates_go_on", test_candidates_go_on);
    g_test_add_func("/peer/fast_path", test_fast_path);
    g_test_add_func("/peer/garbage", test_garbage);
    g_test_add_func("/peer/garbage_inside", test_garbage_inside);
}
