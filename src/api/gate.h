/* Decides what is served to whom, by the configuration: who may call, from which pages, how often,
 * and to which servers a call may send us.
 * Thread: main. */
#pragma once

#include "api/caller.h"
#include "api/request_head.h"

typedef struct Gate Gate;

/* NULL with a sentence that says what is wrong with the configuration, or missing for listening
 * there. `config` is borrowed. */
Gate *gate_new(const Config *config, GError **error);
void gate_free(Gate *gate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Gate, gate_free)

/* Borrowed; where `port` is 0, gate_set_port() says what the system chose. */
GSocketAddress *gate_address(const Gate *gate);
void gate_set_port(Gate *gate, unsigned port);

bool gate_is_loopback(const Gate *gate);

/* Whether callers need a token: beyond loopback, and wherever one is configured. */
bool gate_wants_token(const Gate *gate);

/* A path that everybody may get. */
bool gate_is_open(const char *path);

/* By a request's head alone: 403 (a foreign Host on loopback, an Origin that is not listed), 429,
 * or what caller_read() refuses. */
bool gate_check(Gate *gate, const RequestHead *head, GSocketAddress *remote, Refusal *refusal);

/* Who calls. Also where gate_check() has looked at it: this one is of what libsoup read. */
bool gate_read_caller(const Gate *gate, SoupMessageHeaders *headers, Caller *ret_caller,
                      Refusal *refusal);

/* False with 429; counts the start. */
bool gate_check_start(Gate *gate, GSocketAddress *remote, Refusal *refusal);

/* False with 403 for a server that the caller may not send us to; NULL is the configured one. A
 * caller who is bound to a room is bound to the configured server, too. */
bool gate_check_url(const Gate *gate, const Caller *caller, const char *url, Refusal *refusal);

/* The configured origin that these headers name; NULL: none, or one that is not listed. */
const char *gate_origin(const Gate *gate, SoupMessageHeaders *headers);
