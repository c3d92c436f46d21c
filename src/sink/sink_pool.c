#include "sink/sink_pool.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

#define WAKE_EVERY_MS 50
#define MAX_THREADS 16

struct SinkThread {
    pthread_t thread;
    Mailbox *mailbox;
    bool is_stopping; /* its own thread's */
    SinkClient *clients;
};

struct SinkPool {
    SinkThread threads[MAX_THREADS];
    SinkThread finalizer;
    unsigned thread_count;
    unsigned next;
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

static void thread_start(SinkThread *thread)
{
    thread->mailbox = mailbox_new();
    require(pthread_create(&thread->thread, NULL, run_thread, thread) == 0);
}

static void thread_stop(SinkThread *thread)
{
    mailbox_post(thread->mailbox, on_stop, thread, NULL);
    pthread_join(thread->thread, NULL);
    mailbox_free(thread->mailbox);
}

SinkPool *sink_pool_new(unsigned threads)
{
    require(threads > 0);
    SinkPool *pool = calloc(1, sizeof *pool);
    require(pool != NULL);
    pool->thread_count = threads < MAX_THREADS ? threads : MAX_THREADS;
    for (unsigned i = 0; i < pool->thread_count; i++)
        thread_start(&pool->threads[i]);
    thread_start(&pool->finalizer);
    return pool;
}

void sink_pool_free(SinkPool *pool)
{
    if (pool == NULL)
        return;
    for (unsigned i = 0; i < pool->thread_count; i++)
        thread_stop(&pool->threads[i]);
    thread_stop(&pool->finalizer);
    free(pool);
}

SinkThread *sink_pool_pick(SinkPool *pool)
{
    pool->next = (pool->next + 1) % pool->thread_count;
    return &pool->threads[pool->next];
}

SinkThread *sink_pool_finalizer(SinkPool *pool)
{
    return &pool->finalizer;
}

void sink_thread_post(SinkThread *thread, MailboxFn run, void *owner, void *message)
{
    mailbox_post(thread->mailbox, run, owner, message);
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
