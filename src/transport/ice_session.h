/* The way to the other side over ICE restarts (RFC 8445 section 2.4). Each restart gets an agent of
 * its own, as libnice's own restart ends the process when it comes at a wrong moment, and cannot
 * take in addresses that this machine has got since. What is in use carries on until the new one
 * works, and still receives for a while then. Thread: net. */
#pragma once

#include "transport/ice.h"

typedef struct IceSession IceSession;

/* Copies what it needs of the configuration. Otherwise as ice_new(). */
IceSession *ice_session_new(NetThread *thread, const PeerConfig *config, IceOut out,
                            GError **error);
void ice_session_free(IceSession *session);

/* Of the newest agent. */
const char *ice_session_ufrag(const IceSession *session);
const char *ice_session_pwd(const IceSession *session);
char **ice_session_local_candidates(const IceSession *session); /* free with g_strfreev() */
bool ice_session_add_remote_candidate(IceSession *session, const char *candidate);
void ice_session_remote_candidates_done(IceSession *session);

/* For the agents of later restarts; takes a copy. */
void ice_session_set_servers(IceSession *session, const PeerIceServer *servers,
                             unsigned server_count);

/* New ufrag and pwd on this side, for an offer. False with PEER_ERROR_ICE when there is no address.
 */
bool ice_session_restart(IceSession *session, GError **error);

/* Known credentials change nothing. New ones restart ICE, unless they answer a restart of this
 * side. False as above. */
bool ice_session_set_remote(IceSession *session, const char *ufrag, const char *pwd,
                            bool is_controlling, GError **error);

bool ice_session_send(IceSession *session, const uint8_t *data, size_t size);

/* The agent in use, for what may be asked of it; borrowed. */
Ice *ice_session_current(const IceSession *session);

/* Adds what sending straight to the socket touches. */
void ice_session_sending_memory(const IceSession *session, HotMemory *hot);
