#include <glib.h>
#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "flow/bounded_queue.h"
#include "flow_test.h"

static Frame *new_frame(Pool *pool, bool is_key, uint32_t number, size_t size)
{
    Frame *frame = frame_new(pool, size);
    g_assert_nonnull(frame);
    frame->is_key = is_key;
    frame->rtp_timestamp = number;
    frame->size = size;
    return frame;
}

/* Takes one frame and notes it as K3 or d4. */
static void note_frame(BoundedQueue *queue, GString *taken)
{
    Frame *frame;
    if (bounded_queue_get(queue, &frame) != QUEUE_FRAME) {
        g_string_append(taken, "- ");
        return;
    }
    g_string_append_printf(taken, "%c%u ", frame->is_key ? 'K' : 'd', frame->rtp_timestamp);
    frame_unref(frame);
}

typedef struct {
    BoundedQueue *queue;
    Pool *pool;
    GString *puts;  /* per put: accepted or not, how many went, '!' = needs a key frame */
    GString *taken; /* what '<' took */
    uint32_t number;
} Scene;

static void run_step(Scene *scene, char step)
{
    if (step == '<') {
        note_frame(scene->queue, scene->taken);
        return;
    }
    /* K, d: 10 bytes; B, b: 60 bytes; G: a key frame over the queue's ceiling */
    const size_t size = step == 'B' || step == 'b' ? 60 : step == 'G' ? 101 : 10;
    Frame *frame =
        new_frame(scene->pool, step == 'K' || step == 'B' || step == 'G', ++scene->number, size);
    const QueuePut put = bounded_queue_put(scene->queue, frame);
    g_string_append_printf(scene->puts, "%c%u%s ", put.accepted ? '+' : '-', put.dropped,
                           put.needs_keyframe ? "!" : "");
}

/* Each scene: room for 4 frames and 100 bytes. Frames are numbered by the steps that put them. */
static const struct {
    TrackKind kind;
    const char *steps, *puts, *taken, *left;
} scenes[] = {
    /* nothing is full */
    {TRACK_VIDEO, "Kd<d<<<", "+0 +0 +0 ", "K1 d2 d3 - ", ""},
    {TRACK_VIDEO, "ddd", "+0 +0 +0 ", "", "d1 d2 d3 "},
    /* the oldest and all up to the next key frame go */
    {TRACK_VIDEO, "KddKd", "+0 +0 +0 +0 +3 ", "", "K4 d5 "},
    {TRACK_VIDEO, "KKddd", "+0 +0 +0 +0 +1 ", "", "K2 d3 d4 d5 "},
    {TRACK_VIDEO, "Kd<<KddKd", "+0 +0 +0 +0 +0 +0 +3 ", "K1 d2 ", "K6 d7 "},
    {TRACK_VIDEO, "Kd<dKdd", "+0 +0 +0 +0 +0 +2 ", "K1 ", "K4 d5 d6 "},
    /* no key frame left: empty, and refused until one comes */
    {TRACK_VIDEO, "Kdddd", "+0 +0 +0 +0 -5! ", "", ""},
    {TRACK_VIDEO, "KdddddK", "+0 +0 +0 +0 -5! -1! +0 ", "", "K7 "},
    {TRACK_VIDEO, "Kddddd<Kd", "+0 +0 +0 +0 -5! -1! +0 +0 ", "- ", "K7 d8 "},
    {TRACK_VIDEO, "Kd<dddd", "+0 +0 +0 +0 +0 -5! ", "K1 ", ""},
    /* the key frame that empties the queue is what follows */
    {TRACK_VIDEO, "KdddKd", "+0 +0 +0 +0 +4 +0 ", "", "K5 d6 "},
    /* bytes are a limit, too */
    {TRACK_VIDEO, "BdKb", "+0 +0 +0 +2 ", "", "K3 b4 "},
    {TRACK_VIDEO, "BB", "+0 +1 ", "", "K2 "},
    {TRACK_VIDEO, "Bb", "+0 -2! ", "", ""},
    {TRACK_VIDEO, "KdGdK", "+0 +0 -1! -1! +0 ", "", "K1 d2 K5 "},
    /* audio: the oldest goes, whatever it is called */
    {TRACK_AUDIO, "ddddd", "+0 +0 +0 +0 +1 ", "", "d2 d3 d4 d5 "},
    {TRACK_AUDIO, "ddddd<d", "+0 +0 +0 +0 +1 +0 ", "d2 ", "d3 d4 d5 d6 "},
    {TRACK_AUDIO, "dddb", "+0 +0 +0 +0 ", "", "d1 d2 d3 d4 "},
    {TRACK_AUDIO, "ddbb", "+0 +0 +0 +3 ", "", "d4 "},
    {TRACK_AUDIO, "dGd", "+0 -1 +0 ", "", "d1 d3 "},
};

