/* SRTP packets under AEAD_AES_128_GCM (RFC 7714), one key and one sender each, on a kept OpenSSL
 * context; short of 65,536 packets, so that no roll-over is counted.
 * Thread: that of its owner. */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOOR_HEADER 12
#define FLOOR_TAG 16
#define FLOOR_KEY 16
#define FLOOR_SALT 12

typedef struct {
    uint8_t master[FLOOR_KEY + FLOOR_SALT]; /* as libsrtp2 takes it */
    uint8_t salt[FLOOR_SALT];
    uint32_t ssrc;
    EVP_CIPHER_CTX *cipher;
} FloorSrtp;

/* The keys are made of `number`, which is also the SSRC. False when OpenSSL refuses. */
bool floor_srtp_open(FloorSrtp *srtp, unsigned number, bool encrypts);
void floor_srtp_close(FloorSrtp *srtp);

/* Writes header, sealed payload and tag; the size of the packet, 0 when OpenSSL fails. */
size_t floor_srtp_seal(FloorSrtp *srtp, uint16_t sequence, const uint8_t *payload, size_t size,
                       uint8_t *packet);

/* Writes the payload to `out`, which has room for `size`; its size, 0 when the packet is not
 * authentic. */
size_t floor_srtp_open_packet(FloorSrtp *srtp, uint8_t *packet, size_t size, uint8_t *out);
