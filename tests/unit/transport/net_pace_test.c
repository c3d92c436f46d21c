#include <glib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/net_pace.h"
#include "transport_test.h"

#define MANY 300
#define POLLED 15 /* the most that are read by poll */

typedef struct Line Line;

typedef struct {
    GMainContext *context;
    NetPace *pace;
    unsigned told; /* the calls of before_drain */
    unsigned drains;
} Desk;

/* A socket with who sends to it. */
struct Line {
    NetSocket socket;
    Desk *desk;
    int far_end;
    unsigned sent, received, drains;
    unsigned at_once; /* datagrams in a drain; 0 = all */
    bool is_added, is_shared;
    unsigned refusals;       /* to be shared */
    void (*act)(Line *line); /* in a drain that has read something */
    Line *other;
};

static void note_drain(void *owner)
{
    ((Desk *)owner)->told++;
}

static void desk_init(Desk *desk)
{
    *desk = (Desk){.context = g_main_context_new()};
    desk->pace = net_pace_new(desk->context, (NetPaceOut){desk, note_drain});
}

static void desk_clear(Desk *desk)
{
    net_pace_free(desk->pace);
    g_main_context_unref(desk->context);
}

/* Datagrams carry their number: they come in order, each once. */
static bool on_drain(void *owner)
{
    Line *line = owner;
    unsigned number, read = 0;
    g_assert_true(line->is_added);
    line->drains++;
    line->desk->drains++;
    g_assert_cmpuint(line->desk->told, >=, line->desk->drains);
    while (line->at_once == 0 || read < line->at_once) {
        if (recv(line->socket.fd, &number, sizeof number, MSG_DONTWAIT) < 0)
            break;
        g_assert_cmpuint(number, ==, line->received);
        line->received++;
        read++;
    }
    if (read > 0 && line->act)
        line->act(line);
    return line->at_once > 0 && read == line->at_once;
}

static void line_init(Line *line, Desk *desk)
{
    int ends[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), ==, 0);
    *line = (Line){.desk = desk, .far_end = ends[1]};
    line->socket = (NetSocket){.fd = ends[0], .owner = line, .drain = on_drain};
}

static void line_add(Line *line)
{
    line->is_added = true;
    net_pace_add(line->desk->pace, &line->socket);
}

static void line_remove(Line *line)
{
    line->is_added = false;
    net_pace_remove(line->desk->pace, &line->socket);
}

static void line_clear(Line *line)
{
    if (line->is_added)
        line_remove(line);
    close(line->socket.fd);
    close(line->far_end);
}

static Line *lines_new(Desk *desk, unsigned count)
{
    Line *lines = g_new0(Line, count);
    for (unsigned i = 0; i < count; i++)
        line_init(&lines[i], desk);
    return lines;
}

static void lines_add(Line *lines, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        line_add(&lines[i]);
}

static void lines_free(Line *lines, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        line_clear(&lines[i]);
    g_free(lines);
}

static void line_send(Line *line)
{
    g_assert_cmpint(send(line->far_end, &line->sent, sizeof line->sent, MSG_DONTWAIT), ==,
                    sizeof line->sent);
    line->sent++;
}

static void lines_send(Line *lines, unsigned count, unsigned datagrams)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < datagrams; k++)
            line_send(&lines[i]);
    }
}

static bool have_all(const Line *lines, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (lines[i].is_added && lines[i].received < lines[i].sent)
            return false;
    }
    return true;
}

static void wait_for_all(const Line *lines, unsigned count)
{
    while (!have_all(lines, count))
        g_main_context_iteration(lines->desk->context, TRUE);
}

/* ---- the interval ---- */

static void test_interval(void)
{
    static const struct {
        unsigned sockets;
        int64_t interval_ms;
    } rows[] = {{0, 0},   {1, 0},    {15, 0},   {16, 5},        {49, 5},
                {50, 10}, {199, 10}, {200, 37}, {G_MAXUINT, 37}};
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(net_pace_interval_ns(rows[i].sockets), ==, rows[i].interval_ms * NS_PER_MS);
}

