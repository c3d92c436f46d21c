#include "transport/udp_path.h"

#include <fcntl.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "transport/demux.h"
#include "transport/stun_responder.h"

/* In a turn, so that nobody's flood keeps the thread from the others. */
#define DATAGRAMS_AT_ONCE 256
/* An address that was not heard of for so long may have been left for another. */
#define SILENCE_NS NS_PER_SECOND
#define RUN_MAX_SIZE 65000 /* of a datagram of IPv4, less its headers */

struct UdpPath {
    NetSocket socket;
    NetThread *thread;
    UdpPathConfig config;
    UdpPathOut out;
    int64_t heard_ns; /* last datagram from the present address, its checks too */
    bool *is_gone;    /* of the turn that runs */
    bool is_asking;
    uint8_t question_id[STUN_ID_SIZE]; /* of the newest one */
};

static bool is_remote(const UdpPath *path, const struct sockaddr_storage *source, socklen_t size)
{
    return size == path->config.remote_size && memcmp(source, &path->config.remote, size) == 0;
}

/* The other side's address may change under it (a NAT's new mapping), or be another by its choice.
 */
static void follow(UdpPath *path, const StunCheck *check, const StunAnswer *answer)
{
    const int64_t now_ns = net_thread_now_ns(path->thread);
    if (is_remote(path, check->source, check->source_size) ||
        (!answer->is_nomination && now_ns - path->heard_ns < SILENCE_NS))
        return;
    path->config.remote = *check->source;
    path->config.remote_size = check->source_size;
    path->heard_ns = now_ns;
}

static void answer_check(UdpPath *path, const uint8_t *data, size_t size,
                         const struct sockaddr_storage *source, socklen_t source_size)
{
    const StunCheck check = {path->config.ufrag, path->config.pwd, source, source_size};
    StunAnswer answer;
    stun_responder_answer(&check, data, size, &answer);
    if (answer.size > 0)
        sendto(path->socket.fd, answer.data, answer.size, MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)source, source_size);
    if (answer.is_authentic)
        follow(path, &check, &answer);
}

static bool is_check(const UdpPath *path, const uint8_t *data, size_t size)
{
    return demux_classify(data, size) == DEMUX_STUN &&
           !(path->is_asking && stun_probe_is_answer(data, size, path->question_id));
}

/* What the kernel hands over at once: datagrams of one length, the last may be shorter. */
typedef struct {
    uint8_t *data;
    size_t size, segment_size;
    struct sockaddr_storage source;
    socklen_t source_size;
} Arrival;

/* In one piece where the sender or a network card sent them so (udp(7), UDP_GRO). */
static void set_coalescing(const UdpPath *path, bool is_on)
{
    const int value = is_on;
    setsockopt(path->socket.fd, SOL_UDP, UDP_GRO, &value, sizeof value);
}

static size_t segment_size(struct msghdr *message, size_t size)
{
    int segment = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level == SOL_UDP && head->cmsg_type == UDP_GRO)
            memcpy(&segment, CMSG_DATA(head), sizeof segment);
    }
    return segment > 0 ? (size_t)segment : size;
}

