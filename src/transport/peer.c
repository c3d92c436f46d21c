#include <string.h>

#include "base/log.h"
#include "flow/ledger.h"
#include "transport/cipher.h"
#include "transport/data_channels.h"
#include "transport/demux.h"
#include "transport/dtls.h"
#include "transport/ice_session.h"
#include "transport/peer_private.h"
#include "transport/sctp.h"

#define EARLY_DATAGRAM_MAX 2048
#define DEAF_COMPLETIONS 2

struct Peer {
    /* what each packet touches, side by side */
    NetThread *thread;
    NetThreadCounters *thread_counters;
    Cipher *cipher;
    PeerOut out;
    struct {
        uint64_t datagrams, bytes, undecryptable, duplicates, unknown, early;
    } counters;
    PeerState state;
    bool is_server;
    bool is_checking;
    bool remote_is_dtls_client;
    IceSession *ice;
    Dtls *dtls;
    CipherProfile profile;
    Sctp *sctp;
    bool is_sctp_up;
    unsigned unheard_completions; /* of ICE, since something came over SCTP */
    DataChannels *channels;
    int receive_buffer_bytes;
    unsigned ice_completions;
    /* The remote's first handshake message when it comes before this side's ICE is up. */
    struct {
        size_t size;
        uint8_t data[EARLY_DATAGRAM_MAX];
    } early;
};

/* FAILED and CLOSED are final. */
static void set_state(Peer *peer, PeerState state, const GError *error)
{
    if (peer->state == state || peer->state == PEER_FAILED || peer->state == PEER_CLOSED)
        return;
    log_debug("transport", NULL, "peer %s -> %s", peer_state_name(peer->state),
              peer_state_name(state));
    peer->state = state;
    peer->out.state(peer->out.owner, state, error);
}

static void fail(Peer *peer, PeerError code, const char *sentence)
{
    g_autoptr(GError) error = g_error_new_literal(PEER_ERROR, code, sentence);
    set_state(peer, PEER_FAILED, error);
}

/* ---- SCTP ---- */

static void on_sctp_packet(void *owner, const uint8_t *data, size_t size)
{
    dtls_send(((Peer *)owner)->dtls, data, size);
}

static void on_sctp_up(void *owner)
{
    Peer *peer = owner;
    peer->is_sctp_up = true;
    data_channels_up(peer->channels, dtls_is_client(peer->dtls));
}

static void on_sctp_lost(void *owner)
{
    Peer *peer = owner;
    peer->is_sctp_up = false;
    log_info("transport", NULL, "The SCTP association was lost: data channels are closed.");
}

static void on_sctp_message(void *owner, uint16_t stream, uint32_t protocol, const uint8_t *data,
                            size_t size)
{
    data_channels_receive(((Peer *)owner)->channels, stream, protocol, data, size);
}

static void on_stream_closed(void *owner, uint16_t stream)
{
    data_channels_close_stream(((Peer *)owner)->channels, stream);
}

static void on_message(void *owner, const PeerMessage *message)
{
    Peer *peer = owner;
    if (peer->out.message)
        peer->out.message(peer->out.owner, message);
}

static bool on_channel_send(void *owner, const SctpSend *how, const uint8_t *data, size_t size)
{
    Peer *peer = owner;
    return peer->sctp && sctp_send(peer->sctp, how, data, size);
}

static void start_sctp(Peer *peer)
{
    const SctpOut out = {
        .owner = peer,
        .packet = on_sctp_packet,
        .up = on_sctp_up,
        .lost = on_sctp_lost,
        .message = on_sctp_message,
        .stream_closed = on_stream_closed,
    };
    peer->sctp = sctp_new(net_thread_inbox(peer->thread), out);
}

/* ---- DTLS ---- */

static void on_dtls_datagram(void *owner, const uint8_t *data, size_t size)
{
    ice_session_send(((Peer *)owner)->ice, data, size);
}

static void on_dtls_connected(void *owner)
{
    Peer *peer = owner;
    CipherKeys keys;
    if (dtls_srtp_keys(peer->dtls, &peer->profile, &keys))
        peer->cipher = cipher_new(peer->profile, &keys);
    explicit_bzero(&keys, sizeof keys);
    if (!peer->cipher) {
        fail(peer, PEER_ERROR_DTLS,
             "The DTLS handshake failed: the other side agreed to no SRTP profile.");
        return;
    }
    start_sctp(peer);
    if (!peer->sctp)
        fail(peer, PEER_ERROR_ICE, "The process has no descriptor left for the data channels.");
    else
        set_state(peer, PEER_CONNECTED, NULL);
}