static void expect_rounding(const Desk *desk, int64_t step_ns)
{
    const int64_t now_ns = clock_monotonic_ns();
    for (int64_t at_ns = now_ns; at_ns < now_ns + 50 * NS_PER_MS; at_ns += 777777) {
        const int64_t rounded_ns = net_pace_round_up(desk->pace, at_ns);
        if (step_ns == 0) {
            g_assert_cmpint(rounded_ns, ==, at_ns);
            continue;
        }
        g_assert_cmpint(rounded_ns, >=, at_ns);
        g_assert_cmpint(rounded_ns, <, at_ns + step_ns);
        g_assert_cmpint(net_pace_round_up(desk->pace, rounded_ns), ==, rounded_ns);
        g_assert_cmpint(net_pace_round_up(desk->pace, rounded_ns + 1), ==, rounded_ns + step_ns);
    }
    g_assert_cmpint(net_pace_round_up(desk->pace, CLOCK_NEVER), ==, CLOCK_NEVER);
    g_assert_cmpint(net_pace_round_up(desk->pace, CLOCK_NEVER - 1), >=, CLOCK_NEVER - 1);
}

static void test_round_up(void)
{
    Desk desk;
    desk_init(&desk);
    Line *lines = lines_new(&desk, 200);
    for (unsigned i = 0; i <= 200; i++) {
        if (i == 0 || i == 15 || i == 16 || i == 50 || i == 200)
            expect_rounding(&desk, MIN(net_pace_interval_ns(i), 10 * NS_PER_MS));
        if (i < 200)
            line_add(&lines[i]);
    }
    for (unsigned i = 200; i > 10; i--)
        line_remove(&lines[i - 1]);
    expect_rounding(&desk, 0);
    lines_free(lines, 200);
    desk_clear(&desk);
}

/* ---- every datagram, in both modes ---- */

/* Few are read in the turn in which something comes, and only those to which it came. */
static void test_poll(void)
{
    Desk desk;
    desk_init(&desk);
    Line *lines = lines_new(&desk, POLLED);
    lines_add(lines, POLLED);
    g_assert_false(g_main_context_iteration(desk.context, FALSE));
    line_send(&lines[3]);
    line_send(&lines[POLLED - 1]);
    g_assert_true(g_main_context_iteration(desk.context, FALSE));
    g_assert_true(have_all(lines, POLLED));
    g_assert_cmpuint(desk.drains, ==, 2);
    g_assert_cmpuint(desk.told, ==, 2);
    g_assert_false(g_main_context_iteration(desk.context, FALSE));
    lines_free(lines, POLLED);
    desk_clear(&desk);
}

static void test_every_datagram(void)
{
    Desk desk;
    desk_init(&desk);
    Line *lines = lines_new(&desk, MANY);
    lines_add(lines, MANY);
    for (unsigned round = 0; round < 3; round++) {
        lines_send(lines, MANY, 4);
        wait_for_all(lines, MANY);
    }
    g_assert_cmpuint(desk.told, ==, desk.drains);
    for (unsigned i = POLLED; i < MANY; i++)
        line_remove(&lines[i]);
    lines_send(lines, MANY, 1); /* also to those that are not read any more */
    wait_for_all(lines, POLLED);
    g_assert_cmpuint(lines[MANY - 1].received, ==, 12);
    lines_add(lines + POLLED, MANY - POLLED); /* with something that waits for them */
    wait_for_all(lines, MANY);
    lines_free(lines, MANY);
    desk_clear(&desk);
}

static void test_drain_now(void)
{
    static const unsigned counts[] = {POLLED, MANY};
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        Desk desk;
        desk_init(&desk);
        Line *lines = lines_new(&desk, counts[i]);
        lines_add(lines, counts[i]);
        lines_send(lines, counts[i], 1);
        net_pace_begin_sharing(desk.pace);
        net_pace_end_sharing(desk.pace);
        g_assert_true(have_all(lines, counts[i]));
        g_assert_cmpuint(desk.told, ==, counts[i]);
        lines_free(lines, counts[i]);
        desk_clear(&desk);
    }
}

static bool on_share(void *owner, bool is_shared)
{
    Line *line = owner;
    line->is_shared = is_shared;
    if (!is_shared || line->refusals == 0)
        return true;
    line->refusals--;
    line_send(line); /* what came meanwhile, and is drained before the next try */
    return false;
}

