#include "transport/net_pace.h"

#include "base/check.h"
#include "base/clock.h"

#define SHARE_TRIES 4
/* No multiple of the distance of pictures or sounds: else each of a track's would wait as long as
 * the one before, and the clock take that for its way. */
#define LONG_TURN_NS (37 * NS_PER_MS)
/* What a long turn finds missing is asked for before the next one. */
#define TIMER_STEP_NS (10 * NS_PER_MS)

typedef struct {
    GSource source;
    NetPace *pace;
} PaceSource;

struct NetPace {
    GSource *source;
    NetPaceOut out;
    GPtrArray *sockets; /* of NetSocket*; NULL where one was removed within a turn */
    unsigned count;
    int64_t interval_ns; /* 0 = by poll */
    bool is_draining;
};

static const struct {
    unsigned sockets;
    int64_t interval_ns;
} steps[] = {{200, LONG_TURN_NS}, {50, 10 * NS_PER_MS}, {16, 5 * NS_PER_MS}};

int64_t net_pace_interval_ns(unsigned sockets)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (sockets >= steps[i].sockets)
            return steps[i].interval_ns;
    }
    return 0;
}

static int64_t round_up(int64_t at_ns, int64_t step_ns)
{
    if (step_ns == 0 || at_ns > CLOCK_NEVER - step_ns)
        return at_ns;
    return (at_ns + step_ns - 1) / step_ns * step_ns;
}

int64_t net_pace_round_up(const NetPace *pace, int64_t at_ns)
{
    return round_up(at_ns, MIN(pace->interval_ns, TIMER_STEP_NS));
}

static void poll_socket(const NetPace *pace, NetSocket *socket)
{
    socket->tag = g_source_add_unix_fd(pace->source, socket->fd, G_IO_IN);
}

static void leave_poll(const NetPace *pace, NetSocket *socket)
{
    if (socket->tag)
        g_source_remove_unix_fd(pace->source, socket->tag);
    socket->tag = NULL;
}

static void set_next_turn(const NetPace *pace)
{
    if (pace->interval_ns == 0)
        g_source_set_ready_time(pace->source, -1);
    else
        g_source_set_ready_time(pace->source,
                                round_up(clock_monotonic_ns() + 1, pace->interval_ns) / NS_PER_US);
}

static void change_interval(NetPace *pace, int64_t interval_ns)
{
    const bool polled = pace->interval_ns == 0, polls = interval_ns == 0;
    if (interval_ns == pace->interval_ns)
        return;
    pace->interval_ns = interval_ns;
    for (unsigned i = 0; i < pace->sockets->len && polled != polls; i++) {
        NetSocket *socket = pace->sockets->pdata[i];
        if (socket && polls)
            poll_socket(pace, socket);
        else if (socket)
            leave_poll(pace, socket);
    }
    set_next_turn(pace);
}

static void forget_removed(NetPace *pace)
{
    for (unsigned i = pace->sockets->len; i > 0; i--) {
        if (pace->sockets->pdata[i - 1])
            continue;
        g_ptr_array_remove_index_fast(pace->sockets, i - 1);
        if (i - 1 < pace->sockets->len && pace->sockets->pdata[i - 1])
            ((NetSocket *)pace->sockets->pdata[i - 1])->index = i - 1;
    }
}

static bool is_due(const NetPace *pace, const NetSocket *socket)
{
    return socket->tag && g_source_query_unix_fd(pace->source, socket->tag) != 0;
}

static bool has_socket(const NetPace *pace, unsigned index)
{
    return pace->sockets->pdata[index] != NULL;
}

static const NetSocket *socket_behind(const NetPace *pace, unsigned index, unsigned distance)
{
    return index + distance < pace->sockets->len ? pace->sockets->pdata[index + distance] : NULL;
}

/* For the next ones in this turn. */
static void fetch_ahead(const NetPace *pace, unsigned index)
{
    const NetSocket *next = socket_behind(pace, index, 1);
    const NetSocket *second = socket_behind(pace, index, 2);
    if (second)
        hot_memory_fetch_list(&second->hot);
    if (next)
        hot_memory_fetch(&next->hot);
}

