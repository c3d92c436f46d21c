/* Protects and unprotects SRTP and SRTCP packets in place (RFC 3711, 7714): AES-GCM by srtp_gcm.h,
 * the rest by libsrtp2.
 * Thread: net. Allocates in new, and with AES-GCM once for each sender that is heard of first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hot_memory.h"

/* The numbers of the DTLS extension use_srtp (RFC 5764 4.1.2, RFC 7714 14.2). */
typedef enum {
    CIPHER_AES128_CM_SHA1_80 = 0x0001,
    CIPHER_AEAD_AES_128_GCM = 0x0007,
    CIPHER_AEAD_AES_256_GCM = 0x0008,
} CipherProfile;

bool cipher_profile_from_number(unsigned long number, CipherProfile *ret_profile);
const char *cipher_profile_name(CipherProfile profile); /* "AEAD_AES_128_GCM" */
size_t cipher_key_size(CipherProfile profile);
size_t cipher_salt_size(CipherProfile profile);

#define CIPHER_MAX_KEY_SIZE 44 /* the largest key and salt together */

/* Key and salt of each direction, one behind the other. */
typedef struct {
    uint8_t local[CIPHER_MAX_KEY_SIZE];
    uint8_t remote[CIPHER_MAX_KEY_SIZE];
} CipherKeys;

typedef struct Cipher Cipher;

/* NULL when the library refuses the keys. */
Cipher *cipher_new(CipherProfile profile, const CipherKeys *keys);
void cipher_free(Cipher *cipher);

typedef enum {
    CIPHER_OK,
    CIPHER_DUPLICATE, /* seen before, or older than the window */
    CIPHER_BAD,       /* did not pass its check, or one sender too many */
} CipherVerdict;

/* `size` shrinks to what was protected. */
CipherVerdict cipher_unprotect_rtp(Cipher *cipher, uint8_t *packet, size_t *size);
CipherVerdict cipher_unprotect_rtcp(Cipher *cipher, uint8_t *packet, size_t *size);

/* `size` grows by up to PEER_TRAILER bytes, for which there must be room. */
bool cipher_protect_rtp(Cipher *cipher, uint8_t *packet, size_t *size);
bool cipher_protect_rtcp(Cipher *cipher, uint8_t *packet, size_t *size);

/* Adds what unprotecting RTP touches of it, which may be NULL. */
void cipher_hot_memory(const Cipher *cipher, HotMemory *hot);
void cipher_sending_memory(const Cipher *cipher, HotMemory *hot); /* the same of protecting */
