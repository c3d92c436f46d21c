#include "transport/sctp_stack.h"

#include <pthread.h>
#include <usrsctp.h>

#include "base/clock.h"

#define TICK_MS 100
#define STREAMS 1024

static struct {
    pthread_once_t once;
    NetThread *thread;
    GHashTable *routes; /* SctpAddress -> SctpRoute* */
    SctpAddress last_address;
    GSource *timer; /* runs while there are routes */
    int64_t last_tick_ns;
} stack = {.once = PTHREAD_ONCE_INIT};

static int on_output(void *address, void *buffer, size_t length, uint8_t tos, uint8_t set_df)
{
    (void)tos;
    (void)set_df;
    const SctpRoute *route = g_hash_table_lookup(stack.routes, address);
    if (route)
        route->packet(route->owner, buffer, length);
    return 0;
}

static void start_usrsctp(void *owner, void *message)
{
    (void)owner;
    (void)message;
    usrsctp_init_nothreads(0, on_output, NULL);
    usrsctp_sysctl_set_sctp_blackhole(2); /* no ABORT for what nobody knows */
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_nr_outgoing_streams_default(STREAMS);
}

static void start(void)
{
    stack.routes = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    stack.thread = net_thread_new("sctp");
    if (stack.thread)
        net_thread_post(stack.thread, start_usrsctp, NULL, NULL);
}

NetThread *sctp_stack_thread(void)
{
    pthread_once(&stack.once, start);
    return stack.thread;
}

void sctp_stack_end(void)
{
    net_thread_free(g_steal_pointer(&stack.thread));
}

static gboolean on_tick(gpointer data)
{
    (void)data;
    const int64_t now_ns = clock_monotonic_ns();
    const int64_t elapsed_ms = (now_ns - stack.last_tick_ns) / NS_PER_MS;
    stack.last_tick_ns += elapsed_ms * NS_PER_MS;
    usrsctp_handle_timers((uint32_t)elapsed_ms);
    return G_SOURCE_CONTINUE;
}

static void start_timer(void)
{
    stack.last_tick_ns = clock_monotonic_ns();
    stack.timer = g_timeout_source_new(TICK_MS);
    g_source_set_callback(stack.timer, on_tick, NULL, NULL);
    g_source_attach(stack.timer, net_thread_context(stack.thread));
}

static void stop_timer(void)
{
    g_source_destroy(stack.timer);
    g_source_unref(stack.timer);
    stack.timer = NULL;
}

SctpAddress sctp_stack_add(SctpRoute route)
{
    const SctpAddress address = ++stack.last_address;
    g_hash_table_insert(stack.routes, (gpointer)address, g_memdup2(&route, sizeof route));
    usrsctp_register_address((void *)address);
    if (!stack.timer)
        start_timer();
    return address;
}

void sctp_stack_remove(SctpAddress address)
{
    usrsctp_deregister_address((void *)address);
    g_hash_table_remove(stack.routes, (gpointer)address);
    if (g_hash_table_size(stack.routes) == 0)
        stop_timer();
}

void *sctp_stack_find(SctpAddress address)
{
    const SctpRoute *route = g_hash_table_lookup(stack.routes, (gpointer)address);
    return route ? route->owner : NULL;
}
