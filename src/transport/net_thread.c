#include "transport/net_thread.h"

#include <pthread.h>

#include "base/check.h"
#include "base/clock.h"
#include "flow/ledger.h"
#include "transport/mailbox_source.h"

/* What is still ready when the loop ends gets this many turns. */
#define LAST_TURNS 64
/* And what holds the thread so long at most. */
#define HOLD_MAX_MS 500
/* Later than this is not just busy. */
#define STILL_NS NS_PER_SECOND
#define SLOW_INTERVAL_MS 1000
#define DATAGRAM_MAX_SIZE 65536

struct NetThread {
    pthread_t thread;
    GMainContext *context, *slow_context;
    GSource *slow_timer;
    AgentLoop *agents;
    NetPace *pace;
    NetTimers *timers;
    NetInbox *inbox;
    Mailbox *mailbox;
    GSource *mailbox_source;
    GPollFD *fds;
    int fd_capacity;
    int64_t now_ns;
    NetThreadStill still;
    int64_t waited_ns;
    bool is_stopping;
    unsigned holds;
    GSource *hold_limit;
    NetThreadCounters counters;
    uint8_t buffer[DATAGRAM_MAX_SIZE];
};

static int query_fds(NetThread *thread, int max_priority, int *ret_timeout_ms)
{
    int needed;
    while ((needed = g_main_context_query(thread->context, max_priority, ret_timeout_ms,
                                          thread->fds, thread->fd_capacity)) >
           thread->fd_capacity) {
        thread->fd_capacity = needed + 16;
        thread->fds = g_renew(GPollFD, thread->fds, thread->fd_capacity);
    }
    return needed;
}

static void note_time(NetThread *thread, int timeout_ms)
{
    const int64_t before_ns = thread->now_ns;
    const int64_t allowed_ns = timeout_ms * NS_PER_MS + thread->waited_ns + STILL_NS;
    thread->now_ns = clock_monotonic_ns();
    thread->waited_ns = 0;
    if (timeout_ms < 0 || thread->now_ns - before_ns <= allowed_ns)
        return;
    thread->still = (NetThreadStill){before_ns, thread->now_ns};
}

/* g_main_context_iteration() with the time read once, right after the poll. */
static bool run_turn(NetThread *thread, bool may_wait)
{
    int max_priority, timeout_ms;
    g_main_context_prepare(thread->context, &max_priority);
    const int count = query_fds(thread, max_priority, &timeout_ms);
    g_poll(thread->fds, (guint)count, may_wait ? timeout_ms : 0);
    note_time(thread, may_wait ? timeout_ms : 0);
    ledger_add(&thread->counters.wakeups, 1);
    const bool is_ready = g_main_context_check(thread->context, max_priority, thread->fds, count);
    g_main_context_dispatch(thread->context);
    return is_ready;
}

/* The sockets with their own way of reading are among those: it is taken first. */
static gboolean look_at_slow(gpointer data)
{
    NetThread *thread = data;
    net_pace_begin_sharing(thread->pace);
    g_main_context_iteration(thread->slow_context, FALSE);
    net_pace_end_sharing(thread->pace);
    agent_loop_look(thread->agents);
    return G_SOURCE_CONTINUE;
}

static void start_slow(NetThread *thread)
{
    thread->slow_timer = g_timeout_source_new(SLOW_INTERVAL_MS);
    g_source_set_callback(thread->slow_timer, look_at_slow, thread, NULL);
    g_source_attach(thread->slow_timer, thread->context);
}

static void stop_slow(NetThread *thread)
{
    g_source_destroy(thread->slow_timer);
    g_clear_pointer(&thread->slow_timer, g_source_unref);
}

static void note_socket_time(void *owner)
{
    NetThread *thread = owner;
    thread->now_ns = clock_monotonic_ns();
}

static void *run(void *data)
{
    NetThread *thread = data;
    require(g_main_context_acquire(thread->context));
    g_main_context_push_thread_default(thread->context);
    while (!thread->is_stopping || thread->holds > 0)
        run_turn(thread, true);
    for (int i = 0; i < LAST_TURNS && run_turn(thread, false); i++)
        continue;
    g_main_context_pop_thread_default(thread->context);
    g_main_context_release(thread->context);
    return NULL;
}

static gboolean end_holds(gpointer data)
{
    NetThread *thread = data;
    thread->holds = 0;
    return G_SOURCE_REMOVE;
}

