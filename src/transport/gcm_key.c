#include "transport/gcm_key.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "transport/gcm_evp.h"
#include "transport/gcm_ipsec.h"

#define KEY_MAX_SIZE 32
#define BLOCK_SIZE 16

/* RFC 3711 4.3.1, 4.3.2 */
typedef enum {
    LABEL_RTP_KEY = 0,
    LABEL_RTP_SALT = 2,
    LABEL_RTCP_KEY = 3,
    LABEL_RTCP_SALT = 5,
} Label;

typedef struct {
    GcmIpsec *ipsec;     /* one of the two, */
    EVP_CIPHER_CTX *evp; /* the other is NULL */
    uint8_t salt[GCM_IV_SIZE];
} Session;

struct GcmKey {
    Session rtp, rtcp;
};

/* The key stream of AES in counter mode, from the salt and the label (RFC 3711 4.3.3). */
static bool derive(const uint8_t *master, size_t key_size, Label label, uint8_t *ret, size_t size)
{
    uint8_t counter[BLOCK_SIZE] = {0};
    memcpy(counter, master + key_size, GCM_IV_SIZE);
    counter[7] ^= (uint8_t)label;
    memset(ret, 0, size);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int written = 0;
    const bool is_done =
        context &&
        EVP_EncryptInit_ex(context, key_size == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(), NULL,
                           master, counter) == 1 &&
        EVP_EncryptUpdate(context, ret, &written, ret, (int)size) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_done;
}

static bool take_library(Session *session, const uint8_t *key, size_t key_size, GcmUse use,
                         GcmLibrary library)
{
    if (library == GCM_BY_IPSEC)
        session->ipsec = gcm_ipsec_new(key, key_size, use);
    if (!session->ipsec)
        session->evp = gcm_evp_new(key, key_size, use == GCM_SEALS);
    return session->ipsec || session->evp;
}

static bool open_session(Session *session, const uint8_t *master, size_t key_size, bool is_rtcp,
                         GcmUse use, GcmLibrary library)
{
    const Label key_label = is_rtcp ? LABEL_RTCP_KEY : LABEL_RTP_KEY;
    const Label salt_label = is_rtcp ? LABEL_RTCP_SALT : LABEL_RTP_SALT;
    uint8_t key[KEY_MAX_SIZE];
    const bool is_open = derive(master, key_size, key_label, key, key_size) &&
                         derive(master, key_size, salt_label, session->salt, GCM_IV_SIZE) &&
                         take_library(session, key, key_size, use, library);
    explicit_bzero(key, sizeof key);
    return is_open;
}

static void close_session(Session *session)
{
    gcm_ipsec_free(session->ipsec);
    EVP_CIPHER_CTX_free(session->evp);
    explicit_bzero(session->salt, sizeof session->salt);
}

/* Reports are rare, and libipsec-mb would need what it authenticates of them in one piece. */
GcmKey *gcm_key_new(const uint8_t *master, size_t key_size, GcmUse use, GcmLibrary library)
{
    GcmKey *key = calloc(1, sizeof *key);
    require(key != NULL);
    if (open_session(&key->rtp, master, key_size, false, use, library) &&
        open_session(&key->rtcp, master, key_size, true, use, GCM_BY_OPENSSL))
        return key;
    gcm_key_free(key);
    return NULL;
}

void gcm_key_free(GcmKey *key)
{
    if (!key)
        return;
    close_session(&key->rtp);
    close_session(&key->rtcp);
    free(key);
}

/* RFC 7714 8.1 and 9.1: two zero bytes, SSRC, and the index in the last six, over the salt. */
static void make_iv(const Session *session, const GcmText *text, uint8_t *ret_iv)
{
    memcpy(ret_iv, session->salt, GCM_IV_SIZE);
    for (unsigned i = 0; i < 4; i++)
        ret_iv[2 + i] ^= (uint8_t)(text->ssrc >> (24 - 8 * i));
    for (unsigned i = 0; i < 6; i++)
        ret_iv[6 + i] ^= (uint8_t)(text->index >> (40 - 8 * i));
}

static const Session *session_of(const GcmKey *key, const GcmText *text)
{
    return text->is_rtcp ? &key->rtcp : &key->rtp;
}

bool gcm_key_open(GcmKey *key, const GcmText *text)
{
    const Session *session = session_of(key, text);
    uint8_t iv[GCM_IV_SIZE];
    make_iv(session, text, iv);
    return session->ipsec ? gcm_ipsec_open(session->ipsec, iv, text)
                          : gcm_evp_open(session->evp, iv, text);
}

bool gcm_key_seal(GcmKey *key, const GcmText *text)
{
    const Session *session = session_of(key, text);
    uint8_t iv[GCM_IV_SIZE];
    make_iv(session, text, iv);
    if (!session->ipsec)
        return gcm_evp_seal(session->evp, iv, text);
    gcm_ipsec_seal(session->ipsec, iv, text);
    return true;
}

void gcm_key_hot_memory(const GcmKey *key, HotMemory *hot)
{
    hot_memory_add(hot, &key->rtp, sizeof key->rtp);
    gcm_ipsec_hot_memory(key->rtp.ipsec, hot);
}
