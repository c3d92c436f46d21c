#include "transport/udp_path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "transport/demux.h"
#include "transport/stun_responder.h"

/* In a turn, so that nobody's flood keeps the thread from the others. */
#define DATAGRAMS_AT_ONCE 256
/* An address that was not heard of for so long may have been left for another. */
#define SILENCE_NS NS_PER_SECOND

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

static bool drain(void *owner)
{
    UdpPath *path = owner;
    const NetBuffer buffer = net_thread_buffer(path->thread);
    struct sockaddr_storage source;
    bool is_gone = false;
    path->is_gone = &is_gone;
    for (unsigned i = 0; i < DATAGRAMS_AT_ONCE; i++) {
        socklen_t source_size = sizeof source;
        const ssize_t size = recvfrom(path->socket.fd, buffer.data, buffer.size, MSG_DONTWAIT,
                                      (struct sockaddr *)&source, &source_size);
        if (size < 0) {
            path->is_gone = NULL;
            return false;
        }
        if (is_remote(path, &source, source_size))
            path->heard_ns = net_thread_now_ns(path->thread);
        if (is_check(path, buffer.data, (size_t)size)) {
            answer_check(path, buffer.data, (size_t)size, &source, source_size);
            continue;
        }
        path->out.datagram(path->out.owner, buffer.data, (size_t)size);
        if (is_gone)
            return false;
    }
    path->is_gone = NULL;
    return true;
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
    path->socket = (NetSocket){.fd = fd, .owner = path, .drain = drain};
    path->heard_ns = net_thread_now_ns(thread);
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

unsigned udp_path_send_many(UdpPath *path, const struct iovec *datagrams, unsigned count)
{
    struct mmsghdr messages[UDP_PATH_BATCH];
    require(count <= UDP_PATH_BATCH);
    for (unsigned i = 0; i < count; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_name = &path->config.remote,
                                              .msg_namelen = path->config.remote_size,
                                              .msg_iov = (struct iovec *)&datagrams[i],
                                              .msg_iovlen = 1};
    const int sent = sendmmsg(path->socket.fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? (unsigned)sent : 0;
}
