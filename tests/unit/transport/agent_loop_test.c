#include <glib-unix.h>
#include <glib.h>
#include <stdbool.h>
#include <unistd.h>

#include "transport/agent_loop.h"
#include "transport_test.h"

#define MANY_TURNS 50

/* A loop in a thread's context, and a source of an agent's that counts how often it is looked at.
 */
typedef struct {
    GMainContext *context;
    AgentLoop *loop;
    GSource *source;
    unsigned fired;
} Yard;

typedef struct {
    GSource source;
    unsigned looks;
} CountedSource;

static gboolean count_look(GSource *source, int *ret_timeout_ms)
{
    ((CountedSource *)source)->looks++;
    *ret_timeout_ms = -1;
    return FALSE;
}

static GSourceFuncs counted_functions = {.prepare = count_look};

static void yard_init(Yard *yard)
{
    *yard = (Yard){.context = g_main_context_new()};
    yard->loop = agent_loop_new(yard->context);
    yard->source = g_source_new(&counted_functions, sizeof(CountedSource));
    g_source_attach(yard->source, agent_loop_context(yard->loop));
}

static void yard_clear(Yard *yard)
{
    g_source_destroy(yard->source);
    g_source_unref(yard->source);
    agent_loop_free(yard->loop);
    g_main_context_unref(yard->context);
}

static gboolean fire(gpointer yard)
{
    ((Yard *)yard)->fired++;
    return G_SOURCE_REMOVE;
}

static gboolean on_room(int fd, GIOCondition condition, gpointer yard)
{
    (void)fd;
    (void)condition;
    return fire(yard);
}

static void attach(Yard *yard, GSource *source, GSourceFunc run)
{
    g_source_set_callback(source, run, yard, NULL);
    g_source_attach(source, agent_loop_context(yard->loop));
    g_source_unref(source);
}

static unsigned looks_in_turns(const Yard *yard)
{
    const CountedSource *source = (CountedSource *)yard->source;
    const unsigned before = source->looks;
    for (unsigned i = 0; i < MANY_TURNS; i++)
        g_main_context_iteration(yard->context, FALSE);
    return source->looks - before;
}

/* The turns of a thread whose agents rest do not look at what those have. */
static void test_rest(void)
{
    Yard yard;
    yard_init(&yard);
    attach(&yard, g_timeout_source_new(0), fire);
    g_assert_cmpuint(looks_in_turns(&yard), ==, 0);
    g_assert_cmpuint(yard.fired, ==, 0);
    agent_loop_look(yard.loop);
    g_assert_cmpuint(yard.fired, ==, 1);
    agent_loop_begin_work(yard.loop);
    g_assert_cmpuint(looks_in_turns(&yard), >=, MANY_TURNS);
    agent_loop_end_work(yard.loop);
    g_assert_cmpuint(looks_in_turns(&yard), ==, 0);
    yard_clear(&yard);
}

/* One that works is enough, and the thread wakes up for its timers by itself. */
static void test_work(void)
{
    Yard yard;
    yard_init(&yard);
    agent_loop_begin_work(yard.loop);
    agent_loop_begin_work(yard.loop);
    agent_loop_end_work(yard.loop);
    attach(&yard, g_timeout_source_new(2), fire);
    while (yard.fired == 0)
        g_main_context_iteration(yard.context, TRUE);
    attach(&yard, g_idle_source_new(), fire);
    while (yard.fired == 1)
        g_main_context_iteration(yard.context, TRUE);
    agent_loop_end_work(yard.loop);
    yard_clear(&yard);
}

/* A socket that becomes ready wakes up nobody, and is seen soon all the same. */
static void test_socket(void)
{
    Yard yard;
    int ends[2];
    yard_init(&yard);
    g_assert_cmpint(pipe(ends), ==, 0);
    agent_loop_begin_work(yard.loop);
    attach(&yard, g_unix_fd_source_new(ends[0], G_IO_IN), G_SOURCE_FUNC(on_room));
    g_main_context_iteration(yard.context, TRUE);
    g_assert_cmpuint(yard.fired, ==, 0);
    g_assert_cmpint(write(ends[1], "x", 1), ==, 1);
    while (yard.fired == 0)
        g_main_context_iteration(yard.context, TRUE);
    agent_loop_end_work(yard.loop);
    yard_clear(&yard);
    close(ends[0]);
    close(ends[1]);
}

/* The thread ends before a TURN server has answered that its relay is over. */
static void test_ended_at_work(void)
{
    Yard yard;
    yard_init(&yard);
    agent_loop_begin_work(yard.loop);
    g_main_context_iteration(yard.context, FALSE);
    yard_clear(&yard);
}

void agent_loop_test_add(void)
{
    g_test_add_func("/agent_loop/rest", test_rest);
    g_test_add_func("/agent_loop/work", test_work);
    g_test_add_func("/agent_loop/socket", test_socket);
    g_test_add_func("/agent_loop/ended_at_work", test_ended_at_work);
}
