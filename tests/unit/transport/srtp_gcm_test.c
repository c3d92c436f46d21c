/* Our AES-GCM packets against those of libsrtp2, byte for byte and both ways. */
#include <glib.h>
#include <srtp2/srtp.h>
#include <string.h>

#include "transport/peer.h"
#include "transport/srtp_gcm.h"
#include "transport_test.h"

#define MAX_PACKET 1400

typedef struct {
    const char *name;
    size_t key_size;
    GcmLibrary library;
} Row;

static const Row rows[] = {
    {"128", 16, GCM_BY_IPSEC},
    {"128_openssl", 16, GCM_BY_OPENSSL},
    {"256", 32, GCM_BY_IPSEC},
    {"256_openssl", 32, GCM_BY_OPENSSL},
};

typedef struct {
    GRand *rand;
    SrtpGcm *ours;
    srtp_t inbound, outbound; /* libsrtp2's, with the keys of the same side */
} Bench;

static srtp_t library_new(const uint8_t *key, size_t key_size, srtp_ssrc_type_t direction,
                          bool encrypts_rtcp)
{
    uint8_t copy[CIPHER_MAX_KEY_SIZE];
    memcpy(copy, key, sizeof copy);
    srtp_policy_t policy = {
        .ssrc = {.type = direction},
        .key = copy,
        .window_size = REPLAY_WINDOW,
        .allow_repeat_tx = 1,
    };
    void (*set)(srtp_crypto_policy_t *) = key_size == 32
                                              ? srtp_crypto_policy_set_aes_gcm_256_16_auth
                                              : srtp_crypto_policy_set_aes_gcm_128_16_auth;
    set(&policy.rtp);
    set(&policy.rtcp);
    if (!encrypts_rtcp)
        policy.rtcp.sec_serv = sec_serv_auth;
    srtp_t session;
    g_assert_cmpint(srtp_create(&session, &policy), ==, srtp_err_status_ok);
    return session;
}

/* Both directions have the same keys, so that what one protects the other can open. */
static Bench bench_new(const Row *row, bool encrypts_rtcp)
{
    Bench bench = {.rand = g_rand_new_with_seed(7)};
    CipherKeys keys;
    for (unsigned i = 0; i < CIPHER_MAX_KEY_SIZE; i++)
        keys.local[i] = keys.remote[i] = (uint8_t)g_rand_int(bench.rand);
    cipher_free(cipher_new(CIPHER_AES128_CM_SHA1_80, &keys)); /* starts libsrtp2, once */
    bench.ours = srtp_gcm_new(&keys, row->key_size, row->library);
    bench.inbound = library_new(keys.remote, row->key_size, ssrc_any_inbound, encrypts_rtcp);
    bench.outbound = library_new(keys.local, row->key_size, ssrc_any_outbound, encrypts_rtcp);
    return bench;
}

static void bench_free(Bench *bench)
{
    srtp_gcm_free(bench->ours);
    srtp_dealloc(bench->inbound);
    srtp_dealloc(bench->outbound);
    g_rand_free(bench->rand);
}

static size_t fill(Bench *bench, uint8_t *packet, size_t least)
{
    const size_t size = least + (size_t)g_rand_int_range(bench->rand, 0, 1000);
    for (size_t i = 0; i < size; i++)
        packet[i] = (uint8_t)g_rand_int(bench->rand);
    return size;
}

static size_t random_rtp(Bench *bench, uint8_t *packet, uint16_t sequence)
{
    const unsigned sources = (unsigned)g_rand_int_range(bench->rand, 0, 16);
    const bool is_extended = g_rand_boolean(bench->rand);
    const uint8_t words = (uint8_t)g_rand_int_range(bench->rand, 0, 20);
    const size_t header = 12 + 4 * sources + (is_extended ? 4u + 4u * words : 0);
    const size_t size = fill(bench, packet, header);
    packet[0] = (uint8_t)(0x80 | (is_extended ? 0x10 : 0) | sources);
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    memcpy(packet + 8, "\x01\x02\x03\x04", 4);
    if (is_extended) {
        packet[12 + 4 * sources + 2] = 0;
        packet[12 + 4 * sources + 3] = words;
    }
    return size;
}

