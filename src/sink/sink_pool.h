/* The threads that the outputs on one device share: each runs the calls posted to it and wakes its
 * clients regularly. One further thread a device finalises files, one at a time. The first device
 * gets as many threads as the pool was made with, every other one.
 * Thread: as named; a client is added and removed on its own thread. */
#pragma once

#include "sink/output.h"

typedef struct SinkThread SinkThread;

typedef struct SinkClient SinkClient;
struct SinkClient {
    void *owner;
    void (*wake)(void *owner, int64_t now_ns);
    SinkClient *next; /* private */
};

/* Main: the thread for a further output, and the one for finalising; the folder of `path` exists.
 */
SinkThread *sink_pool_pick(SinkPool *pool, const char *path);
SinkThread *sink_pool_finalizer(SinkPool *pool, const char *path);

/* Any thread. */
void sink_thread_post(SinkThread *thread, MailboxFn run, void *owner, void *message);

/* Any thread: wakes the clients of this SinkThread now. */
void sink_thread_hurry(void *thread);

/* Its own thread; also out of wake(). */
void sink_thread_add(SinkThread *thread, SinkClient *client);
void sink_thread_remove(SinkThread *thread, SinkClient *client);
