#include "peer_end.h"

#include <string.h>
#include <time.h>

/* ---- callbacks, net thread ---- */

static void on_state(void *owner, PeerState state, const GError *error)
{
    PeerEnd *end = owner;
    pthread_mutex_lock(&end->lock);
    end->state = state;
    end->was_disconnected |= state == PEER_DISCONNECTED;
    if (error) {
        end->error_code = error->code;
        g_strlcpy(end->sentence, error->message, sizeof end->sentence);
    }
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static void on_candidate(void *owner, const char *candidate)
{
    PeerEnd *end = owner;
    pthread_mutex_lock(&end->lock);
    if (candidate)
        g_ptr_array_add(end->late_candidates, g_strdup(candidate));
    else
        end->gathered = true;
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static void on_rtp(void *owner, uint8_t *packet, size_t size, int64_t arrival_ns)
{
    PeerEnd *end = owner;
    pthread_mutex_lock(&end->lock);
    end->rtp++;
    end->last_rtp_size = MIN(size, sizeof end->last_rtp);
    memcpy(end->last_rtp, packet, end->last_rtp_size);
    end->last_arrival_ns = arrival_ns;
    end->buffers_differ |= end->last_buffer && end->last_buffer != packet;
    end->last_buffer = packet;
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static void on_rtcp(void *owner, const uint8_t *packet, size_t size, int64_t arrival_ns)
{
    (void)packet;
    (void)size;
    (void)arrival_ns;
    PeerEnd *end = owner;
    pthread_mutex_lock(&end->lock);
    end->rtcp++;
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static void on_message(void *owner, const PeerMessage *message)
{
    PeerEnd *end = owner;
    pthread_mutex_lock(&end->lock);
    end->messages++;
    g_strlcpy(end->last_label, message->label, sizeof end->last_label);
    g_byte_array_set_size(end->last_message, 0);
    g_byte_array_append(end->last_message, message->data, (guint)message->size);
    end->last_is_text = message->is_text;
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

/* ---- running on the net thread ---- */

typedef struct {
    PeerEnd *end;
    PeerEndFn run;
    void *argument;
    bool is_done;
} Turn;

static void run_turn(void *owner, void *message)
{
    Turn *turn = message;
    PeerEnd *end = owner;
    turn->run(end, turn->argument);
    pthread_mutex_lock(&end->lock);
    turn->is_done = true;
    pthread_cond_broadcast(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

void peer_end_run(PeerEnd *end, PeerEndFn run, void *argument)
{
    Turn turn = {end, run, argument, false};
    net_thread_post(end->thread, run_turn, end, &turn);
    pthread_mutex_lock(&end->lock);
    while (!turn.is_done)
        pthread_cond_wait(&end->changed, &end->lock);
    pthread_mutex_unlock(&end->lock);
}

bool peer_end_wait_for(PeerEnd *end, PeerEndTest test, unsigned wanted, int seconds)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += seconds;
    pthread_mutex_lock(&end->lock);
    int result = 0;
    while (!test(end, wanted) && result == 0)
        result = pthread_cond_timedwait(&end->changed, &end->lock, &deadline);
    const bool holds = test(end, wanted);
    pthread_mutex_unlock(&end->lock);
    return holds;
}

bool peer_end_wait(PeerEnd *end, PeerEndTest test, unsigned wanted)
{
    return peer_end_wait_for(end, test, wanted, PEER_END_PATIENCE_S);
}

bool peer_end_is_state(const PeerEnd *end, unsigned state)
{
    return end->state == state;
}

bool peer_end_has_rtp(const PeerEnd *end, unsigned count)
{
    return end->rtp >= count;
}

bool peer_end_has_rtcp(const PeerEnd *end, unsigned count)
{
    return end->rtcp >= count;
}

bool peer_end_has_messages(const PeerEnd *end, unsigned count)
{
    return end->messages >= count;
}

/* ---- life ---- */

static void open_peer(PeerEnd *end, void *argument)
{
    const PeerOut out = {
        .owner = end,
        .state = on_state,
        .local_candidate = on_candidate,
        .rtp = on_rtp,
        .rtcp = on_rtcp,
        .message = on_message,
    };
    g_autoptr(GError) error = NULL;
    end->peer = peer_new(end->thread, argument, out, &error);
    g_assert_no_error(error);
    g_assert_nonnull(end->peer);
}

PeerEnd *peer_end_new(const PeerConfig *config)
{
    PeerEnd *end = g_new0(PeerEnd, 1);
    pthread_mutex_init(&end->lock, NULL);
    pthread_cond_init(&end->changed, NULL);
    end->error_code = -1;
    end->last_message = g_byte_array_new();
    end->late_candidates = g_ptr_array_new_with_free_func(g_free);
    end->thread = net_thread_new(config->is_server ? "server" : "client");
    PeerConfig copy = *config;
    peer_end_run(end, open_peer, &copy);
    return end;
}

static void close_peer(PeerEnd *end, void *argument)
{
    (void)argument;
    peer_free(end->peer);
    end->peer = NULL;
}

void peer_end_free(PeerEnd *end)
{
    peer_end_run(end, close_peer, NULL);
    net_thread_free(end->thread);
    pthread_mutex_destroy(&end->lock);
    pthread_cond_destroy(&end->changed);
    g_byte_array_unref(end->last_message);
    g_ptr_array_unref(end->late_candidates);
    g_free(end);
}

/* ---- descriptions ---- */

static void describe(PeerEnd *end, void *argument)
{
    PeerEndDescription *description = argument;
    const PeerLocal local = peer_local(end->peer);
    description->ufrag = g_strdup(local.ice_ufrag);
    description->pwd = g_strdup(local.ice_pwd);
    description->fingerprint = g_strdup(local.fingerprint);
    description->candidates = peer_local_candidates(end->peer);
}

PeerEndDescription peer_end_describe(PeerEnd *end)
{
    PeerEndDescription description = {0};
    peer_end_run(end, describe, &description);
    return description;
}

void peer_end_description_clear(PeerEndDescription *description)
{
    g_free(description->ufrag);
    g_free(description->pwd);
    g_free(description->fingerprint);
    g_strfreev(description->candidates);
}

typedef struct {
    const PeerEndDescription *description;
    bool dtls_is_active;
    bool is_taken;
} SetRemote;

static void set_remote(PeerEnd *end, void *argument)
{
    SetRemote *order = argument;
    const PeerRemote remote = {
        .ice_ufrag = order->description->ufrag,
        .ice_pwd = order->description->pwd,
        .fingerprint_hash = "sha-256",
        .fingerprint_value = order->description->fingerprint,
        .dtls_is_active = order->dtls_is_active,
    };
    g_autoptr(GError) error = NULL;
    order->is_taken = peer_set_remote(end->peer, &remote, &error);
    for (char **candidate = order->description->candidates; candidate && *candidate; candidate++)
        peer_add_remote_candidate(end->peer, *candidate);
    if (!end->says_never_done)
        peer_remote_candidates_done(end->peer);
}

bool peer_end_set_remote(PeerEnd *end, const PeerEndDescription *remote, bool dtls_is_active)
{
    SetRemote order = {remote, dtls_is_active, false};
    peer_end_run(end, set_remote, &order);
    return order.is_taken;
}

void peer_end_join(PeerEnd *server, PeerEnd *client, bool server_is_active)
{
    PeerEndDescription of_server = peer_end_describe(server);
    PeerEndDescription of_client = peer_end_describe(client);
    g_assert_true(peer_end_set_remote(server, &of_client, !server_is_active));
    g_assert_true(peer_end_set_remote(client, &of_server, server_is_active));
    peer_end_description_clear(&of_server);
    peer_end_description_clear(&of_client);
}

/* ---- stats and packets ---- */

static void read_stats(PeerEnd *end, void *argument)
{
    peer_stats(end->peer, argument);
}

PeerStats peer_end_stats(PeerEnd *end)
{
    PeerStats stats;
    peer_end_run(end, read_stats, &stats);
    return stats;
}

typedef struct {
    uint8_t data[64 + PEER_TRAILER];
    size_t size;
    bool is_rtcp, is_sent;
} SendPacket;

static void send_packet(PeerEnd *end, void *argument)
{
    SendPacket *order = argument;
    order->is_sent = order->is_rtcp ? peer_send_rtcp(end->peer, order->data, order->size)
                                    : peer_send_rtp(end->peer, order->data, order->size);
}

bool peer_end_send_rtp(PeerEnd *end, uint16_t sequence, uint32_t ssrc)
{
    SendPacket order = {.size = 32, .data = {0x80, 96}};
    order.data[2] = (uint8_t)(sequence >> 8);
    order.data[3] = (uint8_t)sequence;
    for (int i = 0; i < 4; i++)
        order.data[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
    memcpy(order.data + 12, "twenty bytes of data", 20);
    peer_end_run(end, send_packet, &order);
    return order.is_sent;
}

bool peer_end_send_rtcp(PeerEnd *end)
{
    /* an empty receiver report */
    SendPacket order = {.size = 8, .is_rtcp = true, .data = {0x80, 201, 0, 1, 0, 0, 0, 7}};
    peer_end_run(end, send_packet, &order);
    return order.is_sent;
}
