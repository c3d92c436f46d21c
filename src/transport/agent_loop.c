#include "transport/agent_loop.h"

#include "base/check.h"

/* A TCP socket that waits for room to write is looked at so often. */
#define SOCKETS_MS 5
#define WAKEUP_FDS 1 /* that a context has by itself */

typedef struct {
    GSource source;
    AgentLoop *loop;
} LoopSource;

struct AgentLoop {
    GSource *source;
    GMainContext *context;
    unsigned at_work;
    bool has_sockets; /* and when it is due, as of the last look while an agent was at work */
    int64_t due_us;
};

static AgentLoop *loop_of(GSource *source)
{
    return ((LoopSource *)source)->loop;
}

static gboolean prepare(GSource *source, int *ret_timeout_ms)
{
    AgentLoop *loop = loop_of(source);
    int priority, timeout_ms;
    *ret_timeout_ms = -1;
    if (loop->at_work == 0)
        return FALSE;
    const gboolean is_ready = g_main_context_prepare(loop->context, &priority);
    const int fds = g_main_context_query(loop->context, priority, &timeout_ms, NULL, 0);
    loop->has_sockets = fds > WAKEUP_FDS;
    if (loop->has_sockets && (timeout_ms < 0 || timeout_ms > SOCKETS_MS))
        timeout_ms = SOCKETS_MS;
    loop->due_us = timeout_ms < 0
                       ? G_MAXINT64
                       : g_source_get_time(source) + timeout_ms * G_TIME_SPAN_MILLISECOND;
    *ret_timeout_ms = timeout_ms;
    return is_ready;
}

static gboolean check_time(GSource *source)
{
    const AgentLoop *loop = loop_of(source);
    return loop->at_work > 0 && (loop->has_sockets || g_source_get_time(source) >= loop->due_us);
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)callback;
    (void)data;
    agent_loop_look(loop_of(source));
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {
    .prepare = prepare, .check = check_time, .dispatch = dispatch};

AgentLoop *agent_loop_new(GMainContext *context)
{
    AgentLoop *loop = g_new0(AgentLoop, 1);
    loop->context = g_main_context_new();
    loop->source = g_source_new(&source_functions, sizeof(LoopSource));
    ((LoopSource *)loop->source)->loop = loop;
    g_source_set_name(loop->source, "agent_loop");
    loop->due_us = G_MAXINT64;
    g_source_attach(loop->source, context);
    return loop;
}

void agent_loop_free(AgentLoop *loop)
{
    if (!loop)
        return;
    g_source_destroy(loop->source);
    g_source_unref(loop->source);
    g_main_context_unref(loop->context);
    g_free(loop);
}

GMainContext *agent_loop_context(AgentLoop *loop)
{
    return loop->context;
}

void agent_loop_look(AgentLoop *loop)
{
    g_main_context_iteration(loop->context, FALSE);
}

void agent_loop_begin_work(AgentLoop *loop)
{
    loop->at_work++;
}

void agent_loop_end_work(AgentLoop *loop)
{
    require(loop->at_work > 0);
    loop->at_work--;
}

bool agent_loop_is_at_work(const AgentLoop *loop)
{
    return loop->at_work > 0;
}