static size_t random_rtcp(Bench *bench, uint8_t *packet)
{
    const size_t size = fill(bench, packet, 8) & ~(size_t)3;
    packet[0] = 0x80;
    packet[1] = 200;
    memcpy(packet + 4, "\x01\x02\x03\x04", 4);
    return size;
}

static void exchange_rtp(Bench *bench, uint16_t sequence)
{
    uint8_t plain[MAX_PACKET], ours[MAX_PACKET], theirs[MAX_PACKET];
    const size_t size = random_rtp(bench, plain, sequence);
    memcpy(ours, plain, size);
    memcpy(theirs, plain, size);
    size_t our_size = size;
    int their_size = (int)size;
    g_assert_true(srtp_gcm_protect_rtp(bench->ours, ours, &our_size));
    g_assert_cmpint(srtp_protect(bench->outbound, theirs, &their_size), ==, srtp_err_status_ok);
    g_assert_cmpmem(ours, our_size, theirs, (size_t)their_size);
    g_assert_cmpint(srtp_gcm_unprotect_rtp(bench->ours, theirs, &our_size), ==, CIPHER_OK);
    g_assert_cmpmem(theirs, our_size, plain, size);
    g_assert_cmpint(srtp_unprotect(bench->inbound, ours, &their_size), ==, srtp_err_status_ok);
}

static void exchange_rtcp(Bench *bench, bool encrypts)
{
    uint8_t plain[MAX_PACKET], ours[MAX_PACKET], theirs[MAX_PACKET];
    const size_t size = random_rtcp(bench, plain);
    memcpy(ours, plain, size);
    memcpy(theirs, plain, size);
    size_t our_size = size;
    int their_size = (int)size;
    g_assert_cmpint(srtp_protect_rtcp(bench->outbound, theirs, &their_size), ==,
                    srtp_err_status_ok);
    if (encrypts) {
        g_assert_true(srtp_gcm_protect_rtcp(bench->ours, ours, &our_size));
        g_assert_cmpmem(ours, our_size, theirs, (size_t)their_size);
    }
    our_size = (size_t)their_size;
    g_assert_cmpint(srtp_gcm_unprotect_rtcp(bench->ours, theirs, &our_size), ==, CIPHER_OK);
    g_assert_cmpmem(theirs, our_size, plain, size);
}

/* Three times through all sequence numbers, with jumps and some that come late. */
static void rtp_is_theirs(gconstpointer row)
{
    Bench bench = bench_new(row, true);
    uint32_t index = 65000;
    while (index < 4 * 65536) {
        exchange_rtp(&bench, (uint16_t)index);
        if (index % 7 == 0)
            exchange_rtp(&bench, (uint16_t)(index - 3));
        index += 8 + (uint32_t)g_rand_int_range(bench.rand, 0, index % 50 == 0 ? 20000 : 200);
    }
    bench_free(&bench);
}

static void rtcp_is_theirs(gconstpointer row)
{
    for (int encrypts = 0; encrypts < 2; encrypts++) {
        Bench bench = bench_new(row, encrypts);
        for (unsigned i = 0; i < 500; i++)
            exchange_rtcp(&bench, encrypts);
        bench_free(&bench);
    }
}

static size_t protected_rtp(Bench *bench, uint8_t *packet, uint16_t sequence)
{
    size_t size = random_rtp(bench, packet, sequence);
    g_assert_true(srtp_gcm_protect_rtp(bench->ours, packet, &size));
    return size;
}

