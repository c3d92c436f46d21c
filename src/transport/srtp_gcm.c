#include "transport/srtp_gcm.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"

#define RTP_HEADER_SIZE 12
#define RTCP_HEADER_SIZE 8
#define RTCP_TRAILER_SIZE 4 /* E and the index */
#define RTCP_ENCRYPTED UINT32_C(0x80000000)
#define RTCP_INDEX_MAX UINT32_C(0x7fffffff)

struct SrtpGcm {
    GcmKey *inbound, *outbound;
    SenderTable *heard, *sent;
};

SrtpGcm *srtp_gcm_new(const CipherKeys *keys, size_t key_size, GcmLibrary library)
{
    SrtpGcm *srtp = calloc(1, sizeof *srtp);
    require(srtp != NULL);
    srtp->inbound = gcm_key_new(keys->remote, key_size, GCM_OPENS, library);
    srtp->outbound = gcm_key_new(keys->local, key_size, GCM_SEALS, library);
    srtp->heard = sender_table_new();
    srtp->sent = sender_table_new();
    if (srtp->inbound && srtp->outbound)
        return srtp;
    srtp_gcm_free(srtp);
    return NULL;
}

void srtp_gcm_free(SrtpGcm *srtp)
{
    if (!srtp)
        return;
    gcm_key_free(srtp->inbound);
    gcm_key_free(srtp->outbound);
    sender_table_free(srtp->heard);
    sender_table_free(srtp->sent);
    free(srtp);
}

typedef struct {
    uint16_t sequence;
    uint32_t ssrc;
    size_t header_size; /* with CSRCs and extension */
} RtpHead;

static bool read_rtp_head(const uint8_t *packet, size_t size, RtpHead *ret_head)
{
    ByteReader reader = byte_reader(packet, size);
    const uint8_t flags = bytes_read_u8(&reader);
    bytes_skip(&reader, 1);
    ret_head->sequence = bytes_read_u16(&reader);
    bytes_skip(&reader, 4);
    ret_head->ssrc = bytes_read_u32(&reader);
    bytes_skip(&reader, 4 * (size_t)(flags & 15));
    if (flags & 0x10) {
        bytes_skip(&reader, 2);
        const uint16_t words = bytes_read_u16(&reader);
        bytes_skip(&reader, 4 * (size_t)words);
    }
    ret_head->header_size = reader.position;
    return !reader.failed && flags >> 6 == 2;
}

/* A sender is known from its first authentic packet on. */
static CipherVerdict verify(SrtpGcm *srtp, const GcmText *text, SrtpSender *sender)
{
    if (!gcm_key_open(srtp->inbound, text))
        return CIPHER_BAD;
    if (!sender)
        sender = sender_table_add(srtp->heard, text->ssrc);
    replay_window_note(text->is_rtcp ? &sender->rtcp : &sender->rtp, text->index);
    return CIPHER_OK;
}

CipherVerdict srtp_gcm_unprotect_rtp(SrtpGcm *srtp, uint8_t *packet, size_t *size)
{
    RtpHead head;
    if (!read_rtp_head(packet, *size, &head) || *size < head.header_size + GCM_TAG_SIZE)
        return CIPHER_BAD;
    SrtpSender *sender = sender_table_find(srtp->heard, head.ssrc);
    if (!sender && sender_table_is_full(srtp->heard))
        return CIPHER_BAD;
    const uint64_t index =
        sender ? replay_window_estimate(&sender->rtp, head.sequence) : head.sequence;
    if (sender && !replay_window_allows(&sender->rtp, index))
        return CIPHER_DUPLICATE;
    const GcmText text = {
        .ssrc = head.ssrc,
        .index = index,
        .header = packet,
        .header_size = head.header_size,
        .text = packet + head.header_size,
        .text_size = *size - head.header_size - GCM_TAG_SIZE,
    };
    const CipherVerdict verdict = verify(srtp, &text, sender);
    if (verdict == CIPHER_OK)
        *size -= GCM_TAG_SIZE;
    return verdict;
}

/* The tag is in front of the index (RFC 7714 9.2); a packet that is not encrypted is header as a
 * whole (9.3). */
