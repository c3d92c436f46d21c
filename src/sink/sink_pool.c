#include "sink/sink_pool.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"

#define WAKE_EVERY_MS 100
#define MAX_THREADS 16
#define MAX_LANES 16

struct SinkThread {
    pthread_t thread;
    Mailbox *mailbox;
    bool is_stopping; /* its own thread's */
    SinkClient *clients;
};

/* The threads that write to one device. */
typedef struct {
    dev_t device;
    SinkThread threads[MAX_THREADS];
    SinkThread finalizer;
    unsigned thread_count, next;
} Lane;

/* A device that is slow holds up nobody but those who write to it. */
struct SinkPool {
    Lane *lanes[MAX_LANES];
    unsigned lane_count;
};

static void *run_thread(void *argument)
{
    SinkThread *thread = argument;
    struct pollfd waiting = {.fd = mailbox_fd(thread->mailbox), .events = POLLIN};
    while (!thread->is_stopping) {
        poll(&waiting, 1, thread->clients != NULL ? WAKE_EVERY_MS : -1);
        mailbox_drain(thread->mailbox);
        const int64_t now_ns = clock_monotonic_ns();
        SinkClient *next = NULL;
        for (SinkClient *client = thread->clients; client != NULL; client = next) {
            next = client->next;
            client->wake(client->owner, now_ns);
        }
    }
    return NULL;
}

static void on_stop(void *owner, void *message)
{
    SinkThread *thread = owner;
    (void)message;
    thread->is_stopping = true;
}

static bool thread_start(SinkThread *thread)
{
    thread->mailbox = mailbox_new();
    if (thread->mailbox != NULL && pthread_create(&thread->thread, NULL, run_thread, thread) == 0) {
        pthread_setname_np(thread->thread, "sink");
        return true;
    }
    mailbox_free(thread->mailbox);
    return false;
}

static void thread_stop(SinkThread *thread)
{
    mailbox_post(thread->mailbox, on_stop, thread, NULL);
    pthread_join(thread->thread, NULL);
    mailbox_free(thread->mailbox);
}

static void lane_free(Lane *lane)
{
    for (unsigned i = 0; i < lane->thread_count; i++)
        thread_stop(&lane->threads[i]);
    if (lane->finalizer.mailbox != NULL)
        thread_stop(&lane->finalizer);
    free(lane);
}

/* NULL when the system gives no more threads. */
static Lane *lane_new(unsigned threads)
{
    Lane *lane = calloc(1, sizeof *lane);
    require(lane != NULL);
    for (unsigned i = 0; i < threads; i++)
        lane->thread_count += lane->thread_count == i && thread_start(&lane->threads[i]);
    if (lane->thread_count == threads && thread_start(&lane->finalizer))
        return lane;
    lane->finalizer.mailbox = NULL;
    lane_free(lane);
    return NULL;
}

SinkPool *sink_pool_new(unsigned threads)
{
    require(threads > 0);
    Lane *lane = lane_new(threads < MAX_THREADS ? threads : MAX_THREADS);
    if (lane == NULL)
        return NULL;
    SinkPool *pool = calloc(1, sizeof *pool);
    require(pool != NULL);
    pool->lanes[pool->lane_count++] = lane;
    return pool;
}

void sink_pool_free(SinkPool *pool)
{
    if (pool == NULL)
        return;
    for (unsigned i = 0; i < pool->lane_count; i++)
        lane_free(pool->lanes[i]);
    free(pool);
}

static dev_t device_of(const char *path)
{
    struct stat status;
    char *folder = strdup(path);
    require(folder != NULL);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = '\0';
    const bool is_known = stat(slash != NULL ? folder : ".", &status) == 0;
    free(folder);
    return is_known ? status.st_dev : 0;
}

/* The first lane is the first device's; where there are no more threads, it is everybody's. */
static Lane *lane_for(SinkPool *pool, const char *path)
{
    const dev_t device = device_of(path);
    if (pool->lanes[0]->device == 0)
        pool->lanes[0]->device = device;
    for (unsigned i = 0; i < pool->lane_count; i++) {
        if (pool->lanes[i]->device == device)
            return pool->lanes[i];
    }
    Lane *lane = device != 0 && pool->lane_count < MAX_LANES ? lane_new(1) : NULL;
    if (lane == NULL)
        return pool->lanes[0];
    lane->device = device;
    pool->lanes[pool->lane_count++] = lane;
    return lane;
}

SinkThread *sink_pool_pick(SinkPool *pool, const char *path)
{
    Lane *lane = lane_for(pool, path);
    lane->next = (lane->next + 1) % lane->thread_count;
    return &lane->threads[lane->next];
}

SinkThread *sink_pool_finalizer(SinkPool *pool, const char *path)
{
    return &lane_for(pool, path)->finalizer;
}

void sink_thread_post(SinkThread *thread, MailboxFn run, void *owner, void *message)
{
    mailbox_post(thread->mailbox, run, owner, message);
}

static void on_hurry(void *owner, void *message)
{
    (void)owner, (void)message; /* it is awake */
}

void sink_thread_hurry(void *thread)
{
    sink_thread_post(thread, on_hurry, NULL, NULL);
}

void sink_thread_add(SinkThread *thread, SinkClient *client)
{
    client->next = thread->clients;
    thread->clients = client;
}

void sink_thread_remove(SinkThread *thread, SinkClient *client)
{
    SinkClient **link = &thread->clients;
    while (*link != NULL && *link != client)
        link = &(*link)->next;
    if (*link != NULL)
        *link = client->next;
}
