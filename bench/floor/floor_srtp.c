#include "floor_srtp.h"

#include <string.h>

#define LABEL_RTP_KEY 0
#define LABEL_RTP_SALT 2
#define LABEL_AT 7

/* RFC 3711 4.3.3: AES in counter mode over the salt and the label. */
static bool derive(const uint8_t *master, uint8_t label, uint8_t *out, size_t size)
{
    const uint8_t zeros[16] = {0};
    uint8_t counter[16] = {0};
    int written = 0;
    memcpy(counter, master + FLOOR_KEY, FLOOR_SALT);
    counter[LABEL_AT] ^= label;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    const bool done = cipher &&
                      EVP_EncryptInit_ex(cipher, EVP_aes_128_ctr(), NULL, master, counter) == 1 &&
                      EVP_EncryptUpdate(cipher, out, &written, zeros, (int)size) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

bool floor_srtp_open(FloorSrtp *srtp, unsigned number, bool encrypts)
{
    uint8_t key[FLOOR_KEY];
    srtp->ssrc = number + 1;
    for (size_t i = 0; i < sizeof srtp->master; i++)
        srtp->master[i] = (uint8_t)((srtp->ssrc >> i % 3 * 8) * 31 + i * 7);
    if (!derive(srtp->master, LABEL_RTP_KEY, key, sizeof key) ||
        !derive(srtp->master, LABEL_RTP_SALT, srtp->salt, sizeof srtp->salt))
        return false;
    srtp->cipher = EVP_CIPHER_CTX_new();
    return srtp->cipher && EVP_CipherInit_ex(srtp->cipher, EVP_aes_128_gcm(), NULL, key, NULL,
                                             encrypts ? 1 : 0) == 1;
}

void floor_srtp_close(FloorSrtp *srtp)
{
    EVP_CIPHER_CTX_free(srtp->cipher);
    srtp->cipher = NULL;
}

/* RFC 7714 8.1, with a roll-over counter of 0. */
static void make_iv(const FloorSrtp *srtp, const uint8_t *header, uint8_t *iv)
{
    memcpy(iv, srtp->salt, FLOOR_SALT);
    for (size_t i = 0; i < 4; i++)
        iv[2 + i] ^= header[8 + i];
    iv[10] ^= header[2];
    iv[11] ^= header[3];
}

static void write_header(const FloorSrtp *srtp, uint16_t sequence, uint8_t *packet)
{
    memset(packet, 0, FLOOR_HEADER);
    packet[0] = 0x80;
    packet[1] = 96;
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    for (unsigned i = 0; i < 4; i++)
        packet[8 + i] = (uint8_t)(srtp->ssrc >> (24 - 8 * i));
}

size_t floor_srtp_seal(FloorSrtp *srtp, uint16_t sequence, const uint8_t *payload, size_t size,
                       uint8_t *packet)
{
    uint8_t iv[FLOOR_SALT];
    int written = 0;
    uint8_t *sealed = packet + FLOOR_HEADER;
    write_header(srtp, sequence, packet);
    make_iv(srtp, packet, iv);
    if (EVP_EncryptInit_ex(srtp->cipher, NULL, NULL, NULL, iv) != 1 ||
        EVP_EncryptUpdate(srtp->cipher, NULL, &written, packet, FLOOR_HEADER) != 1 ||
        EVP_EncryptUpdate(srtp->cipher, sealed, &written, payload, (int)size) != 1 ||
        EVP_EncryptFinal_ex(srtp->cipher, sealed + size, &written) != 1 ||
        EVP_CIPHER_CTX_ctrl(srtp->cipher, EVP_CTRL_AEAD_GET_TAG, FLOOR_TAG, sealed + size) != 1)
        return 0;
    return FLOOR_HEADER + size + FLOOR_TAG;
}

size_t floor_srtp_open_packet(FloorSrtp *srtp, uint8_t *packet, size_t size, uint8_t *out)
{
    uint8_t iv[FLOOR_SALT];
    int written = 0;
    if (size <= FLOOR_HEADER + FLOOR_TAG)
        return 0;
    const size_t payload = size - FLOOR_HEADER - FLOOR_TAG;
    make_iv(srtp, packet, iv);
    if (EVP_DecryptInit_ex(srtp->cipher, NULL, NULL, NULL, iv) != 1 ||
        EVP_DecryptUpdate(srtp->cipher, NULL, &written, packet, FLOOR_HEADER) != 1 ||
        EVP_DecryptUpdate(srtp->cipher, out, &written, packet + FLOOR_HEADER, (int)payload) != 1 ||
        EVP_CIPHER_CTX_ctrl(srtp->cipher, EVP_CTRL_AEAD_SET_TAG, FLOOR_TAG,
                            packet + FLOOR_HEADER + payload) != 1 ||
        EVP_DecryptFinal_ex(srtp->cipher, out + payload, &written) != 1)
        return 0;
    return payload;
}
