/* SRTP and SRTCP under AES-GCM (RFC 3711, 7714) in place, on kept keys: no allocation a packet,
 * which Debian's libsrtp2 has five of.
 * Thread: net. */
#pragma once

#include "transport/cipher.h"
#include "transport/gcm_key.h"
#include "transport/sender_table.h"

typedef struct SrtpGcm SrtpGcm;

/* NULL when OpenSSL refuses the keys. */
SrtpGcm *srtp_gcm_new(const CipherKeys *keys, size_t key_size, GcmLibrary library);
void srtp_gcm_free(SrtpGcm *srtp);

CipherVerdict srtp_gcm_unprotect_rtp(SrtpGcm *srtp, uint8_t *packet, size_t *size);
CipherVerdict srtp_gcm_unprotect_rtcp(SrtpGcm *srtp, uint8_t *packet, size_t *size);
bool srtp_gcm_protect_rtp(SrtpGcm *srtp, uint8_t *packet, size_t *size);
bool srtp_gcm_protect_rtcp(SrtpGcm *srtp, uint8_t *packet, size_t *size);

/* Adds what RTP touches of it, opened or sealed. */
void srtp_gcm_hot_memory(const SrtpGcm *srtp, GcmUse use, HotMemory *hot);