/* True when that was not all. */
static bool drain(const NetPace *pace, unsigned index)
{
    const NetSocket *socket = pace->sockets->pdata[index];
    if (pace->interval_ns > 0)
        fetch_ahead(pace, index);
    pace->out.before_drain(pace->out.owner);
    return socket->drain(socket->owner);
}

static bool drain_sockets(NetPace *pace, bool all)
{
    bool has_more = false;
    pace->is_draining = true;
    for (unsigned i = 0; i < pace->sockets->len; i++) {
        if (has_socket(pace, i) && (all || is_due(pace, pace->sockets->pdata[i])))
            has_more |= drain(pace, i);
    }
    pace->is_draining = false;
    if (pace->count < pace->sockets->len)
        forget_removed(pace);
    return has_more;
}

static gboolean on_turn(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)callback;
    (void)data;
    NetPace *pace = ((PaceSource *)source)->pace;
    const bool has_more = drain_sockets(pace, pace->interval_ns > 0);
    if (has_more && pace->interval_ns > 0)
        g_source_set_ready_time(source, 0);
    else
        set_next_turn(pace);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {.dispatch = on_turn};

NetPace *net_pace_new(GMainContext *context, NetPaceOut out)
{
    NetPace *pace = g_new0(NetPace, 1);
    pace->out = out;
    pace->sockets = g_ptr_array_new();
    pace->source = g_source_new(&source_functions, sizeof(PaceSource));
    ((PaceSource *)pace->source)->pace = pace;
    g_source_set_name(pace->source, "net_pace");
    g_source_attach(pace->source, context);
    return pace;
}

void net_pace_free(NetPace *pace)
{
    if (!pace)
        return;
    require(pace->count == 0);
    g_source_destroy(pace->source);
    g_source_unref(pace->source);
    g_ptr_array_unref(pace->sockets);
    g_free(pace);
}

unsigned net_pace_count(const NetPace *pace)
{
    return pace->count;
}

static bool share(const NetPace *pace, unsigned index, bool is_shared)
{
    const NetSocket *socket = pace->sockets->pdata[index];
    return !socket->share || socket->share(socket->owner, is_shared);
}

/* What came between the two is drained as well. One that always has more is shared all the same:
 * nobody else waits for it, and what is taken amiss is its own. */
static void drain_and_share(const NetPace *pace, unsigned index)
{
    if (has_socket(pace, index))
        drain(pace, index);
    for (unsigned i = 1; has_socket(pace, index) && !share(pace, index, true) && i < SHARE_TRIES;
         i++) {
        share(pace, index, false);
        drain(pace, index);
    }
}

void net_pace_begin_sharing(NetPace *pace)
{
    pace->is_draining = true;
    for (unsigned i = 0; i < pace->sockets->len; i++)
        drain_and_share(pace, i);
    pace->is_draining = false;
    if (pace->count < pace->sockets->len)
        forget_removed(pace);
}

void net_pace_end_sharing(NetPace *pace)
{
    for (unsigned i = 0; i < pace->sockets->len; i++)
        share(pace, i, false);
}

void net_pace_add(NetPace *pace, NetSocket *socket)
{
    socket->index = pace->sockets->len;
    socket->tag = NULL;
    socket->hot.count = 0;
    g_ptr_array_add(pace->sockets, socket);
    pace->count++;
    if (pace->interval_ns == 0)
        poll_socket(pace, socket);
    change_interval(pace, net_pace_interval_ns(pace->count));
}

void net_pace_remove(NetPace *pace, NetSocket *socket)
{
    require(pace->sockets->pdata[socket->index] == socket);
    leave_poll(pace, socket);
    pace->sockets->pdata[socket->index] = NULL;
    pace->count--;
    if (!pace->is_draining)
        forget_removed(pace);
    change_interval(pace, net_pace_interval_ns(pace->count));
}
