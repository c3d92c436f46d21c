/* One side of a connection under test: a Peer on a NetThread of its own, with what it reported.
 * Thread: the test's; each call runs on the net thread and is waited for. */
#pragma once

#include <pthread.h>

#include "transport/peer.h"

#define PEER_END_PATIENCE_S 10

typedef struct {
    NetThread *thread;
    Peer *peer;
    bool says_never_done; /* the remote's candidates may go on */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock, written by the net thread */
    PeerState state;
    unsigned rtp, rtcp, messages, turns;
    bool gathered;
    bool was_disconnected;
    int error_code; /* -1 = none */
    char sentence[1024];
    uint8_t last_rtp[256];
    size_t last_rtp_size;
    int64_t last_arrival_ns;
    const uint8_t *last_buffer;
    bool buffers_differ;
    char last_label[64];
    GByteArray *last_message;
    bool last_is_text;
    GPtrArray *late_candidates;
} PeerEnd;

/* NULL `config` parts are defaults for loopback. */
PeerEnd *peer_end_new(const PeerConfig *config);
void peer_end_free(PeerEnd *end);

typedef void (*PeerEndFn)(PeerEnd *end, void *argument);
void peer_end_run(PeerEnd *end, PeerEndFn run, void *argument);

typedef bool (*PeerEndTest)(const PeerEnd *end, unsigned wanted);
/* Until the test holds; false after the patience. */
bool peer_end_wait(PeerEnd *end, PeerEndTest test, unsigned wanted);
bool peer_end_wait_for(PeerEnd *end, PeerEndTest test, unsigned wanted, int seconds);

bool peer_end_is_state(const PeerEnd *end, unsigned state);
bool peer_end_has_rtp(const PeerEnd *end, unsigned count);
bool peer_end_has_rtcp(const PeerEnd *end, unsigned count);
bool peer_end_has_messages(const PeerEnd *end, unsigned count);

typedef struct {
    char *ufrag, *pwd, *fingerprint;
    char **candidates;
} PeerEndDescription;

PeerEndDescription peer_end_describe(PeerEnd *end);
void peer_end_description_clear(PeerEndDescription *description);

/* Hands the description over, with its candidates. */
bool peer_end_set_remote(PeerEnd *end, const PeerEndDescription *remote, bool dtls_is_active);

/* Both descriptions; the client starts DTLS unless `server_is_active`. */
void peer_end_join(PeerEnd *server, PeerEnd *client, bool server_is_active);

PeerStats peer_end_stats(PeerEnd *end);
bool peer_end_send_rtp(PeerEnd *end, uint16_t sequence, uint32_t ssrc);
bool peer_end_send_rtcp(PeerEnd *end);