static void on_dtls_ended(void *owner, const char *sentence)
{
    Peer *peer = owner;
    if (sentence)
        fail(peer, PEER_ERROR_DTLS, sentence);
    else
        set_state(peer, PEER_CLOSED, NULL);
}

static void on_dtls_message(void *owner, const uint8_t *data, size_t size)
{
    Peer *peer = owner;
    peer->unheard_completions = 0;
    if (peer->sctp)
        sctp_receive(peer->sctp, data, size);
}

static void take_dtls(Peer *peer, const uint8_t *data, size_t size)
{
    if (dtls_is_started(peer->dtls)) {
        dtls_receive(peer->dtls, data, size);
        return;
    }
    if (size > sizeof peer->early.data)
        return;
    memcpy(peer->early.data, data, size);
    peer->early.size = size;
}

static void start_dtls(Peer *peer)
{
    set_state(peer, PEER_HANDSHAKE, NULL);
    dtls_start(peer->dtls, !peer->remote_is_dtls_client);
    if (peer->early.size > 0)
        dtls_receive(peer->dtls, peer->early.data, peer->early.size);
}

/* ---- ICE ---- */

static void count_refused(Peer *peer, CipherVerdict verdict)
{
    peer->counters.duplicates += verdict == CIPHER_DUPLICATE;
    peer->counters.undecryptable += verdict == CIPHER_BAD;
}

static void take_rtp(Peer *peer, uint8_t *data, size_t size)
{
    const CipherVerdict verdict = cipher_unprotect_rtp(peer->cipher, data, &size);
    count_refused(peer, verdict);
    if (verdict == CIPHER_OK)
        peer->out.rtp(peer->out.owner, data, size, net_thread_now_ns(peer->thread));
}

static void take_rtcp(Peer *peer, uint8_t *data, size_t size)
{
    const CipherVerdict verdict = cipher_unprotect_rtcp(peer->cipher, data, &size);
    count_refused(peer, verdict);
    if (verdict == CIPHER_OK)
        peer->out.rtcp(peer->out.owner, data, size, net_thread_now_ns(peer->thread));
}

static void on_ice_datagram(void *owner, uint8_t *data, size_t size)
{
    Peer *peer = owner;
    peer->counters.datagrams++;
    peer->counters.bytes += size;
    ledger_add(&peer->thread_counters->datagrams, 1);
    const DemuxClass class = demux_classify(data, size);
    if (!peer->cipher && (class == DEMUX_RTP || class == DEMUX_RTCP)) {
        peer->counters.early++;
        return;
    }
    switch (class) {
    case DEMUX_RTP:
        take_rtp(peer, data, size);
        break;
    case DEMUX_RTCP:
        take_rtcp(peer, data, size);
        break;
    case DEMUX_DTLS:
        take_dtls(peer, data, size);
        break;
    case DEMUX_STUN:
        break; /* the answer to a probe */
    case DEMUX_UNKNOWN:
        peer->counters.unknown++;
        break;
    }
}

void peer_inject_for_test(Peer *peer, uint8_t *data, size_t size)
{
    on_ice_datagram(peer, data, size);
}

void peer_lose_sctp_for_test(Peer *peer)
{
    g_clear_pointer(&peer->sctp, sctp_free);
    peer->is_sctp_up = false;
}

static void on_ice_candidate(void *owner, const char *candidate)
{
    Peer *peer = owner;
    peer->out.local_candidate(peer->out.owner, candidate);
}

static void lose_ice(Peer *peer)
{
    /* With keys at hand an ICE restart can bring it back. */
    if (peer->cipher) {
        set_state(peer, PEER_DISCONNECTED, NULL);
        return;
    }
    g_autofree char *candidates = ice_describe_candidates(ice_session_current(peer->ice));
    g_autofree char *sentence =
        g_strdup_printf("No pair of network addresses works (ICE): %s.", candidates);
    fail(peer, PEER_ERROR_ICE, sentence);
}