static void each_changed_bit_is_noticed(gconstpointer row)
{
    Bench bench = bench_new(row, true);
    uint8_t packet[MAX_PACKET], changed[MAX_PACKET];
    const size_t full = protected_rtp(&bench, packet, 1);
    for (size_t i = 0; i < 8 * full; i += 5) {
        size_t size = full;
        memcpy(changed, packet, full);
        changed[i / 8] ^= (uint8_t)(1 << i % 8);
        g_assert_cmpint(srtp_gcm_unprotect_rtp(bench.ours, changed, &size), ==, CIPHER_BAD);
    }
    for (size_t i = 0; i < full; i++) {
        size_t size = i;
        memcpy(changed, packet, full);
        g_assert_cmpint(srtp_gcm_unprotect_rtp(bench.ours, changed, &size), ==, CIPHER_BAD);
    }
    size_t size = full;
    g_assert_cmpint(srtp_gcm_unprotect_rtp(bench.ours, packet, &size), ==, CIPHER_OK);
    bench_free(&bench);
}

static void a_report_comes_once(gconstpointer row)
{
    Bench bench = bench_new(row, true);
    uint8_t packet[MAX_PACKET], again[MAX_PACKET];
    size_t size = random_rtcp(&bench, packet);
    g_assert_true(srtp_gcm_protect_rtcp(bench.ours, packet, &size));
    const size_t full = size;
    memcpy(again, packet, full);
    g_assert_cmpint(srtp_gcm_unprotect_rtcp(bench.ours, packet, &size), ==, CIPHER_OK);
    size = full;
    g_assert_cmpint(srtp_gcm_unprotect_rtcp(bench.ours, again, &size), ==, CIPHER_DUPLICATE);
    for (size_t i = 0; i < 28; i++) {
        size = i;
        g_assert_cmpint(srtp_gcm_unprotect_rtcp(bench.ours, again, &size), ==, CIPHER_BAD);
    }
    bench_free(&bench);
}

static void the_window_forgets_nothing(void)
{
    ReplayWindow window = {0};
    g_assert_true(replay_window_allows(&window, 5000));
    replay_window_note(&window, 5000);
    g_assert_false(replay_window_allows(&window, 5000));
    g_assert_true(replay_window_allows(&window, 5000 - REPLAY_WINDOW + 1));
    g_assert_false(replay_window_allows(&window, 5000 - REPLAY_WINDOW));
    replay_window_note(&window, 5003);
    g_assert_true(replay_window_allows(&window, 5001));
    replay_window_note(&window, 5001);
    g_assert_false(replay_window_allows(&window, 5001));
    g_assert_true(replay_window_allows(&window, 5002));
    replay_window_note(&window, 5003 + REPLAY_WINDOW);
    g_assert_false(replay_window_allows(&window, 5003));
    g_assert_true(replay_window_allows(&window, 5004));
    g_assert_false(replay_window_allows(&window, 5003 + REPLAY_WINDOW));
}

static void the_index_follows_the_wrap(void)
{
    ReplayWindow window = {0};
    g_assert_cmpuint(replay_window_estimate(&window, 65530), ==, 65530);
    replay_window_note(&window, 65530);
    g_assert_cmpuint(replay_window_estimate(&window, 3), ==, 65536 + 3);
    replay_window_note(&window, 65536 + 3);
    g_assert_cmpuint(replay_window_estimate(&window, 65531), ==, 65531);
    g_assert_cmpuint(replay_window_estimate(&window, 2), ==, 65536 + 2);
    ReplayWindow young = {0};
    replay_window_note(&young, 3);
    g_assert_cmpuint(replay_window_estimate(&young, 65531), ==, 65531);
}

static void add(const char *name, const Row *row, GTestDataFunc run)
{
    g_autofree char *path = g_strdup_printf("/srtp_gcm/%s_%s", name, row->name);
    g_test_add_data_func(path, row, run);
}

void srtp_gcm_test_add(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        add("rtp", &rows[i], rtp_is_theirs);
        add("rtcp", &rows[i], rtcp_is_theirs);
        add("changed_bits", &rows[i], each_changed_bit_is_noticed);
        add("report_again", &rows[i], a_report_comes_once);
    }
    g_test_add_func("/srtp_gcm/window", the_window_forgets_nothing);
    g_test_add_func("/srtp_gcm/index", the_index_follows_the_wrap);
}
