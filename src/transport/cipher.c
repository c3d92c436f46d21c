#include "transport/cipher.h"

#include <limits.h>
#include <pthread.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "transport/srtp_gcm.h"

struct Cipher {
    SrtpGcm *gcm; /* NULL: libsrtp2 */
    srtp_t inbound;
    srtp_t outbound;
    SenderTable *heard; /* that were authentic once; libsrtp2 itself has no ceiling */
};

bool cipher_profile_from_number(unsigned long number, CipherProfile *ret_profile)
{
    if (number != CIPHER_AES128_CM_SHA1_80 && number != CIPHER_AEAD_AES_128_GCM &&
        number != CIPHER_AEAD_AES_256_GCM)
        return false;
    *ret_profile = (CipherProfile)number;
    return true;
}

const char *cipher_profile_name(CipherProfile profile)
{
    switch (profile) {
    case CIPHER_AES128_CM_SHA1_80:
        return "AES128_CM_SHA1_80";
    case CIPHER_AEAD_AES_128_GCM:
        return "AEAD_AES_128_GCM";
    case CIPHER_AEAD_AES_256_GCM:
        return "AEAD_AES_256_GCM";
    }
    return "";
}

size_t cipher_key_size(CipherProfile profile)
{
    return profile == CIPHER_AEAD_AES_256_GCM ? 32 : 16;
}

size_t cipher_salt_size(CipherProfile profile)
{
    return profile == CIPHER_AES128_CM_SHA1_80 ? 14 : 12;
}

static srtp_t open_session(const uint8_t *key, srtp_ssrc_type_t direction)
{
    uint8_t copy[CIPHER_MAX_KEY_SIZE];
    memcpy(copy, key, sizeof copy);
    srtp_policy_t policy = {
        .ssrc = {.type = direction},
        .key = copy,
        .window_size = REPLAY_WINDOW,
        .allow_repeat_tx = 1, /* audio is sent again under its own sequence number */
    };
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    srtp_t session = NULL;
    const srtp_err_status_t status = srtp_create(&session, &policy);
    return status == srtp_err_status_ok ? session : NULL;
}

static void start_library(void)
{
    require(srtp_init() == srtp_err_status_ok);
}

static bool open_library(Cipher *cipher, const CipherKeys *keys)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_library);
    cipher->heard = sender_table_new();
    cipher->inbound = open_session(keys->remote, ssrc_any_inbound);
    cipher->outbound = open_session(keys->local, ssrc_any_outbound);
    return cipher->inbound && cipher->outbound;
}

Cipher *cipher_new(CipherProfile profile, const CipherKeys *keys)
{
    Cipher *cipher = calloc(1, sizeof *cipher);
    require(cipher != NULL);
    if (profile != CIPHER_AES128_CM_SHA1_80)
        cipher->gcm = srtp_gcm_new(keys, cipher_key_size(profile), GCM_BY_IPSEC);
    if (cipher->gcm || (profile == CIPHER_AES128_CM_SHA1_80 && open_library(cipher, keys)))
        return cipher;
    cipher_free(cipher);
    return NULL;
}

void cipher_free(Cipher *cipher)
{
    if (!cipher)
        return;
    srtp_gcm_free(cipher->gcm);
    if (cipher->inbound)
        srtp_dealloc(cipher->inbound);
    if (cipher->outbound)
        srtp_dealloc(cipher->outbound);
    sender_table_free(cipher->heard);
    free(cipher);
}

static CipherVerdict verdict_of(srtp_err_status_t status)
{
    if (status == srtp_err_status_ok)
        return CIPHER_OK;
    if (status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old)
        return CIPHER_DUPLICATE;
    return CIPHER_BAD;
}

typedef srtp_err_status_t (*CipherOperation)(srtp_t session, void *packet, int *size);

static CipherVerdict unprotect(Cipher *cipher, CipherOperation operation, uint8_t *packet,
                               size_t *size, size_t ssrc_offset)
{
    ByteReader reader = byte_reader(packet, *size);
    bytes_skip(&reader, ssrc_offset);
    const uint32_t ssrc = bytes_read_u32(&reader);
    if (reader.failed || *size > INT_MAX)
        return CIPHER_BAD;
    if (!sender_table_find(cipher->heard, ssrc) && sender_table_is_full(cipher->heard))
        return CIPHER_BAD;
    int length = (int)*size;
    const CipherVerdict verdict = verdict_of(operation(cipher->inbound, packet, &length));
    if (verdict != CIPHER_OK)
        return verdict;
    sender_table_add(cipher->heard, ssrc);
    *size = (size_t)length;
    return CIPHER_OK;
}

CipherVerdict cipher_unprotect_rtp(Cipher *cipher, uint8_t *packet, size_t *size)
{
    return cipher->gcm ? srtp_gcm_unprotect_rtp(cipher->gcm, packet, size)
                       : unprotect(cipher, srtp_unprotect, packet, size, 8);
}

CipherVerdict cipher_unprotect_rtcp(Cipher *cipher, uint8_t *packet, size_t *size)
{
    return cipher->gcm ? srtp_gcm_unprotect_rtcp(cipher->gcm, packet, size)
                       : unprotect(cipher, srtp_unprotect_rtcp, packet, size, 4);
}

static bool protect(srtp_t session, CipherOperation operation, uint8_t *packet, size_t *size)
{
    if (*size > UINT16_MAX)
        return false;
    int length = (int)*size;
    if (operation(session, packet, &length) != srtp_err_status_ok)
        return false;
    *size = (size_t)length;
    return true;
}

bool cipher_protect_rtp(Cipher *cipher, uint8_t *packet, size_t *size)
{
    return cipher->gcm ? srtp_gcm_protect_rtp(cipher->gcm, packet, size)
                       : protect(cipher->outbound, srtp_protect, packet, size);
}

bool cipher_protect_rtcp(Cipher *cipher, uint8_t *packet, size_t *size)
{
    return cipher->gcm ? srtp_gcm_protect_rtcp(cipher->gcm, packet, size)
                       : protect(cipher->outbound, srtp_protect_rtcp, packet, size);
}

static void list_hot(const Cipher *cipher, GcmUse use, HotMemory *hot)
{
    if (!cipher)
        return;
    hot_memory_add(hot, cipher, sizeof *cipher);
    if (cipher->gcm)
        srtp_gcm_hot_memory(cipher->gcm, use, hot);
}

void cipher_hot_memory(const Cipher *cipher, HotMemory *hot)
{
    list_hot(cipher, GCM_OPENS, hot);
}

void cipher_sending_memory(const Cipher *cipher, HotMemory *hot)
{
    list_hot(cipher, GCM_SEALS, hot);
}
