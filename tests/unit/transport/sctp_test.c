#include <glib.h>
#include <string.h>

#include "transport/sctp.h"
#include "transport_test.h"

#define HEAD_BYTES 12 /* ports, verification tag, checksum (RFC 9260 3.1) */

/* Two associations on the main context, each the other's network. */
typedef struct End {
    struct End *other;
    Sctp *sctp;
    unsigned ups, losses;
    uint8_t last_head[HEAD_BYTES]; /* of the last packet that it sent */
} End;

static void on_packet(void *owner, const uint8_t *data, size_t size)
{
    End *end = owner;
    g_assert_cmpuint(size, >=, HEAD_BYTES);
    memcpy(end->last_head, data, HEAD_BYTES);
    if (end->other->sctp)
        sctp_receive(end->other->sctp, data, size);
}

static void on_up(void *owner)
{
    ((End *)owner)->ups++;
}

static void on_lost(void *owner)
{
    ((End *)owner)->losses++;
}

static void on_message(void *owner, uint16_t stream, uint32_t protocol, const uint8_t *data,
                       size_t size)
{
    (void)owner;
    (void)stream;
    (void)protocol;
    (void)data;
    (void)size;
}

static void on_stream_closed(void *owner, uint16_t stream)
{
    (void)owner;
    (void)stream;
}

static void run_until(const unsigned *counter)
{
    const gint64 deadline = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    while (*counter == 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_main_context_iteration(NULL, FALSE);
        g_thread_yield();
    }
}

static void connect_both(NetInbox *inbox, End *left, End *right)
{
    End *ends[] = {left, right};
    *left = (End){.other = right};
    *right = (End){.other = left};
    for (unsigned i = 0; i < 2; i++) {
        const SctpOut out = {
            .owner = ends[i],
            .packet = on_packet,
            .up = on_up,
            .lost = on_lost,
            .message = on_message,
            .stream_closed = on_stream_closed,
        };
        ends[i]->sctp = sctp_new(inbox, out);
        g_assert_nonnull(ends[i]->sctp);
    }
    run_until(&left->ups);
    run_until(&right->ups);
}

static uint32_t crc32c(const uint8_t *data, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

/* As if `end` had ended the association (RFC 9260 3.3.7). */
static void abort_of(End *end)
{
    uint8_t packet[HEAD_BYTES + 4] = {0};
    memcpy(packet, end->last_head, 8);
    packet[HEAD_BYTES] = 6;
    packet[HEAD_BYTES + 3] = 4;
    const uint32_t sum = GUINT32_TO_LE(crc32c(packet, sizeof packet));
    memcpy(packet + 8, &sum, sizeof sum);
    sctp_receive(end->other->sctp, packet, sizeof packet);
}

static void test_lost(void)
{
    End left, right;
    NetInbox *inbox = net_inbox_new(g_main_context_default());
    g_assert_nonnull(inbox);
    connect_both(inbox, &left, &right);
    g_assert_cmpuint(left.losses + right.losses, ==, 0);
    abort_of(&right);
    run_until(&left.losses);
    g_assert_cmpuint(left.losses, ==, 1);
    g_assert_cmpuint(right.losses, ==, 0);
    sctp_probe(left.sctp); /* of an association that is gone: nothing happens */
    g_assert_true(
        sctp_send(left.sctp, &(SctpSend){.max_retransmits = -1}, (const uint8_t *)"x", 1));
    sctp_free(left.sctp);
    sctp_free(right.sctp);
    net_inbox_close(inbox); /* before the stack has said its last */
    net_inbox_unref(inbox);
}

static void count(void *owner, void *message)
{
    (void)message;
    ++*(unsigned *)owner;
}

static void test_inbox(void)
{
    unsigned run = 0;
    GMainContext *context = g_main_context_new();
    NetInbox *inbox = net_inbox_new(context);
    NetInbox *other = net_inbox_ref(inbox);
    g_assert_true(net_inbox_post(other, count, &run, NULL));
    g_assert_true(g_main_context_iteration(context, FALSE));
    g_assert_cmpuint(run, ==, 1);
    g_assert_true(net_inbox_post(other, count, &run, NULL));
    net_inbox_close(inbox); /* runs what was posted */
    g_assert_cmpuint(run, ==, 2);
    g_assert_false(net_inbox_post(other, count, &run, NULL));
    net_inbox_unref(inbox);
    net_inbox_unref(other);
    g_assert_cmpuint(run, ==, 2);
    g_main_context_unref(context);
}

void sctp_test_add(void)
{
    g_test_add_func("/sctp/lost", test_lost);
    g_test_add_func("/sctp/inbox", test_inbox);
}
