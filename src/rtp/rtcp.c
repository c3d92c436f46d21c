#include "rtp/rtcp.h"

#include <string.h>

#define RTCP_VERSION 2
#define RTCP_MAX_BLOCKS 31
#define SDES_CNAME 1
#define SDES_TEXT_MAX 255

enum {
    RTCP_SENDER_REPORT = 200,
    RTCP_RECEIVER_REPORT = 201,
    RTCP_SOURCE_DESCRIPTION = 202,
    RTCP_BYE = 203,
    RTCP_TRANSPORT_FEEDBACK = 205, /* RFC 4585 section 6.2 */
    RTCP_PAYLOAD_FEEDBACK = 206,   /* RFC 4585 section 6.3 */
    RTCP_EXTENDED_REPORT = 207,    /* RFC 3611 section 2 */
};

enum {
    FORMAT_NACK = 1,
    FORMAT_PLI = 1,
    FORMAT_FIR = 4, /* RFC 5104 section 4.3.1 */
};

enum {
    XR_REFERENCE_TIME = 4,   /* RFC 3611 section 4.4 */
    XR_REFERENCE_ANSWER = 5, /* section 4.5: "DLRR" */
};

typedef struct {
    uint8_t count; /* or the feedback format */
    uint8_t type;
    ByteReader body;
} Block;

static bool parse_report_blocks(ByteReader *body, unsigned count, const RtcpHandler *handler)
{
    if (bytes_left(body) < (size_t)count * 24)
        return false;
    for (unsigned i = 0; i < count; i++) {
        const uint32_t ssrc = bytes_read_u32(body);
        const uint8_t fraction_lost = bytes_read_u8(body);
        const uint32_t lost = bytes_read_u24(body);
        bytes_skip(body, 16);
        /* the total is signed and negative where duplicates outnumber losses */
        if (handler->receiver_report)
            handler->receiver_report(handler->owner, ssrc, fraction_lost,
                                     lost >= 0x800000 ? 0 : lost);
    }
    return true;
}

static bool parse_sender_report(Block *block, const RtcpHandler *handler)
{
    ByteReader *body = &block->body;
    RtcpSenderReport report = {0};
    report.ssrc = bytes_read_u32(body);
    report.ntp = bytes_read_u64(body);
    report.rtp_timestamp = bytes_read_u32(body);
    report.packets = bytes_read_u32(body);
    report.bytes = bytes_read_u32(body);
    if (body->failed || bytes_left(body) < (size_t)block->count * 24)
        return false;
    if (handler->sender_report)
        handler->sender_report(handler->owner, &report);
    return parse_report_blocks(body, block->count, handler);
}

static bool parse_receiver_report(Block *block, const RtcpHandler *handler)
{
    bytes_skip(&block->body, 4); /* who reports */
    return !block->body.failed && parse_report_blocks(&block->body, block->count, handler);
}

static bool parse_bye(Block *block, const RtcpHandler *handler)
{
    if (bytes_left(&block->body) < (size_t)block->count * 4)
        return false;
    for (unsigned i = 0; i < block->count; i++) {
        const uint32_t ssrc = bytes_read_u32(&block->body);
        if (handler->bye)
            handler->bye(handler->owner, ssrc);
    }
    return true;
}

static void report_nack(const RtcpHandler *handler, uint32_t ssrc, uint16_t first, uint16_t mask)
{
    handler->nack(handler->owner, ssrc, first);
    for (unsigned bit = 0; bit < 16; bit++) {
        if ((mask >> bit & 1) != 0)
            handler->nack(handler->owner, ssrc, (uint16_t)(first + bit + 1));
    }
}

static bool parse_transport_feedback(Block *block, const RtcpHandler *handler)
{
    ByteReader *body = &block->body;
    bytes_skip(body, 4); /* who asks */
    const uint32_t media_ssrc = bytes_read_u32(body);
    if (body->failed)
        return false;
    if (block->count != FORMAT_NACK || !handler->nack)
        return true;
    if (bytes_left(body) == 0 || bytes_left(body) % 4 != 0)
        return false;
    while (bytes_left(body) > 0) {
        const uint16_t first = bytes_read_u16(body);
        report_nack(handler, media_ssrc, first, bytes_read_u16(body));
    }
    return true;
}

static bool parse_full_intra_requests(ByteReader *body, const RtcpHandler *handler)
{
    if (bytes_left(body) == 0 || bytes_left(body) % 8 != 0)
        return false;
    while (bytes_left(body) > 0) {
        const uint32_t ssrc = bytes_read_u32(body);
        bytes_skip(body, 4); /* command number, reserved */
        handler->keyframe_request(handler->owner, ssrc);
    }
    return true;
}

