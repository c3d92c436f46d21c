/* Packets of somebody who has the keys: whatever the packet says of itself, what was protected
 * comes out as it went in, once; and a packet that was changed on the way does not. Whatever
 * library opens AES-GCM here, OpenSSL says the same. */
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "transport/cipher.h"
#include "transport/peer.h"
#include "transport/srtp_gcm.h"

#define PACKET_MAX 2048
#define KIND_RTCP 1
#define KIND_CHANGED 2

typedef struct {
    Cipher *sender, *receiver;
    SrtpGcm *openssl; /* a second receiver; NULL: the profile is none of AES-GCM */
} Ends;

static bool protect(Cipher *cipher, uint8_t *packet, size_t *size, uint8_t kind)
{
    return kind & KIND_RTCP ? cipher_protect_rtcp(cipher, packet, size)
                            : cipher_protect_rtp(cipher, packet, size);
}

static CipherVerdict receive(Ends *ends, uint8_t *packet, size_t *size, uint8_t kind)
{
    uint8_t copy[PACKET_MAX + PEER_TRAILER];
    size_t copy_size = *size;
    memcpy(copy, packet, *size);
    const CipherVerdict verdict = kind & KIND_RTCP
                                      ? cipher_unprotect_rtcp(ends->receiver, packet, size)
                                      : cipher_unprotect_rtp(ends->receiver, packet, size);
    if (!ends->openssl)
        return verdict;
    const CipherVerdict second = kind & KIND_RTCP
                                     ? srtp_gcm_unprotect_rtcp(ends->openssl, copy, &copy_size)
                                     : srtp_gcm_unprotect_rtp(ends->openssl, copy, &copy_size);
    require(second == verdict && copy_size == *size);
    require(verdict != CIPHER_OK || memcmp(copy, packet, copy_size) == 0);
    return verdict;
}

static void carry(Ends *ends, const FuzzRecord *record)
{
    uint8_t packet[PACKET_MAX + PEER_TRAILER], again[PACKET_MAX + PEER_TRAILER];
    size_t size = record->size < PACKET_MAX ? record->size : PACKET_MAX;
    const size_t plain_size = size;
    if (size == 0)
        return;
    memcpy(packet, record->data, size);
    if (!protect(ends->sender, packet, &size, record->kind))
        return;
    require(size <= plain_size + PEER_TRAILER);
    size_t again_size = size;
    memcpy(again, packet, size);
    if (record->kind & KIND_CHANGED) {
        again[record->kind % size] ^= 0x80;
        require(receive(ends, again, &again_size, record->kind) != CIPHER_OK);
        return;
    }
    const CipherVerdict verdict = receive(ends, packet, &size, record->kind);
    require(verdict != CIPHER_OK ||
            (size == plain_size && memcmp(packet, record->data, size) == 0));
    require(receive(ends, again, &again_size, record->kind) != CIPHER_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const CipherKeys here = {.local = {1, 2}, .remote = {3, 4}};
    static const CipherKeys there = {.local = {3, 4}, .remote = {1, 2}};
    static const CipherProfile profiles[] = {CIPHER_AEAD_AES_128_GCM, CIPHER_AES128_CM_SHA1_80,
                                             CIPHER_AEAD_AES_256_GCM};
    ByteReader reader = byte_reader(data, size);
    const CipherProfile profile = profiles[bytes_read_u8(&reader) % 3];
    Ends ends = {.sender = cipher_new(profile, &here), .receiver = cipher_new(profile, &there)};
    require(ends.sender && ends.receiver);
    if (profile != CIPHER_AES128_CM_SHA1_80)
        ends.openssl = srtp_gcm_new(&there, cipher_key_size(profile), GCM_BY_OPENSSL);
    FuzzRecord record;
    while (fuzz_next(&reader, &record))
        carry(&ends, &record);
    cipher_free(ends.sender);
    cipher_free(ends.receiver);
    srtp_gcm_free(ends.openssl);
    return 0;
}
