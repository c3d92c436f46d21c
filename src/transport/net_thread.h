/* A thread with its own GMainContext that owns all packet state of the recordings pinned to it.
 * Thread: created and freed by main; everything posted runs on it. */
#pragma once

#include <glib.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/mailbox.h"
#include "transport/agent_loop.h"
#include "transport/net_inbox.h"
#include "transport/net_pace.h"
#include "transport/net_timers.h"

typedef struct NetThread NetThread;

/* NULL when the system gives no thread or descriptor. */
NetThread *net_thread_new(const char *name);

/* Ends the loop after what was posted has run, and joins. */
void net_thread_free(NetThread *thread);

GMainContext *net_thread_context(NetThread *thread);

/* Any thread. */
void net_thread_post(NetThread *thread, MailboxFn run, void *owner, void *message);

/* clock_monotonic_ns() of the wake-up that runs, or of the socket that is read in it. Thread: the
 * net thread itself. */
int64_t net_thread_now_ns(const NetThread *thread);

/* Media sockets; see transport/net_pace.h. Thread: the net thread itself. */
void net_thread_add_socket(NetThread *thread, NetSocket *socket);
void net_thread_remove_socket(NetThread *thread, NetSocket *socket);
int64_t net_thread_round_up(const NetThread *thread, int64_t at_ns);

/* Borrowed; who posts to it from another thread holds a reference. Thread: any. */
NetInbox *net_thread_inbox(NetThread *thread);

/* For what belongs to connections. Thread: the net thread itself. */
NetTimers *net_thread_timers(NetThread *thread);

/* For one datagram at a time, in which it is decrypted; what it holds lasts until the socket is
 * read again. Thread: the net thread itself. */
typedef struct {
    uint8_t *data;
    size_t size;
} NetBuffer;

NetBuffer net_thread_buffer(NetThread *thread);

/* Of libnice's agents, whose timers are looked at once a second while none is at work. Thread: the
 * net thread itself. */
AgentLoop *net_thread_agents(NetThread *thread);

/* Looked at once a second, for sockets to which little comes. Any thread. */
GMainContext *net_thread_slow_context(NetThread *thread);

/* The last time for which the thread did not run (SIGSTOP, or a host that had no time for it),
 * longer than a second; `until_ns` is 0 when there was none. Thread: the
 * net thread itself. */
typedef struct {
    int64_t from_ns, until_ns;
} NetThreadStill;

NetThreadStill net_thread_still(const NetThread *thread);

/* What the present turn has waited for others, which is no such time; for who waits to add to.
 * Thread: the net thread itself. */
int64_t *net_thread_waited(NetThread *thread);

/* What is still to be sent before the loop may end, half a second at most; a hold each needs its
 * release. Thread: the net thread itself. */
void net_thread_hold(NetThread *thread);
void net_thread_release(NetThread *thread);

typedef struct {
    _Atomic uint64_t wakeups;
    _Atomic uint64_t datagrams;
} NetThreadCounters;

NetThreadCounters *net_thread_counters(NetThread *thread);
