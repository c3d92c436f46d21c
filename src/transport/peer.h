/* One WebRTC transport: ICE (RFC 8445, libnice), DTLS 1.2 (RFC 6347, 5764), SRTP and SRTCP (RFC
 * 3711, 7714) and the data channels' SCTP (RFC 8831), bundled on one 5-tuple (RFC 8843, 5761).
 * Thread: net, all calls and callbacks; never blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/net_thread.h"
#include "transport/udp_path.h"

typedef struct Peer Peer;

typedef enum {
    PEER_NEW,
    PEER_CHECKING,     /* ICE, at first or after its restart; an old pair carries on meanwhile */
    PEER_HANDSHAKE,    /* ICE is up, DTLS runs */
    PEER_CONNECTED,    /* SRTP keys are there */
    PEER_DISCONNECTED, /* ICE found no pair in a restart, or lost that over TCP; may come back */
    PEER_FAILED,
    PEER_CLOSED,
} PeerState;

const char *peer_state_name(PeerState state);

#define PEER_ERROR (peer_error_quark())
GQuark peer_error_quark(void);
typedef enum {
    PEER_ERROR_ICE,  /* sentence names the candidate pairs that were tried */
    PEER_ERROR_DTLS, /* handshake, or fingerprint */
    PEER_ERROR_CONFIG,
} PeerError;

typedef struct {
    char *url; /* stun:host:port, turn:host:port?transport=udp */
    char *username, *credential;
} PeerIceServer;

typedef struct {
    bool is_server;      /* the offering side: ICE controlling, DTLS passive (the embedded room) */
    bool remote_is_lite; /* then this side is the controlling one (RFC 8445 section 6.1.1) */
    bool loopback_only;  /* gather on loopback and ask no STUN server */
    bool tcp;            /* gather ICE-TCP candidates too */
    bool tcp_only;
    bool prefer_aes_256;       /* offer AEAD_AES_256_GCM in front */
    const char *srtp_profiles; /* OpenSSL's names, colon between; NULL = by prefer_aes_256 */
    const PeerIceServer *ice_servers;
    unsigned ice_server_count;
} PeerConfig;

/* A message of a data channel; `label` and `data` are borrowed. */
typedef struct {
    uint16_t stream_id;
    const char *label;
    bool is_text;
    const uint8_t *data;
    size_t size;
} PeerMessage;

typedef struct {
    void *owner;
    /* `error` is set for PEER_FAILED and borrowed. */
    void (*state)(void *owner, PeerState state, const GError *error);
    /* Text of one candidate ("candidate:..."), NULL when gathering is done. */
    void (*local_candidate)(void *owner, const char *candidate);
    /* Decrypted in place; valid during the call. */
    void (*rtp)(void *owner, uint8_t *packet, size_t size, int64_t arrival_ns);
    void (*rtcp)(void *owner, const uint8_t *packet, size_t size, int64_t arrival_ns);
    void (*message)(void *owner, const PeerMessage *message); /* may be NULL */
} PeerOut;

/* NULL with PEER_ERROR_CONFIG, for example for a `turns:` server. Starts gathering. */
Peer *peer_new(NetThread *thread, const PeerConfig *config, PeerOut out, GError **error);

/* Closes at once; no callback comes after it. Not from within a callback of this peer. */
void peer_free(Peer *peer);

typedef struct {
    const char *ice_ufrag, *ice_pwd;
    const char *fingerprint; /* sha-256, "AA:BB:..." */
} PeerLocal;

/* Borrowed until the next call or ICE restart. */
PeerLocal peer_local(Peer *peer);

/* Host candidates are there at once: "candidate:..." each; free with g_strfreev(). */
char **peer_local_candidates(Peer *peer);

typedef struct {
    const char *ice_ufrag, *ice_pwd;
    const char *fingerprint_hash, *fingerprint_value;
    bool ice_lite;       /* then this side controls and nominates */
    bool dtls_is_active; /* the remote starts the DTLS handshake */
} PeerRemote;

/* Called for each description; new ICE credentials restart ICE and keep the DTLS association. */
bool peer_set_remote(Peer *peer, const PeerRemote *remote, GError **error);
/* For the next ICE restart, instead of those of the configuration; takes a copy. */
void peer_set_ice_servers(Peer *peer, const PeerIceServer *servers, unsigned server_count);
/* The offering side only: new ICE credentials for its next offer. The answer's are then taken
 * without a further restart. */
bool peer_restart_ice(Peer *peer, GError **error);

bool peer_add_remote_candidate(Peer *peer, const char *candidate); /* false: not understood */
void peer_remote_candidates_done(Peer *peer);

/* Protects and sends; `packet` has room for PEER_TRAILER more bytes. False when not connected. */
#define PEER_TRAILER 32
bool peer_send_rtp(Peer *peer, uint8_t *packet, size_t size);
bool peer_send_rtcp(Peer *peer, uint8_t *packet, size_t size);
/* Each with that room behind it; how many were sent. At most UDP_PATH_BATCH. */
unsigned peer_send_rtp_many(Peer *peer, struct iovec *packets, unsigned count);

/* For what its datagrams go through behind it, with what they touch of the peer; NULL where libnice
 * reads them. Valid until the next event. */
HotMemory *peer_hot_memory(Peer *peer);

/* Adds what peer_send_rtp_many() touches. */
void peer_sending_memory(const Peer *peer, HotMemory *hot);

/* The embedded room opens channels; a recorder answers those that come. */
bool peer_open_channel(Peer *peer, const char *label, bool ordered, int max_retransmits);
bool peer_send_message(Peer *peer, const char *label, const uint8_t *data, size_t size);

/* Has the other side send something back: over SCTP, or by its ICE agent after that association was
 * lost, or has answered nothing since before the last two ICE restarts. False where silence then
 * says nothing of the path: before it was connected, and over TCP or a relay without SCTP. */
bool peer_probe(Peer *peer);

#define PEER_MAX_CHANNELS 8

typedef struct {
    char label[64];
    uint16_t stream_id;
} PeerChannel;

typedef struct {
    PeerState state;
    char local[96], remote[96]; /* selected pair, "127.0.0.1:40000 udp host" */
    bool has_udp_path;          /* its socket is read and written without libnice */
    char srtp_profile[40];      /* "AEAD_AES_128_GCM" */
    uint64_t datagrams, bytes;
    uint64_t undecryptable;     /* SRTP or SRTCP that failed its check */
    uint64_t duplicates;        /* SRTP or SRTCP seen before, or older than the window */
    uint64_t early_packets;     /* SRTP or SRTCP before there were keys */
    uint64_t unknown_datagrams; /* neither STUN, DTLS, SRTP nor SRTCP */
    int receive_buffer_bytes;   /* effective SO_RCVBUF */
    unsigned ice_completions;   /* how often ICE found a pair: 1, and 1 more for each restart */
    unsigned data_channels;     /* open; the first of them: */
    PeerChannel channels[PEER_MAX_CHANNELS];
} PeerStats;

void peer_stats(Peer *peer, PeerStats *ret_stats);