static void count_completion(Peer *peer)
{
    peer->ice_completions++;
    peer->unheard_completions++;
    if (peer->is_sctp_up)
        sctp_probe(peer->sctp);
}

static void find_ice(Peer *peer)
{
    if (peer->is_checking)
        count_completion(peer);
    peer->is_checking = false;
    peer->receive_buffer_bytes = ice_raise_receive_buffers(ice_session_current(peer->ice));
    if (!dtls_is_started(peer->dtls))
        start_dtls(peer);
    else if (peer->cipher)
        set_state(peer, PEER_CONNECTED, NULL);
}

static void on_ice_state(void *owner, IceState state)
{
    Peer *peer = owner;
    switch (state) {
    case ICE_CHECKING:
        peer->is_checking = true;
        if (peer->state == PEER_NEW || peer->cipher)
            set_state(peer, PEER_CHECKING, NULL);
        break;
    case ICE_CONNECTED:
        find_ice(peer);
        break;
    case ICE_FAILED:
        lose_ice(peer);
        break;
    }
}

/* ---- public ---- */

static bool open_parts(Peer *peer, const PeerConfig *config, GError **error)
{
    const DtlsOut dtls_out = {
        .owner = peer,
        .datagram = on_dtls_datagram,
        .connected = on_dtls_connected,
        .ended = on_dtls_ended,
        .message = on_dtls_message,
    };
    const DtlsOptions options = {config->prefer_aes_256, config->srtp_profiles};
    peer->dtls = dtls_new(net_thread_timers(peer->thread), &options, dtls_out);
    if (!peer->dtls) {
        g_set_error(error, PEER_ERROR, PEER_ERROR_CONFIG, "\"%s\" is no list of SRTP profiles.",
                    config->srtp_profiles);
        return false;
    }
    const IceOut ice_out = {
        .owner = peer,
        .state = on_ice_state,
        .candidate = on_ice_candidate,
        .datagrams = {peer, on_ice_datagram},
    };
    peer->ice = ice_session_new(peer->thread, config, ice_out, error);
    return peer->ice != NULL;
}

Peer *peer_new(NetThread *thread, const PeerConfig *config, PeerOut out, GError **error)
{
    Peer *peer = g_new0(Peer, 1);
    peer->thread = thread;
    peer->thread_counters = net_thread_counters(thread);
    peer->out = out;
    peer->is_server = config->is_server;
    peer->channels = data_channels_new(
        (DataChannelsOut){.owner = peer, .send = on_channel_send, .message = on_message});
    if (open_parts(peer, config, error))
        return peer;
    peer_free(peer);
    return NULL;
}

void peer_free(Peer *peer)
{
    if (!peer)
        return;
    sctp_free(peer->sctp);
    dtls_free(peer->dtls);
    ice_session_free(peer->ice);
    cipher_free(peer->cipher);
    data_channels_free(peer->channels);
    g_free(peer);
}

PeerLocal peer_local(Peer *peer)
{
    return (PeerLocal){ice_session_ufrag(peer->ice), ice_session_pwd(peer->ice),
                       dtls_fingerprint(peer->dtls)};
}

char **peer_local_candidates(Peer *peer)
{
    return ice_session_local_candidates(peer->ice);
}

bool peer_set_remote(Peer *peer, const PeerRemote *remote, GError **error)
{
    if (!dtls_is_started(peer->dtls)) {
        peer->remote_is_dtls_client = remote->dtls_is_active;
        if (!dtls_set_remote_fingerprint(peer->dtls, remote->fingerprint_hash,
                                         remote->fingerprint_value)) {
            g_set_error(error, PEER_ERROR, PEER_ERROR_DTLS,
                        "The description's fingerprint \"%.20s %.100s\" is no SHA-256 fingerprint.",
                        remote->fingerprint_hash ? remote->fingerprint_hash : "",
                        remote->fingerprint_value ? remote->fingerprint_value : "");
            return false;
        }
    }
    if (!ice_is_credential(remote->ice_ufrag) || !ice_is_credential(remote->ice_pwd)) {
        g_set_error_literal(error, PEER_ERROR, PEER_ERROR_ICE,
                            "The description has no usable ICE user name and password.");
        return false;
    }
    return ice_session_set_remote(peer->ice, remote->ice_ufrag, remote->ice_pwd,
                                  peer->is_server || remote->ice_lite, error);
}

