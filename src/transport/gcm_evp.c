#include "transport/gcm_evp.h"

#include <openssl/evp.h>

#define BLOCK_SIZE 16

EVP_CIPHER_CTX *gcm_evp_new(const uint8_t *key, size_t key_size, bool seals)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = key_size == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    if (context && EVP_CipherInit_ex(context, cipher, NULL, key, NULL, seals) == 1)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

/* A new IV under the kept key, what is only authenticated, then the text itself. */
static bool run(EVP_CIPHER_CTX *context, const uint8_t *iv, const GcmText *text)
{
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

bool gcm_evp_open(EVP_CIPHER_CTX *context, const uint8_t *iv, const GcmText *text)
{
    uint8_t *tag = text->text + text->text_size;
    uint8_t none[BLOCK_SIZE];
    int written;
    return run(context, iv, text) &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE, tag) == 1 &&
           EVP_CipherFinal_ex(context, none, &written) == 1;
}

bool gcm_evp_seal(EVP_CIPHER_CTX *context, const uint8_t *iv, const GcmText *text)
{
    uint8_t *tag = text->text + text->text_size;
    uint8_t none[BLOCK_SIZE];
    int written;
    return run(context, iv, text) && EVP_CipherFinal_ex(context, none, &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, tag) == 1;
}
