#include <string.h>

#include "base/clock.h"
#include "transport/cipher.h"
#include "transport/data_channels.h"
#include "transport/demux.h"
#include "transport/dtls.h"
#include "transport/mailbox_source.h"
#include "transport/sender_table.h"
#include "transport_test.h"

/* ---- demux ---- */

static const struct {
    uint8_t first, second;
    DemuxClass class;
} demux_rows[] = {
    {0, 1, DEMUX_STUN},     {3, 1, DEMUX_STUN},          {4, 1, DEMUX_UNKNOWN},
    {19, 1, DEMUX_UNKNOWN}, {20, 254, DEMUX_DTLS},       {63, 254, DEMUX_DTLS},
    {64, 0, DEMUX_UNKNOWN}, {79, 0, DEMUX_UNKNOWN},      {127, 96, DEMUX_UNKNOWN},
    {128, 96, DEMUX_RTP},   {128, 96 | 0x80, DEMUX_RTP}, {128, 191, DEMUX_RTP},
    {128, 192, DEMUX_RTCP}, {129, 200, DEMUX_RTCP},      {191, 223, DEMUX_RTCP},
    {191, 224, DEMUX_RTP},  {192, 200, DEMUX_UNKNOWN},   {255, 255, DEMUX_UNKNOWN},
};

static void test_demux(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(demux_rows); i++) {
        const uint8_t data[2] = {demux_rows[i].first, demux_rows[i].second};
        if (demux_classify(data, 2) != demux_rows[i].class)
            g_error("row %u", i);
        g_assert_cmpint(demux_classify(data, 1), ==, DEMUX_UNKNOWN);
    }
    g_assert_cmpint(demux_classify(NULL, 0), ==, DEMUX_UNKNOWN);
}

/* ---- cipher ---- */

static const CipherProfile profiles[] = {
    CIPHER_AES128_CM_SHA1_80,
    CIPHER_AEAD_AES_128_GCM,
    CIPHER_AEAD_AES_256_GCM,
};

static size_t make_rtp(uint8_t *packet, uint32_t ssrc, uint16_t sequence)
{
    memset(packet, 0x5a, 100);
    packet[0] = 0x80;
    packet[1] = 96;
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    for (int i = 0; i < 4; i++)
        packet[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
    return 100;
}

typedef struct {
    Cipher *left, *right;
} CipherPair;

static CipherPair cipher_pair_new(CipherProfile profile)
{
    CipherKeys left, right;
    for (unsigned i = 0; i < CIPHER_MAX_KEY_SIZE; i++) {
        left.local[i] = right.remote[i] = (uint8_t)i;
        left.remote[i] = right.local[i] = (uint8_t)(200 - i);
    }
    const CipherPair pair = {cipher_new(profile, &left), cipher_new(profile, &right)};
    g_assert_true(pair.left && pair.right);
    return pair;
}

static void cipher_pair_clear(CipherPair *pair)
{
    cipher_free(pair->left);
    cipher_free(pair->right);
}

static CipherVerdict pass(CipherPair *pair, uint32_t ssrc, uint16_t sequence)
{
    uint8_t packet[100 + PEER_TRAILER];
    size_t size = make_rtp(packet, ssrc, sequence);
    g_assert_true(cipher_protect_rtp(pair->left, packet, &size));
    g_assert_cmpuint(size, >, 100);
    g_assert_cmpuint(size, <=, sizeof packet);
    return cipher_unprotect_rtp(pair->right, packet, &size);
}

static void test_cipher(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(profiles); i++) {
        CipherPair pair = cipher_pair_new(profiles[i]);
        uint8_t packet[100 + PEER_TRAILER], plain[100];
        size_t size = make_rtp(packet, 7, 1);
        memcpy(plain, packet, size);
        g_assert_true(cipher_protect_rtp(pair.left, packet, &size));
        g_assert_cmpint(memcmp(packet + 12, plain + 12, 88), !=, 0);
        g_assert_cmpint(cipher_unprotect_rtp(pair.right, packet, &size), ==, CIPHER_OK);
        g_assert_cmpmem(packet, size, plain, sizeof plain);
        g_assert_cmpstr(cipher_profile_name(profiles[i]), !=, "");
        cipher_pair_clear(&pair);
    }
}

