#include "transport/cipher.h"

#include <limits.h>
#include <pthread.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

/* A retransmission may come a second late; 1024 packets are that long at 10 Mbit/s. */
#define REPLAY_WINDOW 2048
#define SLOTS (2 * CIPHER_MAX_SENDERS)

struct Cipher {
    srtp_t inbound;
    srtp_t outbound;
    /* SSRCs that were authentic once, by open addressing; libsrtp2 itself has no ceiling. */
    unsigned sender_count;
    uint32_t senders[SLOTS];
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

static void set_profile(srtp_policy_t *policy, CipherProfile profile)
{
    switch (profile) {
    case CIPHER_AES128_CM_SHA1_80:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
        break;
    case CIPHER_AEAD_AES_128_GCM:
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
        break;
    case CIPHER_AEAD_AES_256_GCM:
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
        break;
    }
}

static srtp_t open_session(CipherProfile profile, const uint8_t *key, srtp_ssrc_type_t direction)
{
    uint8_t copy[CIPHER_MAX_KEY_SIZE];
    memcpy(copy, key, sizeof copy);
    srtp_policy_t policy = {
        .ssrc = {.type = direction},
        .key = copy,
        .window_size = REPLAY_WINDOW,
        .allow_repeat_tx = 1, /* audio is sent again under its own sequence number */
    };
    set_profile(&policy, profile);
    srtp_t session = NULL;
    const srtp_err_status_t status = srtp_create(&session, &policy);
    return status == srtp_err_status_ok ? session : NULL;
}

static void start_library(void)
{
    require(srtp_init() == srtp_err_status_ok);
}

Cipher *cipher_new(CipherProfile profile, const CipherKeys *keys)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_library);
    Cipher *cipher = calloc(1, sizeof *cipher);
    require(cipher != NULL);
    cipher->inbound = open_session(profile, keys->remote, ssrc_any_inbound);
    cipher->outbound = open_session(profile, keys->local, ssrc_any_outbound);
    if (cipher->inbound && cipher->outbound)
        return cipher;
    cipher_free(cipher);
    return NULL;
}

void cipher_free(Cipher *cipher)
{
    if (!cipher)
        return;
    if (cipher->inbound)
        srtp_dealloc(cipher->inbound);
    if (cipher->outbound)
        srtp_dealloc(cipher->outbound);
    free(cipher);
}

/* Zero marks a free slot, so SSRC 0 is filed under the highest one. */
static uint32_t *find_slot(Cipher *cipher, uint32_t ssrc)
{
    uint32_t i = (ssrc * UINT32_C(2654435769)) % SLOTS;
    while (cipher->senders[i] != 0 && cipher->senders[i] != ssrc)
        i = (i + 1) % SLOTS;
    return &cipher->senders[i];
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
    uint32_t ssrc = bytes_read_u32(&reader);
    if (reader.failed || *size > INT_MAX)
        return CIPHER_BAD;
    ssrc = ssrc == 0 ? UINT32_MAX : ssrc;
    uint32_t *slot = find_slot(cipher, ssrc);
    if (*slot == 0 && cipher->sender_count == CIPHER_MAX_SENDERS)
        return CIPHER_BAD;
    int length = (int)*size;
    const CipherVerdict verdict = verdict_of(operation(cipher->inbound, packet, &length));
    if (verdict != CIPHER_OK)
        return verdict;
    cipher->sender_count += *slot == 0;
    *slot = ssrc;
    *size = (size_t)length;
    return CIPHER_OK;
}

CipherVerdict cipher_unprotect_rtp(Cipher *cipher, uint8_t *packet, size_t *size)
{
    return unprotect(cipher, srtp_unprotect, packet, size, 8);
}

CipherVerdict cipher_unprotect_rtcp(Cipher *cipher, uint8_t *packet, size_t *size)
{
    return unprotect(cipher, srtp_unprotect_rtcp, packet, size, 4);
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
    return protect(cipher->outbound, srtp_protect, packet, size);
}

bool cipher_protect_rtcp(Cipher *cipher, uint8_t *packet, size_t *size)
{
    return protect(cipher->outbound, srtp_protect_rtcp, packet, size);
}
