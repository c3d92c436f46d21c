/* The keys of one direction of AEAD_AES_128_GCM or AEAD_AES_256_GCM, and what is done with them
 * (RFC 7714; key derivation by RFC 3711 4.3).
 * Thread: one at a time. Allocates in new only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hot_memory.h"

#define GCM_TAG_SIZE 16
#define GCM_IV_SIZE 12 /* the salt has as much */

typedef struct GcmKey GcmKey;

typedef enum {
    GCM_OPENS,
    GCM_SEALS,
} GcmUse;

typedef enum {
    GCM_BY_IPSEC,   /* RTP by libipsec-mb where that can be had (gcm_ipsec.h), else by OpenSSL */
    GCM_BY_OPENSSL, /* as a machine without libipsec-mb does */
} GcmLibrary;

/* `master` is the key of 16 or 32 bytes and the salt behind it; NULL when OpenSSL refuses. */
GcmKey *gcm_key_new(const uint8_t *master, size_t key_size, GcmUse use, GcmLibrary library);
void gcm_key_free(GcmKey *key);

/* One sealed text in the middle of a packet. */
typedef struct {
    bool is_rtcp;
    uint32_t ssrc;
    uint64_t index;        /* 48 bits: rollovers and sequence; 31 bits for RTCP */
    const uint8_t *header; /* authenticated as it is ... */
    size_t header_size;
    const uint8_t *trailer; /* ... as is this, behind it */
    size_t trailer_size;
    uint8_t *text; /* decrypted or encrypted in place; the tag is behind it */
    size_t text_size;
} GcmText;

/* Each for keys of its use only. */
bool gcm_key_open(GcmKey *key, const GcmText *text); /* false: not authentic, its bytes are void */
bool gcm_key_seal(GcmKey *key, const GcmText *text); /* writes the tag */

/* Adds what an RTP packet touches of it. */
void gcm_key_hot_memory(const GcmKey *key, HotMemory *hot);
