/* One DTLS 1.2 association over datagrams that somebody else carries (RFC 6347), with the keys for
 * SRTP (RFC 5764) and the remote's certificate checked against its fingerprint (RFC 8122).
 * Thread: net. Owns its retransmission timer on the context. */
#pragma once

#include <glib.h>

#include "transport/cipher.h"
#include "transport/net_timers.h"

typedef struct Dtls Dtls;

#define DTLS_MTU 1200
#define DTLS_MAX_MESSAGE 1150 /* fits into one datagram with any cipher suite */

typedef struct {
    void *owner;
    void (*datagram)(void *owner, const uint8_t *data, size_t size); /* to send */
    void (*connected)(void *owner);
    /* The association is over; `sentence` is borrowed, NULL when the remote closed it. */
    void (*ended)(void *owner, const char *sentence);
    void (*message)(void *owner, const uint8_t *data, size_t size); /* application data: SCTP */
} DtlsOut;

typedef struct {
    bool prefer_aes_256;
    const char *srtp_profiles; /* OpenSSL's names, colon between; NULL = by prefer_aes_256 */
} DtlsOptions;

/* Makes its own certificate (ECDSA, P-256); no handshake yet. Does not fail but for a wrong
 * profile list, which is NULL. */
Dtls *dtls_new(NetTimers *timers, const DtlsOptions *options, DtlsOut out);

/* Says goodbye to the remote if there was one. */
void dtls_free(Dtls *dtls);

const char *dtls_fingerprint(const Dtls *dtls); /* sha-256, "AA:BB:..." */

/* What the remote's certificate must hash to; false when it is no SHA-256 fingerprint. */
bool dtls_set_remote_fingerprint(Dtls *dtls, const char *hash, const char *value);

void dtls_start(Dtls *dtls, bool is_client);
bool dtls_is_started(const Dtls *dtls);
bool dtls_is_client(const Dtls *dtls);

/* Not before dtls_start(). */
void dtls_receive(Dtls *dtls, const uint8_t *data, size_t size);

/* At most DTLS_MAX_MESSAGE bytes; false before connected. */
bool dtls_send(Dtls *dtls, const uint8_t *data, size_t size);

/* False when there is no usable profile. Valid from `connected` on. */
bool dtls_srtp_keys(Dtls *dtls, CipherProfile *ret_profile, CipherKeys *ret_keys);