static bool receive(const UdpPath *path, Arrival *arrival)
{
    const NetBuffer buffer = net_thread_buffer(path->thread);
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec place = {buffer.data, buffer.size};
    struct msghdr message = {.msg_name = &arrival->source,
                             .msg_namelen = sizeof arrival->source,
                             .msg_iov = &place,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    const ssize_t size = recvmsg(path->socket.fd, &message, MSG_DONTWAIT);
    if (size < 0)
        return false;
    arrival->data = buffer.data;
    arrival->size = (size_t)size;
    arrival->segment_size = segment_size(&message, (size_t)size);
    arrival->source_size = message.msg_namelen;
    return true;
}

/* How many datagrams; 0 when one of them ended the path. */
static unsigned hand_on(UdpPath *path, const Arrival *arrival)
{
    bool is_gone = false;
    unsigned count = 0;
    size_t begin = 0;
    path->is_gone = &is_gone;
    do {
        const size_t rest = arrival->size - begin;
        const size_t size = rest < arrival->segment_size ? rest : arrival->segment_size;
        uint8_t *data = arrival->data + begin;
        if (is_check(path, data, size))
            answer_check(path, data, size, &arrival->source, arrival->source_size);
        else
            path->out.datagram(path->out.owner, data, size);
        begin += size;
        count++;
    } while (!is_gone && begin < arrival->size);
    if (is_gone)
        return 0;
    path->is_gone = NULL;
    return count;
}

static bool drain(void *owner)
{
    UdpPath *path = owner;
    Arrival arrival;
    for (unsigned taken = 0; taken < DATAGRAMS_AT_ONCE;) {
        if (!receive(path, &arrival))
            return false;
        if (is_remote(path, &arrival.source, arrival.source_size))
            path->heard_ns = net_thread_now_ns(path->thread);
        const unsigned count = hand_on(path, &arrival);
        if (count == 0)
            return false;
        taken += count;
    }
    return true;
}

/* What came before coalescing was switched off may still be more than one datagram. */
static bool share(void *owner, bool is_shared)
{
    const UdpPath *path = owner;
    int waiting = 0;
    set_coalescing(path, !is_shared);
    return !is_shared || ioctl(path->socket.fd, FIONREAD, &waiting) != 0 || waiting == 0;
}

UdpPath *udp_path_new(NetThread *thread, const UdpPathConfig *config, UdpPathOut out)
{
    const int fd = fcntl(config->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    UdpPath *path = calloc(1, sizeof *path);
    require(path != NULL);
    path->thread = thread;
    path->config = *config;
    path->out = out;
    path->socket = (NetSocket){.fd = fd, .owner = path, .drain = drain, .share = share};
    path->heard_ns = net_thread_now_ns(thread);
    set_coalescing(path, true);
    net_thread_add_socket(thread, &path->socket);
    return path;
}

void udp_path_free(UdpPath *path)
{
    if (!path)
        return;
    if (path->is_gone)
        *path->is_gone = true;
    net_thread_remove_socket(path->thread, &path->socket);
    set_coalescing(path, false);
    close(path->socket.fd);
    free(path);
}

bool udp_path_send(UdpPath *path, const uint8_t *data, size_t size)
{
    return sendto(path->socket.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&path->config.remote, path->config.remote_size) >= 0;
}

bool udp_path_probe(UdpPath *path, const StunQuestion *question)
{
    uint8_t request[STUN_PROBE_SIZE];
    const size_t size = stun_probe_write(question, request);
    if (size == 0)
        return false;
    path->is_asking = true;
    memcpy(path->question_id, request + STUN_ID_OFFSET, STUN_ID_SIZE);
    return udp_path_send(path, request, size);
}

HotMemory *udp_path_hot_memory(UdpPath *path)
{
    HotMemory *hot = &path->socket.hot;
    hot->count = 0;
    hot_memory_add(hot, path, offsetof(NetSocket, hot));
    hot_memory_add(hot, &path->thread, sizeof *path - offsetof(UdpPath, thread));
    return hot;
}

void udp_path_sending_memory(const UdpPath *path, HotMemory *hot)
{
    hot_memory_add(hot, &path->socket.fd, sizeof path->socket.fd);
    hot_memory_add(hot, &path->config, sizeof path->config);
}

typedef struct {
    unsigned count; /* datagrams */
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))];
} Run;

/* Datagrams as long as the first, and a shorter one behind them: the kernel cuts what is sent as
 * one (udp(7), UDP_SEGMENT), and takes half as long for it. */
static unsigned run_length(const struct iovec *datagrams, unsigned count)
{
    const size_t size = datagrams[0].iov_len;
    size_t total = size;
    unsigned length = 1;
    while (length < count && size > 0 && datagrams[length - 1].iov_len == size &&
           datagrams[length].iov_len > 0 && datagrams[length].iov_len <= size &&
           total + datagrams[length].iov_len <= RUN_MAX_SIZE)
        total += datagrams[length++].iov_len;
    return length;
}

static void set_segments(struct msghdr *message, Run *run, size_t size)
{
    const uint16_t segment = (uint16_t)size;
    message->msg_control = run->control;
    message->msg_controllen = sizeof run->control;
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    *head = (struct cmsghdr){
        .cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof segment)};
    memcpy(CMSG_DATA(head), &segment, sizeof segment);
}

unsigned udp_path_send_many(UdpPath *path, const struct iovec *datagrams, unsigned count)
{
    struct mmsghdr messages[UDP_PATH_BATCH];
    Run runs[UDP_PATH_BATCH];
    unsigned run_count = 0, done = 0;
    require(count <= UDP_PATH_BATCH);
    for (unsigned i = 0; i < count; i += runs[run_count++].count) {
        Run *run = &runs[run_count];
        run->count = run_length(datagrams + i, count - i);
        messages[run_count].msg_hdr = (struct msghdr){.msg_name = &path->config.remote,
                                                      .msg_namelen = path->config.remote_size,
                                                      .msg_iov = (struct iovec *)&datagrams[i],
                                                      .msg_iovlen = run->count};
        if (run->count > 1)
            set_segments(&messages[run_count].msg_hdr, run, datagrams[i].iov_len);
    }
    const int sent = sendmmsg(path->socket.fd, messages, run_count, MSG_DONTWAIT | MSG_NOSIGNAL);
    for (int i = 0; i < sent; i++)
        done += runs[i].count;
    return done;
}
