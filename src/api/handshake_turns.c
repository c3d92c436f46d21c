#include "api/handshake_turns.h"

#include "base/clock.h"

struct HandshakeTurns {
    unsigned max;
    int64_t share_ns;
    bool is_stopped;
    GQueue waiting, running; /* of HandshakeTurn, the oldest first */
    GSource *timer;          /* until a running one has had its share */
};

static void schedule(HandshakeTurns *turns);

HandshakeTurns *handshake_turns_new(unsigned max, int64_t share_ns)
{
    HandshakeTurns *turns = g_new0(HandshakeTurns, 1);
    turns->max = max;
    turns->share_ns = share_ns;
    return turns;
}

static void clear_timer(HandshakeTurns *turns)
{
    if (turns->timer == NULL)
        return;
    g_source_destroy(turns->timer);
    g_clear_pointer(&turns->timer, g_source_unref);
}

void handshake_turns_stop(HandshakeTurns *turns)
{
    turns->is_stopped = true;
    clear_timer(turns);
}

void handshake_turns_free(HandshakeTurns *turns)
{
    if (turns == NULL)
        return;
    clear_timer(turns);
    g_free(turns);
}

/* The oldest that runs and was not told to end. */
static HandshakeTurn *find_oldest(const HandshakeTurns *turns)
{
    for (GList *link = turns->running.head; link != NULL; link = link->next) {
        HandshakeTurn *turn = link->data;
        if (!turn->has_yielded)
            return turn;
    }
    return NULL;
}

/* Each that waits is worth one that ends. */
static bool is_worth_it(const HandshakeTurns *turns)
{
    unsigned ending = 0;
    for (GList *link = turns->running.head; link != NULL; link = link->next)
        ending += ((HandshakeTurn *)link->data)->has_yielded;
    return turns->waiting.length > ending;
}

static gboolean on_share_over(gpointer data)
{
    HandshakeTurns *turns = data;
    HandshakeTurn *oldest = find_oldest(turns);
    g_clear_pointer(&turns->timer, g_source_unref);
    if (oldest != NULL) {
        oldest->has_yielded = true;
        oldest->yield(oldest->owner);
    }
    schedule(turns);
    return G_SOURCE_REMOVE;
}

static void schedule(HandshakeTurns *turns)
{
    const HandshakeTurn *oldest = find_oldest(turns);
    clear_timer(turns);
    if (oldest == NULL || !is_worth_it(turns))
        return;
    const int64_t left_ns = oldest->began_ns + turns->share_ns - clock_monotonic_ns();
    turns->timer = g_timeout_source_new((guint)(MAX(left_ns, 0) / NS_PER_MS));
    g_source_set_callback(turns->timer, on_share_over, turns, NULL);
    g_source_attach(turns->timer, NULL);
}

static void let_in(HandshakeTurns *turns)
{
    if (turns->is_stopped)
        return;
    while (turns->running.length < turns->max && turns->waiting.length > 0) {
        HandshakeTurn *turn = g_queue_pop_tail_link(&turns->waiting)->data;
        turn->is_waiting = false;
        turn->is_running = true;
        turn->began_ns = clock_monotonic_ns();
        g_queue_push_tail_link(&turns->running, &turn->link);
        turn->begin(turn->owner);
    }
    schedule(turns);
}

void handshake_turn_ask(HandshakeTurns *turns, HandshakeTurn *turn)
{
    turn->link = (GList){.data = turn};
    turn->is_waiting = true;
    g_queue_push_tail_link(&turns->waiting, &turn->link);
    let_in(turns);
}

void handshake_turn_end(HandshakeTurns *turns, HandshakeTurn *turn)
{
    if (!turn->is_waiting && !turn->is_running)
        return;
    g_queue_unlink(turn->is_waiting ? &turns->waiting : &turns->running, &turn->link);
    turn->is_waiting = false;
    turn->is_running = false;
    let_in(turns);
}