static void test_drop_rules(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(scenes); i++) {
        Pool *pool = pool_new(1 << 20);
        Scene scene = {
            .queue = bounded_queue_new(scenes[i].kind, 4, 100),
            .pool = pool,
            .puts = g_string_new(NULL),
            .taken = g_string_new(NULL),
        };
        for (const char *step = scenes[i].steps; *step != '\0'; step++)
            run_step(&scene, *step);
        g_assert_cmpstr(scene.puts->str, ==, scenes[i].puts);
        g_assert_cmpstr(scene.taken->str, ==, scenes[i].taken);

        g_string_truncate(scene.taken, 0);
        const QueueStats stats = bounded_queue_stats(scene.queue);
        for (unsigned left = stats.size; left > 0; left--)
            note_frame(scene.queue, scene.taken);
        g_autoptr(GString) expected = g_string_new(scenes[i].left);
        g_string_replace(expected, "b", "d", 0);
        g_assert_cmpstr(scene.taken->str, ==, expected->str);
        g_assert_cmpuint(bounded_queue_stats(scene.queue).bytes, ==, 0);
        g_assert_cmpuint(pool_usage(pool).in_use_bytes, ==, 0);

        bounded_queue_free(scene.queue);
        g_string_free(scene.puts, TRUE);
        g_string_free(scene.taken, TRUE);
        pool_unref(pool);
    }
}

static void test_stats(void)
{
    Pool *pool = pool_new(1 << 20);
    BoundedQueue *queue = bounded_queue_new(TRACK_AUDIO, 3, 1000);
    for (uint32_t i = 0; i < 5; i++)
        bounded_queue_put(queue, new_frame(pool, false, i, 10 + i));
    QueueStats stats = bounded_queue_stats(queue);
    g_assert_cmpuint(stats.size, ==, 3);
    g_assert_cmpuint(stats.max, ==, 3);
    g_assert_cmpuint(stats.bytes, ==, 12 + 13 + 14);
    g_assert_cmpuint(stats.total_enqueued, ==, 5);
    g_assert_cmpuint(stats.dropped, ==, 2);
    bounded_queue_put(queue, new_frame(pool, false, 9, 1001));
    stats = bounded_queue_stats(queue);
    g_assert_cmpuint(stats.total_enqueued, ==, 5);
    g_assert_cmpuint(stats.dropped, ==, 3);
    bounded_queue_free(queue); /* with three frames still in it */
    g_assert_cmpuint(pool_usage(pool).in_use_bytes, ==, 0);
    bounded_queue_free(NULL);
    pool_unref(pool);
}

