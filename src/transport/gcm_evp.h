/* AES-GCM by OpenSSL, on contexts that are kept: a new IV costs no allocation.
 * Thread: one at a time for each context. Allocates in new only. */
#pragma once

#include <openssl/types.h>

#include "transport/gcm_key.h"

/* `key` has 16 or 32 bytes. NULL when OpenSSL refuses. Freed with EVP_CIPHER_CTX_free. */
EVP_CIPHER_CTX *gcm_evp_new(const uint8_t *key, size_t key_size, bool seals);

/* `iv` has GCM_IV_SIZE bytes. */
bool gcm_evp_open(EVP_CIPHER_CTX *context, const uint8_t *iv, const GcmText *text);
bool gcm_evp_seal(EVP_CIPHER_CTX *context, const uint8_t *iv, const GcmText *text);
