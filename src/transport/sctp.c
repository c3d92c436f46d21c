#include "transport/sctp.h"

#include <stdatomic.h>
#include <string.h>
#include <usrsctp.h>

#include "base/check.h"
#include "transport/dtls.h"
#include "transport/sctp_stack.h"

#define PORT 5000
#define BUFFER_BYTES (1024 * 1024)
#define MAX_WAITING_BYTES (8 * 1024 * 1024) /* in each direction between the threads */

typedef enum {
    LETTER_PACKET,
    LETTER_MESSAGE,
    LETTER_UP,
    LETTER_LOST,
    LETTER_STREAM_CLOSED
} LetterKind;

/* What crosses; for a message `how` says on which stream. */
typedef struct {
    LetterKind kind;
    SctpSend how;
    size_t size;
    uint8_t data[];
} Letter;

/* Shared by both threads: each holds one reference, and so does each letter on its way to net. The
 * last one frees it, so that neither has to wait for the other. */
typedef struct {
    _Atomic int references;
    _Atomic size_t waiting_to_net, waiting_to_stack; /* bytes */
    NetInbox *inbox;
    Sctp *net; /* NULL after sctp_free() */
    struct {
        SctpAddress address;
        struct socket *socket;
        GByteArray *message; /* being put together */
    } stack;
} SctpLink;

struct Sctp {
    SctpOut out;
    SctpLink *link;
};

static Letter *letter_new(LetterKind kind, const uint8_t *data, size_t size)
{
    Letter *letter = g_malloc(sizeof *letter + size);
    *letter = (Letter){.kind = kind, .size = size};
    if (size > 0)
        memcpy(letter->data, data, size);
    return letter;
}

static bool reserve(_Atomic size_t *waiting, size_t size)
{
    if (atomic_fetch_add(waiting, size) <= MAX_WAITING_BYTES)
        return true;
    atomic_fetch_sub(waiting, size);
    return false;
}

static void link_unref(SctpLink *link)
{
    if (atomic_fetch_sub(&link->references, 1) > 1)
        return;
    net_inbox_unref(link->inbox);
    g_free(link);
}

/* ---- net thread ---- */

static void deliver(Sctp *sctp, const Letter *letter)
{
    switch (letter->kind) {
    case LETTER_PACKET:
        sctp->out.packet(sctp->out.owner, letter->data, letter->size);
        break;
    case LETTER_MESSAGE:
        sctp->out.message(sctp->out.owner, letter->how.stream, letter->how.protocol, letter->data,
                          letter->size);
        break;
    case LETTER_UP:
        sctp->out.up(sctp->out.owner);
        break;
    case LETTER_LOST:
        sctp->out.lost(sctp->out.owner);
        break;
    case LETTER_STREAM_CLOSED:
        sctp->out.stream_closed(sctp->out.owner, letter->how.stream);
        break;
    }
}

static void arrive_on_net(void *owner, void *message)
{
    SctpLink *link = owner;
    Letter *letter = message;
    atomic_fetch_sub(&link->waiting_to_net, sizeof *letter + letter->size);
    if (link->net)
        deliver(link->net, letter);
    g_free(letter);
    link_unref(link);
}

static void post_to_net(SctpLink *link, Letter *letter)
{
    if (!reserve(&link->waiting_to_net, sizeof *letter + letter->size)) {
        g_free(letter);
        return;
    }
    atomic_fetch_add(&link->references, 1);
    if (net_inbox_post(link->inbox, arrive_on_net, link, letter))
        return;
    g_free(letter);
    link_unref(link);
}

/* ---- stack thread ---- */

static void on_packet(void *owner, const uint8_t *data, size_t size)
{
    post_to_net(owner, letter_new(LETTER_PACKET, data, size));
}

static void post_event(SctpLink *link, LetterKind kind, uint16_t stream)
{
    Letter *letter = letter_new(kind, NULL, 0);
    letter->how.stream = stream;
    post_to_net(link, letter);
}

static void answer_reset(SctpLink *link, uint16_t stream)
{
    uint8_t room[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)] = {0};
    const struct sctp_reset_streams reset = {
        .srs_flags = SCTP_STREAM_RESET_OUTGOING,
        .srs_number_streams = 1,
    };
    memcpy(room, &reset, sizeof reset);
    memcpy(room + offsetof(struct sctp_reset_streams, srs_stream_list), &stream, sizeof stream);
    usrsctp_setsockopt(link->stack.socket, IPPROTO_SCTP, SCTP_RESET_STREAMS, room, sizeof room);
}

