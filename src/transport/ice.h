/* Finds a way to the other side and carries datagrams over it (RFC 8445, 6544, 8656), by one agent
 * of libnice; see ice_session for restarts. One stream, one component: RTP and RTCP share it (RFC
 * 5761). Thread: net. Callbacks come straight from the socket's wake-up. */
#pragma once

#include "transport/peer.h"
#include "transport/udp_path.h"

typedef struct Ice Ice;

typedef enum {
    ICE_CHECKING,
    ICE_CONNECTED, /* a pair is selected: ice_send() works */
    ICE_FAILED,    /* no pair works; over TCP and a relay also: none works any more */
} IceState;

typedef struct {
    void *owner;
    void (*state)(void *owner, IceState state);
    /* "candidate:...", NULL when gathering is done. Not for those that ice_new() found. */
    void (*candidate)(void *owner, const char *candidate);
    UdpPathOut datagrams; /* with an owner of their own: each packet goes there straight */
} IceOut;

/* Gathers; host candidates are there when it returns. NULL with PEER_ERROR_CONFIG. */
Ice *ice_new(NetThread *thread, const PeerConfig *config, IceOut out, GError **error);
void ice_free(Ice *ice);

const char *ice_ufrag(const Ice *ice);
const char *ice_pwd(const Ice *ice);
char **ice_local_candidates(Ice *ice); /* free with g_strfreev() */

bool ice_is_credential(const char *text); /* not empty and not over 256 characters */

/* Whether the remote's credentials are these; with NULL, whether there are any. */
bool ice_has_remote(const Ice *ice, const char *ufrag, const char *pwd);

/* Once for each agent; both are valid credentials. */
void ice_set_remote(Ice *ice, const char *ufrag, const char *pwd, bool is_controlling);

/* False for text that is no candidate, for host names, which are not looked up, and for more than
 * 128 of one description's credentials. */
bool ice_add_remote_candidate(Ice *ice, const char *candidate);
void ice_remote_candidates_done(Ice *ice);

bool ice_send(Ice *ice, const uint8_t *data, size_t size);
/* Has the other side's agent answer, by a datagram. False where ice_udp_path() is NULL: there
 * libnice asks by itself, and fails after 50 s. */
bool ice_probe(Ice *ice);
UdpPath *
ice_udp_path(const Ice *ice); /* borrowed; NULL before all is settled, over TCP and a relay */
/* Adds what sending over it touches. */
void ice_sending_memory(const Ice *ice, HotMemory *hot);

/* "127.0.0.1:40000 udp host"; empty texts while no pair is selected. */
void ice_selected_pair(Ice *ice, char *ret_local, char *ret_remote, size_t text_size);

/* Raises SO_RCVBUF of all sockets; the smallest effective size, 0 without a UDP socket. */
int ice_raise_receive_buffers(Ice *ice);

/* "local 127.0.0.1:40000 udp host, ...; remote ..."; free with g_free(). */
char *ice_describe_candidates(Ice *ice);
