#include "transport/dtls.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

#define DIGEST_SIZE 32 /* SHA-256 */
#define FIRST_TIMEOUT_US 50000u
#define MAX_TIMEOUT_US 3000000u
#define CERTIFICATE_SECONDS (30L * 24 * 3600)

typedef enum { DTLS_IDLE, DTLS_HANDSHAKE, DTLS_CONNECTED, DTLS_ENDED } DtlsPhase;

struct Dtls {
    DtlsOut out;
    DtlsPhase phase;
    bool is_client;
    SSL_CTX *settings;
    SSL *ssl;
    BIO_METHOD *method;
    NetTimers *timers;
    NetTimer timer;
    char *fingerprint;
    uint8_t remote_digest[DIGEST_SIZE];
    bool has_remote_digest;
    struct {
        const uint8_t *data;
        size_t size;
    } incoming; /* the one datagram that OpenSSL may read */
};

/* ---- certificate ---- */

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    require(key != NULL);
    return key;
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    require(certificate != NULL);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate),
                            ((uint64_t)g_random_int() << 16) | 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -CERTIFICATE_SECONDS);
    X509_gmtime_adj(X509_getm_notAfter(certificate), CERTIFICATE_SECONDS);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"roomtape", -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    require(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void digest_of(const X509 *certificate, uint8_t digest[DIGEST_SIZE])
{
    unsigned size = DIGEST_SIZE;
    require(X509_digest(certificate, EVP_sha256(), digest, &size) == 1);
}

static char *format_digest(const uint8_t digest[DIGEST_SIZE])
{
    GString *text = g_string_sized_new(3 * DIGEST_SIZE);
    for (unsigned i = 0; i < DIGEST_SIZE; i++)
        g_string_append_printf(text, i == 0 ? "%02X" : ":%02X", digest[i]);
    return g_string_free(text, FALSE);
}

static bool parse_digest(const char *text, uint8_t digest[DIGEST_SIZE])
{
    if (!text || strlen(text) != 3 * DIGEST_SIZE - 1)
        return false;
    for (unsigned i = 0; i < DIGEST_SIZE; i++) {
        const int high = g_ascii_xdigit_value(text[3 * i]);
        const int low = g_ascii_xdigit_value(text[3 * i + 1]);
        if (high < 0 || low < 0 || (i + 1 < DIGEST_SIZE && text[3 * i + 2] != ':'))
            return false;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- the datagrams, as a BIO ---- */

static int write_datagram(BIO *bio, const char *data, int size)
{
    Dtls *dtls = BIO_get_data(bio);
    if (size > 0)
        dtls->out.datagram(dtls->out.owner, (const uint8_t *)data, (size_t)size);
    return size; /* what is lost on the way is sent again by the timer */
}

static int read_datagram(BIO *bio, char *data, int size)
{
    Dtls *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!dtls->incoming.data) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const int count = MIN(size, (int)dtls->incoming.size);
    memcpy(data, dtls->incoming.data, (size_t)count);
    dtls->incoming.data = NULL;
    return count;
}

static long control_bio(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return DTLS_MTU;
    default:
        return 0;
    }
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagrams");
    require(method != NULL);
    BIO_meth_set_write(method, write_datagram);
    BIO_meth_set_read(method, read_datagram);
    BIO_meth_set_ctrl(method, control_bio);
    return method;
}

/* ---- timer ---- */

static unsigned next_timeout_us(SSL *ssl, unsigned last_us)
{
    (void)ssl;
    return last_us == 0 ? FIRST_TIMEOUT_US : MIN(2 * last_us, MAX_TIMEOUT_US);
}

static void set_timer(Dtls *dtls)
{
    struct timeval left;
    if (dtls->phase == DTLS_ENDED || DTLSv1_get_timeout(dtls->ssl, &left) != 1) {
        net_timers_set(dtls->timers, &dtls->timer, CLOCK_NEVER);
        return;
    }
    const int64_t left_ns = left.tv_sec * NS_PER_SECOND + left.tv_usec * NS_PER_US;
    net_timers_set(dtls->timers, &dtls->timer, clock_monotonic_ns() + left_ns);
}

static void end(Dtls *dtls, const char *sentence)
{
    if (dtls->phase == DTLS_ENDED)
        return;
    dtls->phase = DTLS_ENDED;
    set_timer(dtls);
    dtls->out.ended(dtls->out.owner, sentence);
}

static void end_by_openssl(Dtls *dtls)
{
    const unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    g_autofree char *sentence = g_strdup_printf(
        "The DTLS %s failed: %s.", dtls->phase == DTLS_HANDSHAKE ? "handshake" : "association",
        reason ? reason : "the other side broke it off");
    ERR_clear_error();
    end(dtls, sentence);
}

static void on_timeout(void *owner)
{
    Dtls *dtls = owner;
    ERR_clear_error();
    if (DTLSv1_handle_timeout(dtls->ssl) < 0) {
        end(dtls, "The DTLS handshake failed: the other side does not answer.");
        return;
    }
    set_timer(dtls);
}

/* ---- handshake ---- */

/* Self-signed by design: the fingerprint decides, after the handshake. */
static int accept_any(int is_valid, X509_STORE_CTX *store)
{
    (void)is_valid;
    (void)store;
    return 1;
}

static bool remote_is_expected(Dtls *dtls)
{
    X509 *certificate = SSL_get1_peer_certificate(dtls->ssl);
    if (!certificate || !dtls->has_remote_digest) {
        X509_free(certificate);
        end(dtls, "The DTLS handshake failed: the other side showed no certificate.");
        return false;
    }
    uint8_t digest[DIGEST_SIZE];
    digest_of(certificate, digest);
    X509_free(certificate);
    if (CRYPTO_memcmp(digest, dtls->remote_digest, DIGEST_SIZE) == 0)
        return true;
    g_autofree char *got = format_digest(digest);
    g_autofree char *expected = format_digest(dtls->remote_digest);
    g_autofree char *sentence =
        g_strdup_printf("The certificate's fingerprint does not match: the description says %s, "
                        "the other side shows %s.",
                        expected, got);
    end(dtls, sentence);
    return false;
}

static void advance_handshake(Dtls *dtls)
{
    ERR_clear_error();
    const int result = SSL_do_handshake(dtls->ssl);
    if (result == 1) {
        if (!remote_is_expected(dtls))
            return;
        dtls->phase = DTLS_CONNECTED;
        set_timer(dtls);
        dtls->out.connected(dtls->out.owner);
        return;
    }
    const int error = SSL_get_error(dtls->ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        end_by_openssl(dtls);
        return;
    }
    set_timer(dtls);
}

static void read_messages(Dtls *dtls)
{
    uint8_t message[2 * DTLS_MTU];
    while (dtls->phase == DTLS_CONNECTED) {
        ERR_clear_error();
        const int count = SSL_read(dtls->ssl, message, sizeof message);
        if (count > 0) {
            dtls->out.message(dtls->out.owner, message, (size_t)count);
            continue;
        }
        const int error = SSL_get_error(dtls->ssl, count);
        if (error == SSL_ERROR_ZERO_RETURN)
            end(dtls, NULL);
        else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            end_by_openssl(dtls);
        break;
    }
    set_timer(dtls);
}

/* ---- public ---- */

static const char *profiles_of(const DtlsOptions *options)
{
    if (options->srtp_profiles)
        return options->srtp_profiles;
    return options->prefer_aes_256
               ? "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"
               : "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";
}

static SSL_CTX *make_settings(const DtlsOptions *options)
{
    SSL_CTX *settings = SSL_CTX_new(DTLS_method());
    require(settings != NULL);
    SSL_CTX_set_min_proto_version(settings, DTLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(settings, DTLS1_2_VERSION);
    SSL_CTX_set_options(settings, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(settings, 1);
    SSL_CTX_set_verify(settings, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    SSL_CTX_set_cipher_list(settings, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES");
    /* This one call returns 0 for success. */
    if (SSL_CTX_set_tlsext_use_srtp(settings, profiles_of(options)) == 0)
        return settings;
    SSL_CTX_free(settings);
    return NULL;
}

static void use_certificate(Dtls *dtls)
{
    EVP_PKEY *key = make_key();
    X509 *certificate = make_certificate(key);
    require(SSL_CTX_use_certificate(dtls->settings, certificate) == 1);
    require(SSL_CTX_use_PrivateKey(dtls->settings, key) == 1);
    uint8_t digest[DIGEST_SIZE];
    digest_of(certificate, digest);
    dtls->fingerprint = format_digest(digest);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void open_ssl(Dtls *dtls)
{
    dtls->method = make_method();
    BIO *bio = BIO_new(dtls->method);
    dtls->ssl = SSL_new(dtls->settings);
    require(bio != NULL && dtls->ssl != NULL);
    BIO_set_data(bio, dtls);
    BIO_set_init(bio, 1);
    SSL_set_bio(dtls->ssl, bio, bio);
    SSL_set_mtu(dtls->ssl, DTLS_MTU);
    DTLS_set_timer_cb(dtls->ssl, next_timeout_us);
}

Dtls *dtls_new(NetTimers *timers, const DtlsOptions *options, DtlsOut out)
{
    SSL_CTX *settings = make_settings(options);
    if (!settings)
        return NULL;
    Dtls *dtls = g_new0(Dtls, 1);
    dtls->out = out;
    dtls->settings = settings;
    use_certificate(dtls);
    open_ssl(dtls);
    dtls->timers = timers;
    dtls->timer = (NetTimer){.owner = dtls, .fire = on_timeout};
    net_timers_add(timers, &dtls->timer);
    return dtls;
}

void dtls_free(Dtls *dtls)
{
    if (!dtls)
        return;
    if (dtls->phase == DTLS_CONNECTED)
        SSL_shutdown(dtls->ssl);
    net_timers_remove(dtls->timers, &dtls->timer);
    SSL_free(dtls->ssl);
    SSL_CTX_free(dtls->settings);
    BIO_meth_free(dtls->method);
    ERR_clear_error();
    g_free(dtls->fingerprint);
    g_free(dtls);
}

const char *dtls_fingerprint(const Dtls *dtls)
{
    return dtls->fingerprint;
}

bool dtls_set_remote_fingerprint(Dtls *dtls, const char *hash, const char *value)
{
    uint8_t digest[DIGEST_SIZE];
    if (!hash || g_ascii_strcasecmp(hash, "sha-256") != 0 || !parse_digest(value, digest))
        return false;
    memcpy(dtls->remote_digest, digest, DIGEST_SIZE);
    dtls->has_remote_digest = true;
    return true;
}

void dtls_start(Dtls *dtls, bool is_client)
{
    check(dtls->phase == DTLS_IDLE);
    dtls->phase = DTLS_HANDSHAKE;
    dtls->is_client = is_client;
    if (is_client)
        SSL_set_connect_state(dtls->ssl);
    else
        SSL_set_accept_state(dtls->ssl);
    advance_handshake(dtls);
}

bool dtls_is_started(const Dtls *dtls)
{
    return dtls->phase != DTLS_IDLE;
}

bool dtls_is_client(const Dtls *dtls)
{
    return dtls->is_client;
}

void dtls_receive(Dtls *dtls, const uint8_t *data, size_t size)
{
    if (size > INT32_MAX)
        return;
    dtls->incoming.data = data;
    dtls->incoming.size = size;
    if (dtls->phase == DTLS_HANDSHAKE)
        advance_handshake(dtls);
    if (dtls->phase == DTLS_CONNECTED)
        read_messages(dtls);
    dtls->incoming.data = NULL;
}

bool dtls_send(Dtls *dtls, const uint8_t *data, size_t size)
{
    if (dtls->phase != DTLS_CONNECTED || size == 0 || size > DTLS_MAX_MESSAGE)
        return false;
    ERR_clear_error();
    return SSL_write(dtls->ssl, data, (int)size) > 0;
}

/* RFC 5764 4.2: both keys, then both salts, the client's first. */
bool dtls_srtp_keys(Dtls *dtls, CipherProfile *ret_profile, CipherKeys *ret_keys)
{
    const SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(dtls->ssl);
    CipherProfile profile;
    if (!chosen || !cipher_profile_from_number(chosen->id, &profile))
        return false;
    const size_t key = cipher_key_size(profile), salt = cipher_salt_size(profile);
    static const char label[] = "EXTRACTOR-dtls_srtp";
    uint8_t material[2 * CIPHER_MAX_KEY_SIZE];
    if (SSL_export_keying_material(dtls->ssl, material, 2 * (key + salt), label, strlen(label),
                                   NULL, 0, 0) != 1)
        return false;
    uint8_t *client = dtls->is_client ? ret_keys->local : ret_keys->remote;
    uint8_t *server = dtls->is_client ? ret_keys->remote : ret_keys->local;
    memcpy(client, material, key);
    memcpy(server, material + key, key);
    memcpy(client + key, material + 2 * key, salt);
    memcpy(server + key, material + 2 * key + salt, salt);
    OPENSSL_cleanse(material, sizeof material);
    *ret_profile = profile;
    return true;
}