void peer_set_ice_servers(Peer *peer, const PeerIceServer *servers, unsigned server_count)
{
    ice_session_set_servers(peer->ice, servers, server_count);
}

bool peer_restart_ice(Peer *peer, GError **error)
{
    return ice_session_restart(peer->ice, error);
}

bool peer_add_remote_candidate(Peer *peer, const char *candidate)
{
    return ice_session_add_remote_candidate(peer->ice, candidate);
}

void peer_remote_candidates_done(Peer *peer)
{
    ice_session_remote_candidates_done(peer->ice);
}

bool peer_send_rtp(Peer *peer, uint8_t *packet, size_t size)
{
    return peer->cipher && cipher_protect_rtp(peer->cipher, packet, &size) &&
           ice_session_send(peer->ice, packet, size);
}

bool peer_send_rtcp(Peer *peer, uint8_t *packet, size_t size)
{
    return peer->cipher && cipher_protect_rtcp(peer->cipher, packet, &size) &&
           ice_session_send(peer->ice, packet, size);
}

unsigned peer_send_rtp_many(Peer *peer, struct iovec *packets, unsigned count)
{
    UdpPath *path = ice_udp_path(ice_session_current(peer->ice));
    unsigned done = 0;
    for (bool is_good = peer->cipher; is_good && done < count; done += is_good) {
        struct iovec *packet = &packets[done];
        is_good = path ? cipher_protect_rtp(peer->cipher, packet->iov_base, &packet->iov_len)
                       : peer_send_rtp(peer, packet->iov_base, packet->iov_len);
    }
    return path ? udp_path_send_many(path, packets, done) : done;
}

HotMemory *peer_hot_memory(Peer *peer)
{
    UdpPath *path = ice_udp_path(ice_session_current(peer->ice));
    HotMemory *hot = path ? udp_path_hot_memory(path) : NULL;
    if (!hot)
        return NULL;
    hot_memory_add(hot, peer, offsetof(Peer, is_server));
    cipher_hot_memory(peer->cipher, hot);
    return hot;
}

void peer_sending_memory(const Peer *peer, HotMemory *hot)
{
    hot_memory_add(hot, &peer->cipher, sizeof peer->cipher);
    hot_memory_add(hot, &peer->ice, sizeof peer->ice);
    cipher_sending_memory(peer->cipher, hot);
    ice_session_sending_memory(peer->ice, hot);
}

bool peer_open_channel(Peer *peer, const char *label, bool ordered, int max_retransmits)
{
    return data_channels_open(peer->channels, label, ordered, max_retransmits);
}

bool peer_send_message(Peer *peer, const char *label, const uint8_t *data, size_t size)
{
    return data_channels_send(peer->channels, label, data, size);
}

bool peer_probe(Peer *peer)
{
    if (!peer->cipher)
        return false;
    if (peer->is_sctp_up)
        sctp_probe(peer->sctp);
    const bool is_heard = peer->is_sctp_up && peer->unheard_completions < DEAF_COMPLETIONS;
    return is_heard || ice_probe(ice_session_current(peer->ice));
}

void peer_stats(Peer *peer, PeerStats *ret_stats)
{
    *ret_stats = (PeerStats){
        .state = peer->state,
        .datagrams = peer->counters.datagrams,
        .bytes = peer->counters.bytes,
        .undecryptable = peer->counters.undecryptable,
        .duplicates = peer->counters.duplicates,
        .unknown_datagrams = peer->counters.unknown,
        .early_packets = peer->counters.early,
        .receive_buffer_bytes = peer->receive_buffer_bytes,
        .ice_completions = peer->ice_completions,
    };
    ret_stats->data_channels =
        data_channels_list(peer->channels, ret_stats->channels, PEER_MAX_CHANNELS);
    ice_selected_pair(ice_session_current(peer->ice), ret_stats->local, ret_stats->remote,
                      sizeof ret_stats->local);
    ret_stats->has_udp_path = ice_udp_path(ice_session_current(peer->ice)) != NULL;
    if (peer->cipher)
        g_strlcpy(ret_stats->srtp_profile, cipher_profile_name(peer->profile),
                  sizeof ret_stats->srtp_profile);
}