static void test_cipher_verdicts(void)
{
    CipherPair pair = cipher_pair_new(CIPHER_AEAD_AES_128_GCM);
    uint8_t old[100 + PEER_TRAILER];
    size_t old_size = make_rtp(old, 7, 4000);
    g_assert_true(cipher_protect_rtp(pair.left, old, &old_size));
    g_assert_cmpint(pass(&pair, 7, 5000), ==, CIPHER_OK);
    g_assert_cmpint(pass(&pair, 7, 5000), ==, CIPHER_DUPLICATE);
    g_assert_cmpint(pass(&pair, 7, 6500), ==, CIPHER_OK);
    g_assert_cmpint(pass(&pair, 7, 5001), ==, CIPHER_OK); /* 1499 late is within the window */
    g_assert_cmpint(cipher_unprotect_rtp(pair.right, old, &old_size), ==, CIPHER_DUPLICATE);
    uint8_t packet[100 + PEER_TRAILER];
    size_t size = make_rtp(packet, 7, 7000);
    g_assert_true(cipher_protect_rtp(pair.left, packet, &size));
    packet[50] ^= 1;
    g_assert_cmpint(cipher_unprotect_rtp(pair.right, packet, &size), ==, CIPHER_BAD);
    for (size_t short_size = 0; short_size < 40; short_size++) {
        size = short_size;
        g_assert_cmpint(cipher_unprotect_rtp(pair.right, packet, &size), ==, CIPHER_BAD);
        g_assert_cmpint(cipher_unprotect_rtcp(pair.right, packet, &size), ==, CIPHER_BAD);
    }
    cipher_pair_clear(&pair);
}

static void test_cipher_senders(void)
{
    CipherPair pair = cipher_pair_new(CIPHER_AEAD_AES_128_GCM);
    for (uint32_t i = 0; i < SENDER_TABLE_MAX; i++)
        g_assert_cmpint(pass(&pair, i * 4096, 1), ==, CIPHER_OK);
    CipherPair other = cipher_pair_new(CIPHER_AEAD_AES_128_GCM);
    CipherPair late = {other.left, pair.right};
    g_assert_cmpint(pass(&late, 99, 1), ==, CIPHER_BAD);
    g_assert_cmpint(pass(&pair, 0, 2), ==, CIPHER_OK);
    uint8_t packet[100 + PEER_TRAILER];
    size_t size = make_rtp(packet, 99, 1);
    g_assert_false(cipher_protect_rtp(pair.left, packet, &size));
    cipher_pair_clear(&other);
    cipher_pair_clear(&pair);
}

/* ---- DTLS over a line that loses ---- */

typedef struct {
    Dtls *dtls;
    GQueue *line; /* of GBytes*, to the other side */
    bool is_connected;
    unsigned messages;
    char *ended;
} DtlsEnd;

static void on_datagram(void *owner, const uint8_t *data, size_t size)
{
    g_assert_cmpuint(size, <=, DTLS_MTU);
    g_queue_push_tail(((DtlsEnd *)owner)->line, g_bytes_new(data, size));
}

static void on_connected(void *owner)
{
    ((DtlsEnd *)owner)->is_connected = true;
}

static void on_ended(void *owner, const char *sentence)
{
    ((DtlsEnd *)owner)->ended = g_strdup(sentence ? sentence : "closed");
}

static void on_dtls_message(void *owner, const uint8_t *data, size_t size)
{
    (void)data;
    g_assert_cmpuint(size, ==, DTLS_MAX_MESSAGE);
    ((DtlsEnd *)owner)->messages++;
}

static void dtls_end_init(DtlsEnd *end, NetTimers *timers)
{
    const DtlsOptions options = {.prefer_aes_256 = true};
    const DtlsOut out = {end, on_datagram, on_connected, on_ended, on_dtls_message};
    *end = (DtlsEnd){.line = g_queue_new()};
    end->dtls = dtls_new(timers, &options, out);
    g_assert_nonnull(end->dtls);
}

static void dtls_end_clear(DtlsEnd *end)
{
    dtls_free(end->dtls);
    g_queue_free_full(end->line, (GDestroyNotify)g_bytes_unref);
    g_free(end->ended);
}

/* At random, so that no message of a flight is the one that is always lost. */
static bool carry(DtlsEnd *from, DtlsEnd *to, GRand *random, double loss)
{
    g_autoptr(GBytes) datagram = g_queue_pop_head(from->line);
    if (!datagram)
        return false;
    if (g_rand_double(random) >= loss)
        dtls_receive(to->dtls, g_bytes_get_data(datagram, NULL), g_bytes_get_size(datagram));
    return true;
}