static void take_reset(SctpLink *link, const struct sctp_stream_reset_event *event, size_t size)
{
    if (size < sizeof *event || !(event->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN))
        return;
    const size_t count = (MIN(event->strreset_length, size) - sizeof *event) / sizeof(uint16_t);
    for (size_t i = 0; i < count; i++) {
        const uint16_t stream = event->strreset_stream_list[i];
        post_event(link, LETTER_STREAM_CLOSED, stream);
        answer_reset(link, stream);
    }
}

static void take_change(SctpLink *link, uint16_t state)
{
    switch (state) {
    case SCTP_COMM_UP:
        post_event(link, LETTER_UP, 0);
        break;
    case SCTP_COMM_LOST:
    case SCTP_SHUTDOWN_COMP:
    case SCTP_CANT_STR_ASSOC:
        post_event(link, LETTER_LOST, 0);
        break;
    default:
        break;
    }
}

static void take_notification(SctpLink *link, const void *data, size_t size)
{
    const union sctp_notification *event = data;
    if (size < sizeof event->sn_header || event->sn_header.sn_length > size)
        return;
    if (event->sn_header.sn_type == SCTP_STREAM_RESET_EVENT)
        take_reset(link, &event->sn_strreset_event, size);
    if (event->sn_header.sn_type == SCTP_ASSOC_CHANGE && size >= sizeof event->sn_assoc_change)
        take_change(link, event->sn_assoc_change.sac_state);
}

static void take_part(SctpLink *link, const uint8_t *data, size_t size,
                      const struct sctp_rcvinfo *info, bool is_last)
{
    GByteArray *message = link->stack.message;
    const bool fits = message->len + size <= SCTP_MAX_MESSAGE;
    if (fits)
        g_byte_array_append(message, data, (guint)size);
    if (!is_last && fits)
        return;
    if (fits) {
        Letter *letter = letter_new(LETTER_MESSAGE, message->data, message->len);
        letter->how.stream = info->rcv_sid;
        letter->how.protocol = g_ntohl(info->rcv_ppid);
        post_to_net(link, letter);
    }
    g_byte_array_set_size(message, 0);
}

static int on_received(struct socket *socket, union sctp_sockstore from, void *data, size_t size,
                       struct sctp_rcvinfo info, int flags, void *owner)
{
    (void)socket;
    (void)from;
    SctpLink *link = sctp_stack_find((SctpAddress)owner);
    if (link && data && (flags & MSG_NOTIFICATION))
        take_notification(link, data, size);
    else if (link && data)
        take_part(link, data, size, &info, (flags & MSG_EOR) != 0);
    free(data); /* usrsctp's malloc() */
    return 1;
}

static void set_option(struct socket *socket, int level, int name, const void *value, size_t size)
{
    const int result = usrsctp_setsockopt(socket, level, name, value, (socklen_t)size);
    check(result == 0);
    (void)result;
}

static void subscribe(struct socket *socket)
{
    static const uint16_t types[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT};
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        const struct sctp_event event = {
            .se_assoc_id = SCTP_ALL_ASSOC, .se_type = types[i], .se_on = 1};
        set_option(socket, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event);
    }
}

