/* How datagrams come and go over what a libnice agent has found: through libnice until it has
 * settled on a pair, then over that pair's socket itself, where it is a plain UDP one (and not a
 * relay's, or TCP).
 * Thread: net. */
#pragma once

#include <nice/agent.h>

#include "transport/udp_path.h"

typedef struct IcePath IcePath;

typedef struct {
    NiceAgent *agent;
    guint stream, component;
    const char *ufrag, *pwd; /* of this side */
} IcePathConfig;

/* Before the agent gathers. What is in `config` is borrowed until ice_path_free(). */
IcePath *ice_path_new(NetThread *thread, const IcePathConfig *config, UdpPathOut out);
/* Before the agent closes. */
void ice_path_free(IcePath *path);

/* The agent has checks to make, as it has at first. */
void ice_path_checks(IcePath *path);
/* It has no more. */
void ice_path_settled(IcePath *path);

bool ice_path_send(IcePath *path, const uint8_t *data, size_t size);

/* NULL while it goes through libnice; borrowed. */
UdpPath *ice_path_udp(const IcePath *path);

/* Adds what sending straight to the socket touches. */
void ice_path_sending_memory(const IcePath *path, HotMemory *hot);