/* One that still has something is tried again, a few times, and is shared all the same. */
static void test_sharing(void)
{
    static const unsigned refusals[] = {0, 3, 4};
    for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
        Desk desk;
        desk_init(&desk);
        Line *lines = lines_new(&desk, 3);
        lines[1].socket.share = lines[2].socket.share = on_share;
        lines[2].refusals = refusals[i];
        lines_add(lines, 3);
        lines_send(lines, 3, 2);
        net_pace_begin_sharing(desk.pace);
        g_assert_cmpuint(lines[2].received, ==, 2 + MIN(refusals[i], 3));
        g_assert_true(lines[1].is_shared && lines[2].is_shared);
        net_pace_end_sharing(desk.pace);
        g_assert_false(lines[1].is_shared || lines[2].is_shared);
        wait_for_all(lines, 3);
        lines_free(lines, 3);
        desk_clear(&desk);
    }
}

/* ---- turns ---- */

static void send_another(Line *line)
{
    line_send(line);
}

/* However much comes: a socket that always has something else is not read more often. */
static void test_bounded_turns(gconstpointer data)
{
    const unsigned count = GPOINTER_TO_UINT(data);
    const unsigned turns = 20;
    Desk desk;
    desk_init(&desk);
    Line *lines = lines_new(&desk, count);
    lines_add(lines, count);
    for (unsigned i = 0; i < count; i++)
        lines[i].act = send_another;
    const int64_t start_ns = clock_monotonic_ns();
    lines_send(lines, count, 1);
    while (lines[0].drains < turns)
        g_main_context_iteration(desk.context, TRUE);
    const int64_t passed_ns = clock_monotonic_ns() - start_ns;
    g_assert_cmpint(passed_ns, >=, (turns - 2) * net_pace_interval_ns(count));
    lines_free(lines, count);
    desk_clear(&desk);
}

/* What was not all is read at once, and not at the next interval. */
static void test_more_to_read(gconstpointer data)
{
    const unsigned count = GPOINTER_TO_UINT(data);
    Desk desk;
    desk_init(&desk);
    Line *lines = lines_new(&desk, count);
    lines_add(lines, count);
    lines[count - 1].at_once = 1;
    lines_send(&lines[count - 1], 1, 8);
    while (lines[count - 1].received == 0)
        g_main_context_iteration(desk.context, TRUE);
    for (unsigned i = 2; i <= 8; i++) {
        g_assert_true(g_main_context_iteration(desk.context, FALSE));
        g_assert_cmpuint(lines[count - 1].received, ==, i);
    }
    lines_free(lines, count);
    desk_clear(&desk);
}

/* ---- from within a drain ---- */

static void remove_other(Line *line)
{
    line_remove(line->other);
    line->act = NULL;
}

static void add_other(Line *line)
{
    line_add(line->other);
    line->act = NULL;
}

static void replace_self(Line *line)
{
    line_remove(line);
    line_add(line->other);
}

typedef struct {
    unsigned count, victim;
} RemoveRow;

static const RemoveRow remove_rows[] = {{3, 0},   {3, 1},   {3, 2},  {40, 19}, {40, 20},
                                        {40, 21}, {40, 39}, {16, 7}, {16, 8},  {16, 9}};

/* The middle one removes a socket, with 16 of them over the edge to reading by poll. */
static void test_remove_within(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(remove_rows); i++) {
        const RemoveRow *row = &remove_rows[i];
        Desk desk;
        desk_init(&desk);
        Line *lines = lines_new(&desk, row->count);
        lines_add(lines, row->count);
        lines[row->count / 2].act = remove_other;
        lines[row->count / 2].other = &lines[row->victim];
        lines_send(lines, row->count, 1);
        wait_for_all(lines, row->count);
        g_assert_false(lines[row->victim].is_added);
        for (unsigned round = 0; round < 3; round++) {
            lines_send(lines, row->count, 1);
            wait_for_all(lines, row->count);
        }
        g_assert_cmpuint(lines[row->victim].received, <=, 1);
        lines_free(lines, row->count);
        desk_clear(&desk);
    }
}

