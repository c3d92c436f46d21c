/* Datagrams as they come from a socket, before anything about them is known: each is told by its
 * first bytes and goes to DTLS or SRTP. What is under a wrong key never comes out. */
#include "base/check.h"
#include "fuzz.h"
#include "transport/cipher.h"
#include "transport/demux.h"
#include "transport/dtls.h"

#define DATAGRAM_MAX 4096

static void ignore_datagram(void *owner, const uint8_t *data, size_t size)
{
    (void)owner;
    require(data != NULL && size <= DTLS_MTU);
}

static void never_connected(void *owner)
{
    (void)owner;
    require(!"a handshake without the other side's key");
}

static void on_ended(void *owner, const char *sentence)
{
    (void)sentence;
    *(bool *)owner = true;
}

static void take(Dtls *dtls, const bool *dtls_ended, Cipher *cipher, const FuzzRecord *record)
{
    uint8_t data[DATAGRAM_MAX];
    size_t size = MIN(record->size, sizeof data);
    memcpy(data, record->data, size);
    switch (demux_classify(data, size)) {
    case DEMUX_DTLS:
        if (!*dtls_ended)
            dtls_receive(dtls, data, size);
        break;
    case DEMUX_RTP:
        require(cipher_unprotect_rtp(cipher, data, &size) != CIPHER_OK);
        break;
    case DEMUX_RTCP:
        require(cipher_unprotect_rtcp(cipher, data, &size) != CIPHER_OK);
        break;
    case DEMUX_STUN:
    case DEMUX_UNKNOWN:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const CipherKeys keys = {.local = {1}, .remote = {2}};
    static const CipherProfile profiles[] = {CIPHER_AEAD_AES_128_GCM, CIPHER_AES128_CM_SHA1_80};
    ByteReader reader = byte_reader(data, size);
    const uint8_t flags = bytes_read_u8(&reader);
    bool dtls_ended = false;
    GMainContext *context = g_main_context_new();
    const DtlsOut out = {.owner = &dtls_ended,
                         .datagram = ignore_datagram,
                         .connected = never_connected,
                         .ended = on_ended};
    NetTimers *timers = net_timers_new(context);
    Dtls *dtls = dtls_new(timers, &(DtlsOptions){0}, out);
    Cipher *cipher = cipher_new(profiles[flags & 1], &keys);
    dtls_start(dtls, flags & 2);
    FuzzRecord record;
    while (fuzz_next(&reader, &record))
        take(dtls, &dtls_ended, cipher, &record);
    cipher_free(cipher);
    dtls_free(dtls);
    net_timers_free(timers);
    g_main_context_unref(context);
    return 0;
}
