/* What the net thread asks of the kernel, counted and not timed: few calls a packet when there are
 * many connections, few turns when nothing comes. The calls are replaced for the whole process, so
 * that the libraries' count too. */
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/udp_path.h"

#define MOST 200
#define CONNECTIONS 50
#define PACKETS_PER_MS 13 /* of all of them: 2 Mbit/s of video and some sound each */
#define PACKET_SIZE 1000
#define RUN_MAX 5 /* as many as a picture has, and whole runs in PACKETS */
#define PACKETS (1000 * PACKETS_PER_MS)
#define CATCHES_UP_MS 20 /* more would not fit into the sockets */
#define PATIENCE_S 20

#define REPLACES_LIBC __attribute__((visibility("default")))

static _Thread_local unsigned calls;

REPLACES_LIBC ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    calls++;
    return syscall(SYS_recvmsg, fd, message, flags);
}

REPLACES_LIBC int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    const struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * NS_PER_MS};
    calls++;
    return ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

REPLACES_LIBC ssize_t read(int fd, void *buffer, size_t size)
{
    calls++;
    return syscall(SYS_read, fd, buffer, size);
}

typedef struct {
    NetThread *thread;
    UdpPath *paths[MOST];
    int fds[MOST], senders[MOST];
    unsigned count;
    unsigned run;                                        /* packets that are sent as one */
    unsigned sent, received, calls_before, calls_needed; /* the net thread's */
    NetTimer watch;
    int64_t watched_ns;
    uint64_t turns;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
} Office;

static void tell(Office *office)
{
    pthread_mutex_lock(&office->lock);
    office->is_done = true;
    pthread_cond_broadcast(&office->changed);
    pthread_mutex_unlock(&office->lock);
}

/* As they come from a network, a few each millisecond. By the net thread itself, so that a busy
 * machine takes as much time from who sends as from who receives. */
static void send_some(void *owner)
{
    static const uint8_t packets[RUN_MAX][PACKET_SIZE] = {
        {0x80, 96}, {0x80, 96}, {0x80, 96}, {0x80, 96}, {0x80, 96}};
    Office *office = owner;
    const int64_t now_ns = clock_monotonic_ns();
    const int64_t passed_ns = MIN(now_ns - office->watched_ns, CATCHES_UP_MS * NS_PER_MS);
    const unsigned due = (unsigned)(passed_ns * PACKETS_PER_MS / NS_PER_MS);
    office->watched_ns = now_ns;
    const ssize_t size = office->run * PACKET_SIZE;
    for (unsigned i = 0; i < due && office->sent < PACKETS; i += office->run) {
        const unsigned turn = office->sent / office->run;
        g_assert_cmpint(send(office->senders[turn % CONNECTIONS], packets, (size_t)size, 0), ==,
                        size);
        office->sent += office->run;
    }
    if (office->sent < PACKETS)
        net_timers_set(net_thread_timers(office->thread), &office->watch, now_ns + NS_PER_MS);
}

static void on_datagram(void *owner, uint8_t *data, size_t size)
{
    Office *office = owner;
    (void)data;
    (void)size;
    if (++office->received < PACKETS)
        return;
    office->calls_needed = calls - office->calls_before;
    net_timers_remove(net_thread_timers(office->thread), &office->watch);
    tell(office);
}

static int bind_socket(struct sockaddr_in *ret_address)
{
    socklen_t size = sizeof *ret_address;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    g_assert_cmpint(bind(fd, (struct sockaddr *)ret_address, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)ret_address, &size), ==, 0);
    return fd;
}

static void open_paths(void *owner, void *message)
{
    Office *office = owner;
    (void)message;
    for (unsigned i = 0; i < office->count; i++) {
        struct sockaddr_in here, there;
        office->fds[i] = bind_socket(&here);
        office->senders[i] = bind_socket(&there);
        g_assert_cmpint(connect(office->senders[i], (struct sockaddr *)&here, sizeof here), ==, 0);
        const int segment = PACKET_SIZE;
        g_assert_cmpint(
            setsockopt(office->senders[i], SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), ==, 0);
        UdpPathConfig config = {
            .fd = office->fds[i], .remote_size = sizeof there, .ufrag = "ours", .pwd = "password"};
        memcpy(&config.remote, &there, sizeof there);
        office->paths[i] = udp_path_new(office->thread, &config, (UdpPathOut){office, on_datagram});
    }
    tell(office);
}

static void close_paths(void *owner, void *message)
{
    Office *office = owner;
    (void)message;
    for (unsigned i = 0; i < office->count; i++) {
        udp_path_free(office->paths[i]);
        close(office->fds[i]);
        close(office->senders[i]);
    }
    tell(office);
}

