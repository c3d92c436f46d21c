/* What receiving, decrypting and writing costs at least: floor MODE COUNT SECONDS FOLDER. The mode
 * is `timer` (a drain every 20 ms, OpenSSL) or `epoll` (libsrtp2). The receiver runs on core 0, the
 * sender on core 1, both on loopback; prints one JSON line. Files go to FOLDER and are removed. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "floor_receiver.h"
#include "floor_sender.h"

#define RECEIVER_CORE 0
#define SENDER_CORE 1
#define COUNT_MAX 4000
#define SECONDS_MAX 200 /* sequence numbers do not wrap in it */
#define RECEIVE_BUFFER (1 << 20)
#define BEGIN_NS (NS_PER_SECOND / 2) /* for both to open their sockets and keys */
#define WARM_NS NS_PER_SECOND
#define TAIL_NS (NS_PER_SECOND / 5)
#define NS_PER_COUNT (2 * NS_PER_MS) /* of BEGIN_NS, for each socket */

typedef struct {
    FloorMode mode;
    unsigned count, seconds;
    const char *folder;
    int *receivers, *senders;
    FloorSent *sent; /* shared with the sender's process */
} Floor;

static void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(2);
}

static unsigned number_of(const char *text, unsigned max)
{
    char *end;
    const unsigned long number = strtoul(text, &end, 10);
    if (*end != '\0' || number < 1 || number > max) {
        fprintf(stderr, "floor: \"%s\" is no number from 1 to %u\n", text, max);
        exit(2);
    }
    return (unsigned)number;
}

static void pin(unsigned core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0)
        die("two cores are needed");
}

static int open_socket(void)
{
    const struct sockaddr_in any = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int size = RECEIVE_BUFFER;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof any) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0)
        die("a socket");
    return fd;
}

static void connect_to(int from, int to)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(to, (struct sockaddr *)&address, &size) != 0 ||
        connect(from, (const struct sockaddr *)&address, size) != 0)
        die("a connection");
}

static void open_sockets(Floor *made)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    made->receivers = calloc(made->count, sizeof *made->receivers);
    made->senders = calloc(made->count, sizeof *made->senders);
    if (!made->receivers || !made->senders)
        die("memory");
    for (unsigned i = 0; i < made->count; i++) {
        made->receivers[i] = open_socket();
        made->senders[i] = open_socket();
        connect_to(made->receivers[i], made->senders[i]);
        connect_to(made->senders[i], made->receivers[i]);
    }
}

static pid_t start_sender(const Floor *made, int64_t start_ns, int64_t end_ns)
{
    const FloorSenderConfig config = {
        .sockets = made->senders, .count = made->count, .start_ns = start_ns, .end_ns = end_ns};
    const pid_t pid = fork();
    if (pid < 0)
        die("a process for the sender");
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1L);
    pin(SENDER_CORE);
    _exit(floor_sender_run(&config, made->sent));
}

static double seconds_of(struct timeval end, struct timeval begin)
{
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_usec - begin.tv_usec) / 1e6;
}

static void print(const Floor *made, const FloorReceived *received)
{
    const double seconds = (double)received->window_ns / (double)NS_PER_SECOND;
    const double user = seconds_of(received->end.ru_utime, received->begin.ru_utime);
    const double kernel = seconds_of(received->end.ru_stime, received->begin.ru_stime);
    const uint64_t sent = atomic_load(&made->sent->sent), unsent = atomic_load(&made->sent->unsent);
    struct rusage sender;
    getrusage(RUSAGE_CHILDREN, &sender);
    const struct timeval zero = {0};
    const double sender_percent =
        (seconds_of(sender.ru_utime, zero) + seconds_of(sender.ru_stime, zero)) * 100 /
        (seconds + (double)(WARM_NS + TAIL_NS) / (double)NS_PER_SECOND);
    const long switches = received->end.ru_nvcsw + received->end.ru_nivcsw -
                          received->begin.ru_nvcsw - received->begin.ru_nivcsw;
    printf("{\"count\": %u, \"mode\": \"%s\", \"seconds\": %.3f, \"user_seconds\": %.4f, "
           "\"system_seconds\": %.4f, \"packets\": %" PRIu64 ", \"lost\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"unsent\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"us_per_packet\": %.4f, \"ms_per_second\": %.4f, \"switches_per_second\": %.2f, "
           "\"sender_percent\": %.1f, \"late_p99_ms\": %.1f}\n",
           made->count, made->mode == FLOOR_TIMER ? "timer" : "epoll", seconds, user, kernel,
           received->window_packets, sent - received->packets, received->refused, unsent,
           received->bytes, (user + kernel) * 1e6 / (double)received->window_packets,
           (user + kernel) * 1e3 / seconds / made->count, (double)switches / seconds,
           sender_percent, floor_sent_late_ms(made->sent, 0.99));
}

static int run(Floor *made)
{
    const int64_t start_ns = clock_monotonic_ns() + BEGIN_NS + (int64_t)made->count * NS_PER_COUNT;
    const int64_t end_ns = start_ns + WARM_NS + (int64_t)made->seconds * NS_PER_SECOND;
    const FloorReceiverConfig config = {
        .mode = made->mode,
        .sockets = made->receivers,
        .count = made->count,
        .folder = made->folder,
        .start_ns = start_ns,
        .begin_ns = start_ns + WARM_NS,
        .end_ns = end_ns,
        .drained_ns = end_ns + 2 * TAIL_NS,
    };
    FloorReceived received = {0};
    int status = 0;
    const pid_t sender = start_sender(made, start_ns, end_ns + TAIL_NS);
    pin(RECEIVER_CORE);
    const bool done = floor_receiver_run(&config, &received);
    if (!done)
        kill(sender, SIGKILL);
    if (waitpid(sender, &status, 0) != sender || status != 0 || !done)
        return 1;
    if (received.write_failed) {
        fprintf(stderr, "floor: a write to %s failed\n", made->folder);
        return 1;
    }
    print(made, &received);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 5 || (strcmp(argv[1], "timer") != 0 && strcmp(argv[1], "epoll") != 0)) {
        fprintf(stderr, "floor timer|epoll COUNT SECONDS FOLDER\n");
        return 2;
    }
    Floor made = {
        .mode = strcmp(argv[1], "timer") == 0 ? FLOOR_TIMER : FLOOR_EPOLL,
        .count = number_of(argv[2], COUNT_MAX),
        .seconds = number_of(argv[3], SECONDS_MAX),
        .folder = argv[4],
        .sent = mmap(NULL, sizeof(FloorSent), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0),
    };
    if (made.sent == MAP_FAILED)
        die("shared memory");
    open_sockets(&made);
    return run(&made);
}