static void run_until_connected(DtlsEnd *ends, GMainContext *context, GRand *random, double loss)
{
    const int64_t deadline = clock_monotonic_ns() + 20 * NS_PER_SECOND;
    while (!(ends[0].is_connected && ends[1].is_connected) && !ends[0].ended && !ends[1].ended) {
        const bool is_moving =
            carry(&ends[0], &ends[1], random, loss) || carry(&ends[1], &ends[0], random, loss);
        if (!is_moving)
            g_main_context_iteration(context, TRUE);
        g_assert_cmpint(clock_monotonic_ns(), <, deadline);
    }
}

static void introduce(DtlsEnd *to, DtlsEnd *other)
{
    g_assert_true(dtls_set_remote_fingerprint(to->dtls, "SHA-256", dtls_fingerprint(other->dtls)));
}

static void run_dtls(double loss, guint32 seed)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    g_autoptr(GMainContext) context = g_main_context_new();
    DtlsEnd ends[2];
    NetTimers *timers = net_timers_new(context);
    dtls_end_init(&ends[0], timers);
    dtls_end_init(&ends[1], timers);
    introduce(&ends[0], &ends[1]);
    introduce(&ends[1], &ends[0]);
    dtls_start(ends[0].dtls, false);
    dtls_start(ends[1].dtls, true);
    run_until_connected(ends, context, random, loss);
    g_assert_true(ends[0].is_connected && ends[1].is_connected);
    CipherProfile profile[2];
    CipherKeys keys[2];
    memset(keys, 0, sizeof keys);
    for (unsigned i = 0; i < 2; i++)
        g_assert_true(dtls_srtp_keys(ends[i].dtls, &profile[i], &keys[i]));
    g_assert_cmpint(profile[0], ==, CIPHER_AEAD_AES_256_GCM);
    g_assert_cmpint(profile[1], ==, CIPHER_AEAD_AES_256_GCM);
    g_assert_cmpmem(keys[0].local, CIPHER_MAX_KEY_SIZE, keys[1].remote, CIPHER_MAX_KEY_SIZE);
    g_assert_cmpmem(keys[0].remote, CIPHER_MAX_KEY_SIZE, keys[1].local, CIPHER_MAX_KEY_SIZE);
    static const uint8_t message[DTLS_MAX_MESSAGE + 1];
    while (carry(&ends[0], &ends[1], random, 0) || carry(&ends[1], &ends[0], random, 0))
        continue;
    g_assert_true(dtls_send(ends[0].dtls, message, DTLS_MAX_MESSAGE));
    g_assert_false(dtls_send(ends[0].dtls, message, DTLS_MAX_MESSAGE + 1));
    g_assert_true(carry(&ends[0], &ends[1], random, 0));
    g_assert_cmpuint(ends[1].messages, ==, 1);
    dtls_end_clear(&ends[0]);
    dtls_end_clear(&ends[1]);
    net_timers_free(timers);
}

static void test_dtls(void)
{
    run_dtls(0, 1);
}

static void test_dtls_loss(void)
{
    for (guint32 seed = 1; seed <= 3; seed++)
        run_dtls(0.25, seed);
}

static void test_dtls_garbage(void)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    DtlsEnd ends[2];
    NetTimers *timers = net_timers_new(context);
    dtls_end_init(&ends[0], timers);
    dtls_end_init(&ends[1], timers);
    introduce(&ends[0], &ends[1]);
    introduce(&ends[1], &ends[0]);
    dtls_start(ends[0].dtls, false);
    dtls_start(ends[1].dtls, true);
    g_autoptr(GRand) random = g_rand_new_with_seed(3);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t data[1500];
        const size_t size = (size_t)g_rand_int_range(random, 1, sizeof data);
        for (size_t k = 0; k < size; k++)
            data[k] = (uint8_t)g_rand_int(random);
        data[0] = (uint8_t)(20 + i % 6);
        dtls_receive(ends[i % 2].dtls, data, size);
    }
    run_until_connected(ends, context, random, 0);
    g_assert_true(ends[0].is_connected && ends[1].is_connected);
    dtls_end_clear(&ends[0]);
    dtls_end_clear(&ends[1]);
    net_timers_free(timers);
}

/* ---- data channels ---- */