static void test_end_travels_through(void)
{
    Pool *pool = pool_new(1 << 20);
    BoundedQueue *queue = bounded_queue_new(TRACK_VIDEO, 3, 1000);
    Frame *frame = NULL;
    g_assert_cmpint(bounded_queue_get(queue, &frame), ==, QUEUE_EMPTY);
    bounded_queue_put(queue, new_frame(pool, true, 1, 10));
    bounded_queue_end(queue);
    const QueuePut late = bounded_queue_put(queue, new_frame(pool, true, 2, 10));
    g_assert_false(late.accepted);
    g_assert_cmpuint(late.dropped, ==, 1);
    g_assert_cmpint(bounded_queue_get(queue, &frame), ==, QUEUE_FRAME);
    g_assert_cmpuint(frame->rtp_timestamp, ==, 1);
    frame_unref(frame);
    frame = NULL;
    for (unsigned i = 0; i < 2; i++)
        g_assert_cmpint(bounded_queue_get(queue, &frame), ==, QUEUE_END);
    g_assert_null(frame);
    bounded_queue_free(queue);
    pool_unref(pool);
}

#define LONG_NS (10 * NS_PER_SECOND)

enum { THREAD_FRAMES = 50000, KEY_INTERVAL = 15, WAKE_ROUNDS = 1000 };

typedef struct {
    BoundedQueue *queue;
    Pool *pool;
    uint64_t dropped;
} Producer;

static void *produce(void *data)
{
    Producer *producer = data;
    for (uint32_t i = 0; i < THREAD_FRAMES; i++) {
        Frame *frame = frame_new(producer->pool, 100);
        g_assert_nonnull(frame);
        frame->is_key = i % KEY_INTERVAL == 0;
        frame->rtp_timestamp = i;
        frame->size = 100;
        producer->dropped += bounded_queue_put(producer->queue, frame).dropped;
    }
    bounded_queue_end(producer->queue);
    return NULL;
}

/* Whatever was dropped: what arrives is in order and has all that it refers to. */
static uint64_t consume(BoundedQueue *queue)
{
    uint64_t taken = 0;
    int64_t last = -1;
    for (;;) {
        Frame *frame;
        const QueueGet got = bounded_queue_get(queue, &frame);
        if (got == QUEUE_END)
            return taken;
        if (got == QUEUE_EMPTY) {
            sched_yield();
            continue;
        }
        g_assert_cmpint(frame->rtp_timestamp, >, last);
        if (!frame->is_key)
            g_assert_cmpint(frame->rtp_timestamp, ==, last + 1);
        last = frame->rtp_timestamp;
        taken++;
        frame_unref(frame);
    }
}

static void test_two_threads(void)
{
    Producer producer = {
        .queue = bounded_queue_new(TRACK_VIDEO, 20, 1 << 20),
        .pool = pool_new(1 << 20),
    };
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, produce, &producer), ==, 0);
    const uint64_t taken = consume(producer.queue);
    pthread_join(thread, NULL);
    g_assert_cmpuint(taken, >, 0);
    g_assert_cmpuint(taken + producer.dropped, ==, THREAD_FRAMES);
    g_assert_cmpuint(bounded_queue_stats(producer.queue).dropped, ==, producer.dropped);
    g_assert_cmpuint(pool_usage(producer.pool).in_use_bytes, ==, 0);
    bounded_queue_free(producer.queue);
    pool_unref(producer.pool);
}

static void *take_patiently(void *data)
{
    BoundedQueue *queue = data;
    Frame *frame = NULL;
    while (bounded_queue_wait(queue, LONG_NS, &frame) == QUEUE_FRAME)
        frame_unref(frame);
    return NULL;
}

static void count_wanted(void *owner)
{
    ++*(unsigned *)owner;
}