static void set_options(struct socket *socket)
{
    const int on = 1, buffer_bytes = BUFFER_BYTES;
    const uint32_t delivery_point = 2 * SCTP_MAX_MESSAGE;
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    const struct sctp_assoc_value resets = {
        .assoc_id = SCTP_ALL_ASSOC,
        .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ | SCTP_ENABLE_CHANGE_ASSOC_REQ,
    };
    const struct sctp_initmsg init = {
        .sinit_num_ostreams = SCTP_MAX_STREAMS,
        .sinit_max_instreams = SCTP_MAX_STREAMS,
    };
    usrsctp_set_non_blocking(socket, 1);
    set_option(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    set_option(socket, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    set_option(socket, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    set_option(socket, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
    set_option(socket, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &resets, sizeof resets);
    set_option(socket, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init);
    set_option(socket, IPPROTO_SCTP, SCTP_PARTIAL_DELIVERY_POINT, &delivery_point,
               sizeof delivery_point);
    subscribe(socket);
}

static void limit_packets(struct socket *socket, const struct sockaddr_conn *remote)
{
    struct sctp_paddrparams parameters = {
        .spp_flags = SPP_PMTUD_DISABLE,
        .spp_pathmtu = DTLS_MAX_MESSAGE - 12, /* usrsctp adds the common header to it */
    };
    memcpy(&parameters.spp_address, remote, sizeof *remote);
    usrsctp_setsockopt(socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &parameters, sizeof parameters);
}

static void open_on_stack(void *owner, void *message)
{
    (void)message;
    SctpLink *link = owner;
    link->stack.message = g_byte_array_new();
    link->stack.address = sctp_stack_add((SctpRoute){.owner = link, .packet = on_packet});
    link->stack.socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, on_received, NULL, 0,
                                        (void *)link->stack.address);
    require(link->stack.socket != NULL);
    set_options(link->stack.socket);
    struct sockaddr_conn both = {
        .sconn_family = AF_CONN,
        .sconn_port = g_htons(PORT),
        .sconn_addr = (void *)link->stack.address,
    };
    usrsctp_bind(link->stack.socket, (struct sockaddr *)&both, sizeof both);
    usrsctp_connect(link->stack.socket, (struct sockaddr *)&both, sizeof both);
    limit_packets(link->stack.socket, &both);
}

static void probe_on_stack(void *owner, void *message)
{
    (void)message;
    SctpLink *link = owner;
    struct sctp_paddrparams parameters = {.spp_flags = SPP_HB_DEMAND};
    const struct sockaddr_conn remote = {
        .sconn_family = AF_CONN,
        .sconn_port = g_htons(PORT),
        .sconn_addr = (void *)link->stack.address,
    };
    memcpy(&parameters.spp_address, &remote, sizeof remote);
    usrsctp_setsockopt(link->stack.socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &parameters,
                       sizeof parameters);
}

static void close_on_stack(void *owner, void *message)
{
    (void)message;
    SctpLink *link = owner;
    usrsctp_close(link->stack.socket);
    sctp_stack_remove(link->stack.address);
    g_byte_array_unref(link->stack.message);
    link_unref(link);
}

static void send_on_stack(SctpLink *link, const Letter *letter)
{
    struct sctp_sendv_spa info = {
        .sendv_flags = SCTP_SEND_SNDINFO_VALID,
        .sendv_sndinfo =
            {
                .snd_sid = letter->how.stream,
                .snd_ppid = g_htonl(letter->how.protocol),
                .snd_flags = (uint16_t)(SCTP_EOR | (letter->how.is_ordered ? 0 : SCTP_UNORDERED)),
            },
    };
    if (letter->how.max_retransmits >= 0) {
        info.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        info.sendv_prinfo.pr_policy = SCTP_PR_SCTP_RTX;
        info.sendv_prinfo.pr_value = (uint32_t)letter->how.max_retransmits;
    }
    usrsctp_sendv(link->stack.socket, letter->data, letter->size, NULL, 0, &info, sizeof info,
                  SCTP_SENDV_SPA, 0);
}

static void arrive_on_stack(void *owner, void *message)
{
    SctpLink *link = owner;
    Letter *letter = message;
    atomic_fetch_sub(&link->waiting_to_stack, sizeof *letter + letter->size);
    if (letter->kind == LETTER_PACKET)
        usrsctp_conninput((void *)link->stack.address, letter->data, letter->size, 0);
    else
        send_on_stack(link, letter);
    g_free(letter);
}

/* ---- public, net thread ---- */

static bool post_to_stack(SctpLink *link, Letter *letter)
{
    if (!reserve(&link->waiting_to_stack, sizeof *letter + letter->size)) {
        g_free(letter);
        return false;
    }
    net_thread_post(sctp_stack_thread(), arrive_on_stack, link, letter);
    return true;
}

Sctp *sctp_new(NetInbox *inbox, SctpOut out)
{
    if (!sctp_stack_thread())
        return NULL;
    SctpLink *link = g_new0(SctpLink, 1);
    atomic_init(&link->references, 2);
    link->inbox = net_inbox_ref(inbox);
    Sctp *sctp = g_new0(Sctp, 1);
    sctp->out = out;
    sctp->link = link;
    link->net = sctp;
    net_thread_post(sctp_stack_thread(), open_on_stack, link, NULL);
    return sctp;
}

void sctp_free(Sctp *sctp)
{
    if (!sctp)
        return;
    sctp->link->net = NULL;
    net_thread_post(sctp_stack_thread(), close_on_stack, sctp->link, NULL);
    link_unref(sctp->link);
    g_free(sctp);
}

void sctp_receive(Sctp *sctp, const uint8_t *data, size_t size)
{
    post_to_stack(sctp->link, letter_new(LETTER_PACKET, data, size));
}

bool sctp_send(Sctp *sctp, const SctpSend *how, const uint8_t *data, size_t size)
{
    if (size == 0 || size > SCTP_MAX_MESSAGE)
        return false;
    Letter *letter = letter_new(LETTER_MESSAGE, data, size);
    letter->how = *how;
    return post_to_stack(sctp->link, letter);
}

/* In order with sctp_free(), which posts to the same thread: the link is still there. */
void sctp_probe(Sctp *sctp)
{
    net_thread_post(sctp_stack_thread(), probe_on_stack, sctp->link, NULL);
}