static bool parse_payload_feedback(Block *block, const RtcpHandler *handler)
{
    ByteReader *body = &block->body;
    bytes_skip(body, 4);
    const uint32_t media_ssrc = bytes_read_u32(body);
    if (body->failed)
        return false;
    if (!handler->keyframe_request)
        return true;
    if (block->count == FORMAT_FIR)
        return parse_full_intra_requests(body, handler);
    if (block->count == FORMAT_PLI)
        handler->keyframe_request(handler->owner, media_ssrc);
    return true;
}

static bool parse_reference_answers(ByteReader *report, const RtcpHandler *handler)
{
    if (bytes_left(report) % 12 != 0)
        return false;
    while (bytes_left(report) > 0) {
        const uint32_t ssrc = bytes_read_u32(report);
        const uint32_t reference = bytes_read_u32(report);
        handler->reference_answer(handler->owner, ssrc, reference, bytes_read_u32(report));
    }
    return true;
}

static bool parse_reference_time(ByteReader *report, uint32_t ssrc, const RtcpHandler *handler)
{
    const uint64_t ntp = bytes_read_u64(report);
    if (report->failed)
        return false;
    handler->reference_time(handler->owner, ssrc, ntp);
    return true;
}

static bool parse_extended_report(Block *block, const RtcpHandler *handler)
{
    ByteReader *body = &block->body;
    const uint32_t ssrc = bytes_read_u32(body);
    while (!body->failed && bytes_left(body) > 0) {
        const uint8_t type = bytes_read_u8(body);
        bytes_skip(body, 1);
        const size_t words = bytes_read_u16(body);
        ByteReader report = bytes_read_part(body, words * 4);
        if (report.failed)
            return false;
        if (type == XR_REFERENCE_ANSWER && handler->reference_answer &&
            !parse_reference_answers(&report, handler))
            return false;
        if (type == XR_REFERENCE_TIME && handler->reference_time &&
            !parse_reference_time(&report, ssrc, handler))
            return false;
    }
    return !body->failed;
}

static bool parse_block(Block *block, const RtcpHandler *handler)
{
    switch (block->type) {
    case RTCP_SENDER_REPORT:
        return parse_sender_report(block, handler);
    case RTCP_RECEIVER_REPORT:
        return parse_receiver_report(block, handler);
    case RTCP_BYE:
        return parse_bye(block, handler);
    case RTCP_TRANSPORT_FEEDBACK:
        return parse_transport_feedback(block, handler);
    case RTCP_PAYLOAD_FEEDBACK:
        return parse_payload_feedback(block, handler);
    case RTCP_EXTENDED_REPORT:
        return parse_extended_report(block, handler);
    }
    return true;
}

/* Padding is counted by the block's last byte, in whole words (RFC 3550 section 6.4.1). */
static bool take_off_padding(ByteReader *body)
{
    const size_t left = bytes_left(body);
    if (left == 0)
        return false;
    const uint8_t padding = body->data[body->position + left - 1];
    if (padding == 0 || padding % 4 != 0 || padding > left)
        return false;
    *body = bytes_read_part(body, left - padding);
    return true;
}

static bool read_block(ByteReader *reader, Block *ret_block)
{
    const uint8_t first = bytes_read_u8(reader);
    const uint8_t type = bytes_read_u8(reader);
    const uint16_t words = bytes_read_u16(reader);
    ByteReader body = bytes_read_part(reader, (size_t)words * 4);
    if (reader->failed || body.failed || first >> 6 != RTCP_VERSION)
        return false;
    if ((first & 0x20) != 0 && !take_off_padding(&body))
        return false;
    *ret_block = (Block){.count = first & 0x1f, .type = type, .body = body};
    return true;
}

bool rtcp_parse(const uint8_t *data, size_t size, const RtcpHandler *handler)
{
    ByteReader reader = byte_reader(data, size);
    do {
        Block block;
        if (!read_block(&reader, &block) || !parse_block(&block, handler))
            return false;
    } while (bytes_left(&reader) > 0);
    return true;
}

static void write_header(ByteWriter *writer, unsigned count, uint8_t type, unsigned body_bytes)
{
    bytes_write_u8(writer, (uint8_t)(RTCP_VERSION << 6 | count));
    bytes_write_u8(writer, type);
    bytes_write_u16(writer, (uint16_t)(body_bytes / 4));
}

static void write_cname(ByteWriter *writer, uint32_t ssrc, const char *cname)
{
    const unsigned length = (unsigned)strnlen(cname, SDES_TEXT_MAX);
    /* at least one zero ends the items, more fill the word (RFC 3550 section 6.5) */
    const unsigned zeros = 4 - (2 + length) % 4;
    write_header(writer, 1, RTCP_SOURCE_DESCRIPTION, 4 + 2 + length + zeros);
    bytes_write_u32(writer, ssrc);
    bytes_write_u8(writer, SDES_CNAME);
    bytes_write_u8(writer, (uint8_t)length);
    bytes_write_span(writer, (const uint8_t *)cname, length);
    for (unsigned i = 0; i < zeros; i++)
        bytes_write_u8(writer, 0);
}