/* Who waits for room takes none from others, as long as somebody reads. */
static void test_wait_room(void)
{
    Pool *pool = pool_new(1 << 20);
    BoundedQueue *queue = bounded_queue_new(TRACK_AUDIO, 3, 1000);
    for (uint32_t i = 0; i < 3; i++)
        bounded_queue_put(queue, new_frame(pool, false, i, 10));
    const int64_t begin_ns = clock_monotonic_ns();
    Frame *next = new_frame(pool, false, 3, 10);
    unsigned wanted = 0;
    bounded_queue_on_room_wanted(queue, count_wanted, &wanted);
    g_assert_false(bounded_queue_wait_room(queue, next, 20 * NS_PER_MS));
    g_assert_cmpuint(wanted, ==, 1);
    frame_unref(next);
    g_assert_cmpint(clock_monotonic_ns() - begin_ns, >=, 20 * NS_PER_MS);
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, take_patiently, queue), ==, 0);
    for (uint32_t i = 3; i < 1000; i++) {
        next = new_frame(pool, false, i, 600); /* one has room, by its bytes */
        g_assert_true(bounded_queue_wait_room(queue, next, LONG_NS));
        g_assert_cmpuint(bounded_queue_put(queue, next).dropped, ==, 0);
    }
    bounded_queue_end(queue);
    next = new_frame(pool, false, 1000, 600);
    g_assert_true(bounded_queue_wait_room(queue, next, LONG_NS));
    frame_unref(next);
    g_assert_cmpuint(wanted, <=, 998);
    pthread_join(thread, NULL);
    bounded_queue_free(queue);
    pool_unref(pool);
}

static void test_wait_ends(void)
{
    Pool *pool = pool_new(1 << 20);
    BoundedQueue *queue = bounded_queue_new(TRACK_AUDIO, 3, 1000);
    Frame *frame = NULL;
    const int64_t begin_ns = clock_monotonic_ns();
    g_assert_cmpint(bounded_queue_wait(queue, 20 * NS_PER_MS, &frame), ==, QUEUE_EMPTY);
    g_assert_cmpint(clock_monotonic_ns() - begin_ns, >=, 20 * NS_PER_MS);
    bounded_queue_put(queue, new_frame(pool, false, 1, 10));
    bounded_queue_end(queue);
    g_assert_cmpint(bounded_queue_wait(queue, LONG_NS, &frame), ==, QUEUE_FRAME);
    frame_unref(frame);
    g_assert_cmpint(bounded_queue_wait(queue, LONG_NS, &frame), ==, QUEUE_END);
    bounded_queue_free(queue);
    pool_unref(pool);
}

typedef struct {
    BoundedQueue *there, *back;
} Bridge;

static void *send_back(void *data)
{
    const Bridge *bridge = data;
    Frame *frame;
    while (bounded_queue_wait(bridge->there, LONG_NS, &frame) == QUEUE_FRAME)
        bounded_queue_put(bridge->back, frame);
    bounded_queue_end(bridge->back);
    return NULL;
}

/* One frame goes to and fro, so that each side waits for the other. */
static void test_wait_is_woken(void)
{
    Pool *pool = pool_new(1 << 20);
    Bridge bridge = {bounded_queue_new(TRACK_AUDIO, 3, 1000),
                     bounded_queue_new(TRACK_AUDIO, 3, 1000)};
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, send_back, &bridge), ==, 0);
    Frame *frame = new_frame(pool, false, 1, 10);
    const int64_t begin_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < WAKE_ROUNDS; i++) {
        bounded_queue_put(bridge.there, frame);
        g_assert_cmpint(bounded_queue_wait(bridge.back, LONG_NS, &frame), ==, QUEUE_FRAME);
        g_assert_cmpint(clock_monotonic_ns() - begin_ns, <, LONG_NS);
    }
    frame_unref(frame);
    bounded_queue_end(bridge.there);
    g_assert_cmpint(bounded_queue_wait(bridge.back, LONG_NS, &frame), ==, QUEUE_END);
    pthread_join(thread, NULL);
    bounded_queue_free(bridge.there);
    bounded_queue_free(bridge.back);
    pool_unref(pool);
}

void bounded_queue_test_add(void)
{
    g_test_add_func("/bounded-queue/drop-rules", test_drop_rules);
    g_test_add_func("/bounded-queue/stats", test_stats);
    g_test_add_func("/bounded-queue/end", test_end_travels_through);
    g_test_add_func("/bounded-queue/two-threads", test_two_threads);
    g_test_add_func("/bounded-queue/wait-room", test_wait_room);
    g_test_add_func("/bounded-queue/wait", test_wait_ends);
    g_test_add_func("/bounded-queue/wait-is-woken", test_wait_is_woken);
}
