#include "transport/gcm_key.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

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
    EVP_CIPHER_CTX *open, *seal;
    uint8_t salt[GCM_SALT_SIZE];
} Session;

struct GcmKey {
    Session rtp, rtcp;
};

/* The key stream of AES in counter mode, from the salt and the label (RFC 3711 4.3.3). */
static bool derive(const uint8_t *master, size_t key_size, Label label, uint8_t *ret, size_t size)
{
    uint8_t counter[BLOCK_SIZE] = {0};
    memcpy(counter, master + key_size, GCM_SALT_SIZE);
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

static EVP_CIPHER_CTX *new_context(const uint8_t *key, size_t key_size, bool seals)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = key_size == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    if (context && EVP_CipherInit_ex(context, cipher, NULL, key, NULL, seals) == 1)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

static bool open_session(Session *session, const uint8_t *master, size_t key_size, Label key_label,
                         Label salt_label)
{
    uint8_t key[KEY_MAX_SIZE];
    const bool is_derived = derive(master, key_size, key_label, key, key_size) &&
                            derive(master, key_size, salt_label, session->salt, GCM_SALT_SIZE);
    if (is_derived) {
        session->open = new_context(key, key_size, false);
        session->seal = new_context(key, key_size, true);
    }
    explicit_bzero(key, sizeof key);
    return session->open && session->seal;
}

static void close_session(Session *session)
{
    EVP_CIPHER_CTX_free(session->open);
    EVP_CIPHER_CTX_free(session->seal);
    explicit_bzero(session->salt, sizeof session->salt);
}

GcmKey *gcm_key_new(const uint8_t *master, size_t key_size)
{
    GcmKey *key = calloc(1, sizeof *key);
    require(key != NULL);
    if (open_session(&key->rtp, master, key_size, LABEL_RTP_KEY, LABEL_RTP_SALT) &&
        open_session(&key->rtcp, master, key_size, LABEL_RTCP_KEY, LABEL_RTCP_SALT))
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
    memcpy(ret_iv, session->salt, GCM_SALT_SIZE);
    for (unsigned i = 0; i < 4; i++)
        ret_iv[2 + i] ^= (uint8_t)(text->ssrc >> (24 - 8 * i));
    for (unsigned i = 0; i < 6; i++)
        ret_iv[6 + i] ^= (uint8_t)(text->index >> (40 - 8 * i));
}

/* A new IV under the kept key, what is only authenticated, then the text itself. */
static bool run(EVP_CIPHER_CTX *context, const Session *session, const GcmText *text)
{
    uint8_t iv[GCM_SALT_SIZE];
    make_iv(session, text, iv);
    int written;
    if (EVP_CipherInit_ex(context, NULL, NULL, NULL, iv, -1) != 1 ||
        EVP_CipherUpdate(context, NULL, &written, text->header, (int)text->header_size) != 1)
        return false;
    if (text->trailer_size > 0 &&
        EVP_CipherUpdate(context, NULL, &written, text->trailer, (int)text->trailer_size) != 1)
        return false;
    return text->text_size == 0 ||
           EVP_CipherUpdate(context, text->text, &written, text->text, (int)text->text_size) == 1;
}

static const Session *session_of(const GcmKey *key, const GcmText *text)
{
    return text->is_rtcp ? &key->rtcp : &key->rtp;
}

bool gcm_key_open(GcmKey *key, const GcmText *text)
{
    const Session *session = session_of(key, text);
    uint8_t *tag = text->text + text->text_size;
    uint8_t none[BLOCK_SIZE];
    int written;
    return run(session->open, session, text) &&
           EVP_CIPHER_CTX_ctrl(session->open, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE, tag) == 1 &&
           EVP_CipherFinal_ex(session->open, none, &written) == 1;
}

bool gcm_key_seal(GcmKey *key, const GcmText *text)
{
    const Session *session = session_of(key, text);
    uint8_t *tag = text->text + text->text_size;
    uint8_t none[BLOCK_SIZE];
    int written;
    return run(session->seal, session, text) &&
           EVP_CipherFinal_ex(session->seal, none, &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(session->seal, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, tag) == 1;
}