CipherVerdict srtp_gcm_unprotect_rtcp(SrtpGcm *srtp, uint8_t *packet, size_t *size)
{
    if (*size < RTCP_HEADER_SIZE + GCM_TAG_SIZE + RTCP_TRAILER_SIZE)
        return CIPHER_BAD;
    const size_t plain_size = *size - GCM_TAG_SIZE - RTCP_TRAILER_SIZE;
    const uint8_t *trailer = packet + *size - RTCP_TRAILER_SIZE;
    ByteReader head = byte_reader(packet + 4, 4), tail = byte_reader(trailer, RTCP_TRAILER_SIZE);
    const uint32_t ssrc = bytes_read_u32(&head), mark = bytes_read_u32(&tail);
    SrtpSender *sender = sender_table_find(srtp->heard, ssrc);
    if (!sender && sender_table_is_full(srtp->heard))
        return CIPHER_BAD;
    const uint32_t index = mark & RTCP_INDEX_MAX;
    if (sender && !replay_window_allows(&sender->rtcp, index))
        return CIPHER_DUPLICATE;
    const size_t header_size = mark & RTCP_ENCRYPTED ? RTCP_HEADER_SIZE : plain_size;
    const GcmText text = {
        .is_rtcp = true,
        .ssrc = ssrc,
        .index = index,
        .header = packet,
        .header_size = header_size,
        .trailer = trailer,
        .trailer_size = RTCP_TRAILER_SIZE,
        .text = packet + header_size,
        .text_size = plain_size - header_size,
    };
    const CipherVerdict verdict = verify(srtp, &text, sender);
    if (verdict == CIPHER_OK)
        *size = plain_size;
    return verdict;
}

bool srtp_gcm_protect_rtp(SrtpGcm *srtp, uint8_t *packet, size_t *size)
{
    RtpHead head;
    if (!read_rtp_head(packet, *size, &head))
        return false;
    SrtpSender *sender = sender_table_add(srtp->sent, head.ssrc);
    if (!sender)
        return false;
    const GcmText text = {
        .ssrc = head.ssrc,
        .index = replay_window_estimate(&sender->rtp, head.sequence),
        .header = packet,
        .header_size = head.header_size,
        .text = packet + head.header_size,
        .text_size = *size - head.header_size,
    };
    if (!gcm_key_seal(srtp->outbound, &text))
        return false;
    replay_window_note(&sender->rtp, text.index);
    *size += GCM_TAG_SIZE;
    return true;
}

bool srtp_gcm_protect_rtcp(SrtpGcm *srtp, uint8_t *packet, size_t *size)
{
    if (*size < RTCP_HEADER_SIZE)
        return false;
    ByteReader head = byte_reader(packet + 4, 4);
    const uint32_t ssrc = bytes_read_u32(&head);
    SrtpSender *sender = sender_table_add(srtp->sent, ssrc);
    if (!sender || sender->rtcp.highest >= RTCP_INDEX_MAX)
        return false;
    const uint32_t index = (uint32_t)sender->rtcp.highest + 1;
    uint8_t *trailer = packet + *size + GCM_TAG_SIZE;
    ByteWriter writer = byte_writer(trailer, RTCP_TRAILER_SIZE);
    bytes_write_u32(&writer, RTCP_ENCRYPTED | index);
    const GcmText text = {
        .is_rtcp = true,
        .ssrc = ssrc,
        .index = index,
        .header = packet,
        .header_size = RTCP_HEADER_SIZE,
        .trailer = trailer,
        .trailer_size = RTCP_TRAILER_SIZE,
        .text = packet + RTCP_HEADER_SIZE,
        .text_size = *size - RTCP_HEADER_SIZE,
    };
    if (!gcm_key_seal(srtp->outbound, &text))
        return false;
    replay_window_note(&sender->rtcp, index);
    *size += GCM_TAG_SIZE + RTCP_TRAILER_SIZE;
    return true;
}

void srtp_gcm_hot_memory(const SrtpGcm *srtp, GcmUse use, HotMemory *hot)
{
    hot_memory_add(hot, srtp, sizeof *srtp);
    gcm_key_hot_memory(use == GCM_OPENS ? srtp->inbound : srtp->outbound, hot);
    sender_table_hot_memory(use == GCM_OPENS ? srtp->heard : srtp->sent, hot);
}