static void stop(void *owner, void *message)
{
    (void)message;
    NetThread *thread = owner;
    thread->is_stopping = true;
    thread->hold_limit = g_timeout_source_new(HOLD_MAX_MS);
    g_source_set_callback(thread->hold_limit, end_holds, thread, NULL);
    g_source_attach(thread->hold_limit, thread->context);
}

static void release(NetThread *thread)
{
    if (thread->mailbox_source)
        g_source_destroy(thread->mailbox_source);
    g_clear_pointer(&thread->mailbox_source, g_source_unref);
    if (thread->inbox) {
        net_inbox_close(thread->inbox);
        net_inbox_unref(thread->inbox);
    }
    net_timers_free(thread->timers);
    net_pace_free(thread->pace);
    agent_loop_free(thread->agents);
    g_main_context_unref(thread->slow_context);
    g_main_context_unref(thread->context);
    mailbox_free(thread->mailbox);
    g_free(thread->fds);
    g_free(thread);
}

NetThread *net_thread_new(const char *name)
{
    NetThread *thread = g_new0(NetThread, 1);
    thread->context = g_main_context_new();
    thread->slow_context = g_main_context_new();
    thread->agents = agent_loop_new(thread->context);
    thread->pace = net_pace_new(thread->context,
                                (NetPaceOut){.owner = thread, .before_drain = note_socket_time});
    thread->timers = net_timers_new(thread->context); /* behind what is read at that time */
    thread->mailbox = mailbox_new();
    thread->inbox = net_inbox_new(thread->context);
    if (!thread->mailbox || !thread->inbox) {
        release(thread);
        return NULL;
    }
    thread->mailbox_source = mailbox_source_attach(thread->mailbox, thread->context);
    thread->now_ns = clock_monotonic_ns();
    if (pthread_create(&thread->thread, NULL, run, thread) != 0) {
        release(thread);
        return NULL;
    }
    g_autofree char *short_name = g_strndup(name, 15); /* the kernel's limit */
    pthread_setname_np(thread->thread, short_name);
    return thread;
}

void net_thread_free(NetThread *thread)
{
    if (!thread)
        return;
    mailbox_post(thread->mailbox, stop, thread, NULL);
    pthread_join(thread->thread, NULL);
    g_source_destroy(thread->hold_limit);
    g_source_unref(thread->hold_limit);
    release(thread);
}

GMainContext *net_thread_context(NetThread *thread)
{
    return thread->context;
}

void net_thread_post(NetThread *thread, MailboxFn run_message, void *owner, void *message)
{
    mailbox_post(thread->mailbox, run_message, owner, message);
}

int64_t net_thread_now_ns(const NetThread *thread)
{
    return thread->now_ns;
}

void net_thread_add_socket(NetThread *thread, NetSocket *socket)
{
    net_pace_add(thread->pace, socket);
    if (net_pace_count(thread->pace) == 1)
        start_slow(thread);
}

void net_thread_remove_socket(NetThread *thread, NetSocket *socket)
{
    net_pace_remove(thread->pace, socket);
    if (net_pace_count(thread->pace) == 0)
        stop_slow(thread);
}

int64_t net_thread_round_up(const NetThread *thread, int64_t at_ns)
{
    return net_pace_round_up(thread->pace, at_ns);
}

NetInbox *net_thread_inbox(NetThread *thread)
{
    return thread->inbox;
}

NetTimers *net_thread_timers(NetThread *thread)
{
    return thread->timers;
}

NetBuffer net_thread_buffer(NetThread *thread)
{
    return (NetBuffer){thread->buffer, sizeof thread->buffer};
}

AgentLoop *net_thread_agents(NetThread *thread)
{
    return thread->agents;
}

GMainContext *net_thread_slow_context(NetThread *thread)
{
    return thread->slow_context;
}

void net_thread_hold(NetThread *thread)
{
    thread->holds++;
}

void net_thread_release(NetThread *thread)
{
    if (thread->holds > 0)
        thread->holds--;
}

NetThreadStill net_thread_still(const NetThread *thread)
{
    return thread->still;
}

int64_t *net_thread_waited(NetThread *thread)
{
    return &thread->waited_ns;
}

NetThreadCounters *net_thread_counters(NetThread *thread)
{
    return &thread->counters;
}