static void start_sending(void *owner, void *message)
{
    Office *office = owner;
    (void)message;
    office->calls_before = calls;
    office->watched_ns = clock_monotonic_ns();
    office->watch = (NetTimer){.owner = office, .fire = send_some};
    net_timers_add(net_thread_timers(office->thread), &office->watch);
    send_some(office);
}

static void run_on_net(Office *office, MailboxFn run)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PATIENCE_S;
    office->is_done = false;
    net_thread_post(office->thread, run, office, NULL);
    pthread_mutex_lock(&office->lock);
    int result = 0;
    while (!office->is_done && result == 0)
        result = pthread_cond_timedwait(&office->changed, &office->lock, &deadline);
    g_assert_true(office->is_done);
    pthread_mutex_unlock(&office->lock);
}

static Office *office_new(unsigned count)
{
    Office *office = g_new0(Office, 1);
    pthread_mutex_init(&office->lock, NULL);
    pthread_cond_init(&office->changed, NULL);
    office->count = count;
    office->thread = net_thread_new("office");
    run_on_net(office, open_paths);
    return office;
}

static void office_free(Office *office)
{
    run_on_net(office, close_paths);
    net_thread_free(office->thread);
    pthread_mutex_destroy(&office->lock);
    pthread_cond_destroy(&office->changed);
    g_free(office);
}

/* One a packet, one for each socket that is found empty in a turn, and one or two each millisecond
 * for who sends. Read as they come, they would take over two a packet. */
static void test_calls(void)
{
    Office *office = office_new(CONNECTIONS);
    office->run = 1;
    run_on_net(office, start_sending);
    const double per_thousand = office->calls_needed * 1000.0 / PACKETS;
    g_test_message("%.0f calls per 1,000 packets", per_thousand);
    g_assert_cmpfloat(per_thousand, >=, 1000); /* they are seen */
    g_assert_cmpfloat(per_thousand, <=, 1700);
    office_free(office);
}

/* One for all packets that are sent as one. */
static void test_calls_for_runs(void)
{
    Office *office = office_new(CONNECTIONS);
    office->run = RUN_MAX;
    run_on_net(office, start_sending);
    const double per_thousand = office->calls_needed * 1000.0 / PACKETS;
    g_test_message("%.0f calls per 1,000 packets", per_thousand);
    g_assert_cmpfloat(per_thousand, >=, 1000 / RUN_MAX);
    g_assert_cmpfloat(per_thousand, <=, 900);
    office_free(office);
}

/* ---- when nothing comes ---- */

static uint64_t wakeups(const Office *office)
{
    return atomic_load(&net_thread_counters(office->thread)->wakeups);
}

static void end_watch(void *owner)
{
    Office *office = owner;
    office->watched_ns = clock_monotonic_ns() - office->watched_ns;
    office->turns = wakeups(office) - office->turns;
    net_timers_remove(net_thread_timers(office->thread), &office->watch);
    tell(office);
}

static void watch(void *owner, void *message)
{
    Office *office = owner;
    (void)message;
    office->watch = (NetTimer){.owner = office, .fire = end_watch};
    office->watched_ns = clock_monotonic_ns();
    office->turns = wakeups(office);
    net_timers_add(net_thread_timers(office->thread), &office->watch);
    net_timers_set(net_thread_timers(office->thread), &office->watch,
                   office->watched_ns + NS_PER_SECOND * 3 / 2);
}

/* A turn for each interval, and one a second for what is slow. What a busy machine leaves out are
 * fewer, so that the bound holds on any. */
static void test_idle(gconstpointer data)
{
    const unsigned count = GPOINTER_TO_UINT(data);
    const int64_t interval_ns = net_pace_interval_ns(count);
    Office *office = office_new(count);
    run_on_net(office, watch);
    const int64_t paced = interval_ns ? office->watched_ns / interval_ns : 0;
    const int64_t most = paced + office->watched_ns / NS_PER_SECOND + 4;
    g_test_message("%" G_GUINT64_FORMAT " turns in %.2f s", office->turns,
                   (double)office->watched_ns / NS_PER_SECOND);
    g_assert_cmpuint(office->turns, >, 0);
    g_assert_cmpint((int64_t)office->turns, <=, most);
    office_free(office);
}

int main(int argc, char **argv)
{
    static const unsigned counts[] = {1, 15, 16, 50, 200};
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net_calls/many", test_calls);
    g_test_add_func("/net_calls/runs", test_calls_for_runs);
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autofree char *name = g_strdup_printf("/net_calls/idle/%u", counts[i]);
        g_test_add_data_func(name, GUINT_TO_POINTER(counts[i]), test_idle);
    }
    return g_test_run();
}
