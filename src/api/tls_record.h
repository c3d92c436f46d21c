/* Where the records of a TLS stream begin (RFC 8446 5.1, RFC 5246 6.2.1: type, version and length
 * in front of each), without a look into them. Thread: any; values only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_RECORD_HEAD_BYTES 5
#define TLS_RECORD_MAX_BYTES (16384 + 256) /* that one holds, without its head */

/* Whether a record of the handshake begins so: a client's first one is of it. */
bool tls_record_is_handshake(const uint8_t *data, size_t size);

/* How many bytes a record takes, of which `size` have come: with its head, or the head alone while
 * that is not there. 0: it says more than a record may hold. */
size_t tls_record_bytes(const uint8_t *data, size_t size);

/* A stream from its first byte on. Zero: nothing has come yet. */
typedef struct {
    uint8_t head[TLS_RECORD_HEAD_BYTES]; /* of the record that comes */
    size_t have, left;                   /* bytes of its head, and of the rest */
} TlsRecords;

/* The next bytes, cut anywhere; true when a record of the handshake begins among them. What a
 * record holds too much is left to TLS to refuse. */
bool tls_records_take(TlsRecords *records, const uint8_t *data, size_t size);