typedef struct {
    unsigned sent, messages;
    SctpSend last_how;
    uint8_t last[64];
    size_t last_size;
} ChannelEnd;

static bool on_send(void *owner, const SctpSend *how, const uint8_t *data, size_t size)
{
    ChannelEnd *end = owner;
    end->sent++;
    end->last_how = *how;
    end->last_size = MIN(size, sizeof end->last);
    memcpy(end->last, data, end->last_size);
    return true;
}

static void on_message(void *owner, const PeerMessage *message)
{
    ChannelEnd *end = owner;
    end->messages++;
    g_assert_cmpstr(message->label, ==, "ab");
}

#define OPEN(type, label_size, protocol_size)                                                      \
    0x03, type, 0, 0, 0, 0, 0, 0, 0, label_size, 0, protocol_size

static const struct {
    const char *name;
    uint8_t data[24];
    size_t size;
    bool is_answered;
} open_rows[] = {
    {"open", {OPEN(0x00, 2, 0), 'a', 'b'}, 14, true},
    {"unordered, no retransmission", {OPEN(0x81, 2, 0), 'a', 'b'}, 14, true},
    {"lifetime", {OPEN(0x02, 2, 3), 'a', 'b', 'x', 'y', 'z'}, 17, true},
    {"no label", {OPEN(0x00, 0, 0)}, 12, true},
    {"unknown type", {OPEN(0x03, 2, 0), 'a', 'b'}, 14, false},
    {"label cut off", {OPEN(0x00, 3, 0), 'a', 'b'}, 14, false},
    {"protocol cut off", {OPEN(0x00, 2, 1), 'a', 'b'}, 14, false},
    {"header cut off", {OPEN(0x00, 0, 0)}, 11, false},
    {"ack of nothing", {0x02}, 1, false},
    {"unknown message", {0x07}, 1, false},
    {"empty", {0}, 0, false},
};

static void test_channel_open(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(open_rows); i++) {
        ChannelEnd end = {0};
        DataChannels *channels = data_channels_new((DataChannelsOut){&end, on_send, on_message});
        data_channels_receive(channels, 3, 50, open_rows[i].data, open_rows[i].size);
        g_test_message("%s", open_rows[i].name);
        g_assert_cmpuint(end.sent, ==, open_rows[i].is_answered ? 1 : 0);
        PeerChannel listed[2] = {0};
        g_assert_cmpuint(data_channels_list(channels, listed, 2), ==, end.sent);
        if (open_rows[i].is_answered) {
            g_assert_cmpuint(listed[0].stream_id, ==, 3);
            g_assert_cmpuint(end.last_how.stream, ==, 3);
            g_assert_cmpuint(end.last_how.protocol, ==, 50);
            g_assert_true(end.last_how.is_ordered);
            g_assert_cmpint(end.last_how.max_retransmits, ==, -1);
            g_assert_cmpmem(end.last, end.last_size, "\x02", 1);
        }
        data_channels_free(channels);
    }
}

static void test_channel_messages(void)
{
    ChannelEnd end = {0};
    DataChannels *channels = data_channels_new((DataChannelsOut){&end, on_send, on_message});
    static const uint8_t open[] = {OPEN(0x81, 2, 0), 'a', 'b'};
    data_channels_receive(channels, 3, 53, open, 1); /* of a channel that nobody opened */
    g_assert_cmpuint(end.messages, ==, 0);
    data_channels_receive(channels, 3, 50, open, sizeof open);
    data_channels_receive(channels, 3, 50, open, sizeof open); /* a second time */
    g_assert_cmpuint(end.sent, ==, 1);
    data_channels_receive(channels, 3, 53, open, 5);
    data_channels_receive(channels, 3, 51, open, 5);
    data_channels_receive(channels, 3, 57, open, 1);
    data_channels_receive(channels, 3, 52, open, 5); /* an old protocol for parts */
    data_channels_receive(channels, 4, 53, open, 5);
    g_assert_cmpuint(end.messages, ==, 3);
    g_assert_true(data_channels_send(channels, "ab", open, 5));
    g_assert_false(end.last_how.is_ordered);
    g_assert_cmpint(end.last_how.max_retransmits, ==, 0);
    data_channels_close_stream(channels, 3);
    g_assert_false(data_channels_send(channels, "ab", open, 5));
    data_channels_free(channels);
}