static void write_report_block(ByteWriter *writer, const RtcpReportBlock *block)
{
    bytes_write_u32(writer, block->ssrc);
    bytes_write_u8(writer, block->fraction_lost);
    bytes_write_u24(writer, (uint32_t)block->total_lost & 0xffffff);
    bytes_write_u32(writer, block->highest_sequence);
    bytes_write_u32(writer, block->jitter);
    bytes_write_u32(writer, block->last_sr);
    bytes_write_u32(writer, block->delay_since_sr);
}

void rtcp_write_receiver_report(ByteWriter *writer, uint32_t sender_ssrc,
                                const RtcpReportBlock *blocks, unsigned count, const char *cname)
{
    const unsigned used = count < RTCP_MAX_BLOCKS ? count : RTCP_MAX_BLOCKS;
    write_header(writer, used, RTCP_RECEIVER_REPORT, 4 + used * 24);
    bytes_write_u32(writer, sender_ssrc);
    for (unsigned i = 0; i < used; i++)
        write_report_block(writer, &blocks[i]);
    write_cname(writer, sender_ssrc, cname);
}

static unsigned entry_end(const uint16_t *sequences, unsigned count, unsigned begin)
{
    unsigned end = begin + 1;
    while (end < count && (uint16_t)(sequences[end] - sequences[begin]) <= 16)
        end++;
    return end;
}

static uint16_t entry_mask(const uint16_t *sequences, unsigned begin, unsigned end)
{
    uint16_t mask = 0;
    for (unsigned i = begin + 1; i < end; i++) {
        const uint16_t distance = (uint16_t)(sequences[i] - sequences[begin]);
        if (distance > 0)
            mask |= (uint16_t)(1u << (distance - 1));
    }
    return mask;
}

void rtcp_write_nack(ByteWriter *writer, uint32_t sender_ssrc, uint32_t media_ssrc,
                     const uint16_t *sequences, unsigned count)
{
    unsigned entries = 0;
    for (unsigned i = 0; i < count; i = entry_end(sequences, count, i))
        entries++;
    if (entries == 0)
        return;
    write_header(writer, FORMAT_NACK, RTCP_TRANSPORT_FEEDBACK, 8 + entries * 4);
    bytes_write_u32(writer, sender_ssrc);
    bytes_write_u32(writer, media_ssrc);
    for (unsigned i = 0; i < count;) {
        const unsigned end = entry_end(sequences, count, i);
        bytes_write_u16(writer, sequences[i]);
        bytes_write_u16(writer, entry_mask(sequences, i, end));
        i = end;
    }
}

void rtcp_write_pli(ByteWriter *writer, uint32_t sender_ssrc, uint32_t media_ssrc)
{
    write_header(writer, FORMAT_PLI, RTCP_PAYLOAD_FEEDBACK, 8);
    bytes_write_u32(writer, sender_ssrc);
    bytes_write_u32(writer, media_ssrc);
}

static void write_extended_header(ByteWriter *writer, uint32_t sender_ssrc, uint8_t type,
                                  unsigned body_bytes)
{
    write_header(writer, 0, RTCP_EXTENDED_REPORT, 8 + body_bytes);
    bytes_write_u32(writer, sender_ssrc);
    bytes_write_u8(writer, type);
    bytes_write_u8(writer, 0);
    bytes_write_u16(writer, (uint16_t)(body_bytes / 4));
}

void rtcp_write_reference_time(ByteWriter *writer, uint32_t sender_ssrc, uint64_t ntp)
{
    write_extended_header(writer, sender_ssrc, XR_REFERENCE_TIME, 8);
    bytes_write_u64(writer, ntp);
}

void rtcp_write_reference_answer(ByteWriter *writer, uint32_t sender_ssrc, uint32_t receiver_ssrc,
                                 uint32_t reference)
{
    write_extended_header(writer, sender_ssrc, XR_REFERENCE_ANSWER, 12);
    bytes_write_u32(writer, receiver_ssrc);
    bytes_write_u32(writer, reference);
    bytes_write_u32(writer, 0);
}

void rtcp_write_sender_report(ByteWriter *writer, const RtcpSenderReport *report, const char *cname)
{
    write_header(writer, 0, RTCP_SENDER_REPORT, 24);
    bytes_write_u32(writer, report->ssrc);
    bytes_write_u64(writer, report->ntp);
    bytes_write_u32(writer, report->rtp_timestamp);
    bytes_write_u32(writer, report->packets);
    bytes_write_u32(writer, report->bytes);
    write_cname(writer, report->ssrc, cname);
}
