#include "signal/socket_watch.h"

#include <fcntl.h>
#include <glib.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

#define INTERVAL_NS (20 * NS_PER_MS)

struct SocketWatch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GPtrArray *sockets; /* of WatchedSocket*, owned; under the lock, as the rest */
    bool is_ending;
};

struct WatchedSocket {
    SocketWatch *watch;
    int fd; /* a duplicate, so that it is the same socket up to the removal */
    uint64_t max_bytes;
    _Atomic uint64_t received_before;
    _Atomic bool is_cut;
};

static uint64_t received_bytes(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received : 0;
}

static void look_at(WatchedSocket *socket)
{
    const uint64_t before = atomic_load(&socket->received_before);
    const uint64_t received = received_bytes(socket->fd);
    if (received <= before || received - before <= socket->max_bytes || socket->is_cut)
        return;
    atomic_store(&socket->is_cut, true);
    shutdown(socket->fd, SHUT_RDWR);
}

static void wait_for(SocketWatch *watch, int64_t ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t nanoseconds = until.tv_nsec + ns;
    until.tv_sec += nanoseconds / NS_PER_SECOND;
    until.tv_nsec = nanoseconds % NS_PER_SECOND;
    pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
}

static void *run(void *data)
{
    SocketWatch *watch = data;
    pthread_mutex_lock(&watch->lock);
    while (!watch->is_ending) {
        if (watch->sockets->len == 0)
            pthread_cond_wait(&watch->changed, &watch->lock);
        else
            wait_for(watch, INTERVAL_NS);
        for (unsigned i = 0; i < watch->sockets->len; i++)
            look_at(watch->sockets->pdata[i]);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

static void watched_socket_free(gpointer data)
{
    WatchedSocket *socket = data;
    close(socket->fd);
    g_free(socket);
}

static void release(gpointer data)
{
    SocketWatch *watch = data;
    g_ptr_array_unref(watch->sockets);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
}

SocketWatch *socket_watch_new(void)
{
    SocketWatch *watch = g_rc_box_new0(SocketWatch);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&watch->lock, NULL);
    pthread_cond_init(&watch->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    watch->sockets = g_ptr_array_new_with_free_func(watched_socket_free);
    if (pthread_create(&watch->thread, NULL, run, watch) == 0)
        return watch;
    g_rc_box_release_full(watch, release);
    return NULL;
}

static void watch_clear(gpointer data)
{
    SocketWatch *watch = data;
    pthread_mutex_lock(&watch->lock);
    watch->is_ending = true;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    release(watch);
}

void socket_watch_unref(SocketWatch *watch)
{
    if (watch != NULL)
        g_rc_box_release_full(watch, watch_clear);
}

WatchedSocket *socket_watch_add(SocketWatch *watch, int fd, uint64_t max_bytes)
{
    const int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own_fd < 0)
        return NULL;
    WatchedSocket *socket = g_new0(WatchedSocket, 1);
    socket->watch = g_rc_box_acquire(watch);
    socket->fd = own_fd;
    socket->max_bytes = max_bytes;
    socket->received_before = received_bytes(own_fd);
    pthread_mutex_lock(&watch->lock);
    g_ptr_array_add(watch->sockets, socket);
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    return socket;
}

void socket_watch_remove(WatchedSocket *socket)
{
    if (socket == NULL)
        return;
    SocketWatch *watch = socket->watch;
    pthread_mutex_lock(&watch->lock);
    g_ptr_array_remove_fast(watch->sockets, socket);
    pthread_mutex_unlock(&watch->lock);
    socket_watch_unref(watch);
}

void watched_socket_took_message(WatchedSocket *socket)
{
    if (socket != NULL)
        atomic_store(&socket->received_before, received_bytes(socket->fd));
}

bool watched_socket_was_cut(const WatchedSocket *socket)
{
    return socket != NULL && atomic_load(&socket->is_cut);
}