static void test_channel_ceiling(void)
{
    ChannelEnd end = {0};
    DataChannels *channels = data_channels_new((DataChannelsOut){&end, on_send, on_message});
    static const uint8_t open[] = {OPEN(0x00, 2, 0), 'a', 'b'};
    for (unsigned i = 0; i < 2 * DATA_CHANNELS_MAX; i++)
        data_channels_receive(channels, (uint16_t)i, 50, open, sizeof open);
    g_assert_cmpuint(data_channels_list(channels, NULL, 0), ==, DATA_CHANNELS_MAX);
    g_assert_false(data_channels_open(channels, "one more", true, -1));
    data_channels_free(channels);
}

static void test_channel_parity(void)
{
    ChannelEnd end = {0};
    DataChannels *channels = data_channels_new((DataChannelsOut){&end, on_send, on_message});
    g_assert_true(data_channels_open(channels, "first", true, -1));
    g_assert_cmpuint(end.sent, ==, 0);
    data_channels_up(channels, false);
    g_assert_cmpuint(end.last_how.stream, ==, 1);
    g_assert_true(data_channels_open(channels, "second", false, 2));
    g_assert_cmpuint(end.last_how.stream, ==, 3);
    static const uint8_t expected[] = {0x03, 0x81, 1, 0, 0, 0, 0, 2, 0, 6, 0, 0};
    g_assert_cmpmem(end.last, sizeof expected, expected, sizeof expected);
    data_channels_free(channels);
}

/* ---- net thread ---- */

typedef struct {
    NetThread *thread;
    pthread_t ran_on;
    unsigned count;
    int64_t now_ns;
} Visit;

static void note_visit(void *owner, void *message)
{
    (void)message;
    Visit *visit = owner;
    visit->ran_on = pthread_self();
    visit->count++;
    visit->now_ns = net_thread_now_ns(visit->thread);
    g_assert_true(g_main_context_is_owner(net_thread_context(visit->thread)));
    if (visit->count < 5)
        net_thread_post(visit->thread, note_visit, visit, NULL);
}

static void test_net_thread(void)
{
    Visit visit = {.thread = net_thread_new("a name that is too long for the kernel")};
    const int64_t before_ns = clock_monotonic_ns();
    net_thread_post(visit.thread, note_visit, &visit, NULL);
    net_thread_free(visit.thread);
    g_assert_cmpuint(visit.count, ==, 5);
    g_assert_false(pthread_equal(visit.ran_on, pthread_self()));
    g_assert_cmpint(visit.now_ns, >=, before_ns);
    g_assert_cmpint(visit.now_ns, <=, clock_monotonic_ns());
    net_thread_free(NULL);
}

static void count_letter(void *owner, void *message)
{
    *(unsigned *)owner += GPOINTER_TO_UINT(message);
}

static void test_mailbox_source(void)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    Mailbox *mailbox = mailbox_new();
    GSource *source = mailbox_source_attach(mailbox, context);
    unsigned sum = 0;
    g_assert_false(g_main_context_iteration(context, FALSE));
    mailbox_post(mailbox, count_letter, &sum, GUINT_TO_POINTER(1));
    mailbox_post(mailbox, count_letter, &sum, GUINT_TO_POINTER(2));
    g_assert_true(g_main_context_iteration(context, TRUE));
    g_assert_cmpuint(sum, ==, 3);
    g_assert_false(g_main_context_iteration(context, FALSE));
    g_source_destroy(source);
    g_source_unref(source);
    mailbox_free(mailbox);
}

void parts_test_add(void)
{
    g_test_add_func("/net_thread/runs_to_the_end", test_net_thread);
    g_test_add_func("/mailbox_source/drains", test_mailbox_source);
    g_test_add_func("/demux/classes", test_demux);
    g_test_add_func("/cipher/round_trip", test_cipher);
    g_test_add_func("/cipher/verdicts", test_cipher_verdicts);
    g_test_add_func("/cipher/ceiling_of_senders", test_cipher_senders);
    g_test_add_func("/dtls/connects", test_dtls);
    g_test_add_func("/dtls/loss", test_dtls_loss);
    g_test_add_func("/dtls/garbage", test_dtls_garbage);
    g_test_add_func("/data_channels/open", test_channel_open);
    g_test_add_func("/data_channels/messages", test_channel_messages);
    g_test_add_func("/data_channels/ceiling", test_channel_ceiling);
    g_test_add_func("/data_channels/streams", test_channel_parity);
}