/* Over the edge to the pace, too. */
static void test_add_within(void)
{
    static const unsigned counts[] = {1, POLLED, POLLED + 1, 60};
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        Desk desk;
        desk_init(&desk);
        Line *lines = lines_new(&desk, counts[i] + 1);
        lines_add(lines, counts[i]);
        lines[0].act = add_other;
        lines[0].other = &lines[counts[i]];
        lines_send(lines, counts[i] + 1, 2);
        while (!lines[counts[i]].is_added || !have_all(lines, counts[i] + 1))
            g_main_context_iteration(desk.context, TRUE);
        lines_free(lines, counts[i] + 1);
        desk_clear(&desk);
    }
}

static void test_replace_within(void)
{
    static const unsigned counts[] = {1, POLLED, POLLED + 1, 60};
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        const unsigned count = counts[i];
        Desk desk;
        desk_init(&desk);
        Line *lines = lines_new(&desk, 2 * count);
        lines_add(lines, count);
        for (unsigned k = 0; k < count; k++) {
            lines[k].act = replace_self;
            lines[k].other = &lines[count + k];
        }
        lines_send(lines, 2 * count, 1);
        while (lines[2 * count - 1].received == 0 || !have_all(lines, 2 * count))
            g_main_context_iteration(desk.context, TRUE);
        for (unsigned k = 0; k < count; k++)
            g_assert_true(!lines[k].is_added && lines[count + k].is_added);
        lines_free(lines, 2 * count);
        desk_clear(&desk);
    }
}

/* ---- many changes ---- */

#define CROWD 40

typedef struct {
    Desk desk; /* first: what a line knows of it */
    Line *lines;
    GRand *random;
} Crowd;

static void change_one(Crowd *crowd)
{
    Line *line = &crowd->lines[g_rand_int_range(crowd->random, 0, CROWD)];
    if (line->is_added)
        line_remove(line);
    else
        line_add(line);
}

static void change_some(Line *line)
{
    for (unsigned i = 0; i < 3; i++)
        change_one((Crowd *)line->desk);
}

/* Sockets come and go around both edges of the first step, also while they are read. */
static void test_at_random(void)
{
    Crowd crowd = {.random = g_rand_new_with_seed(3)};
    desk_init(&crowd.desk);
    crowd.lines = lines_new(&crowd.desk, CROWD);
    for (unsigned round = 0; round < 400; round++) {
        for (unsigned i = 0; i < 4; i++)
            change_one(&crowd);
        for (unsigned i = 0; i < CROWD; i++) {
            crowd.lines[i].act = i % 4 == round % 4 ? change_some : NULL;
            if (crowd.lines[i].received == crowd.lines[i].sent)
                line_send(&crowd.lines[i]);
        }
        wait_for_all(crowd.lines, CROWD);
    }
    for (unsigned i = 0; i < CROWD; i++)
        g_assert_cmpuint(crowd.lines[i].received, >, 10);
    lines_free(crowd.lines, CROWD);
    g_rand_free(crowd.random);
    desk_clear(&crowd.desk);
}

void net_pace_test_add(void)
{
    g_test_add_func("/net_pace/interval", test_interval);
    g_test_add_func("/net_pace/round_up", test_round_up);
    g_test_add_func("/net_pace/poll", test_poll);
    g_test_add_func("/net_pace/every_datagram", test_every_datagram);
    g_test_add_func("/net_pace/drain_now", test_drain_now);
    g_test_add_func("/net_pace/sharing", test_sharing);
    g_test_add_data_func("/net_pace/bounded_turns/16", GUINT_TO_POINTER(16), test_bounded_turns);
    g_test_add_data_func("/net_pace/bounded_turns/50", GUINT_TO_POINTER(50), test_bounded_turns);
    g_test_add_data_func("/net_pace/bounded_turns/200", GUINT_TO_POINTER(200), test_bounded_turns);
    g_test_add_data_func("/net_pace/more_to_read/1", GUINT_TO_POINTER(1), test_more_to_read);
    g_test_add_data_func("/net_pace/more_to_read/50", GUINT_TO_POINTER(50), test_more_to_read);
    g_test_add_func("/net_pace/remove_within", test_remove_within);
    g_test_add_func("/net_pace/add_within", test_add_within);
    g_test_add_func("/net_pace/replace_within", test_replace_within);
    g_test_add_func("/net_pace/at_random", test_at_random);
}
