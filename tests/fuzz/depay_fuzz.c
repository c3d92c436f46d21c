#include "depay_fuzz.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "depay/depayloader.h"

#define FLAG_MARKER 0x80
#define FLAG_NEW_TIMESTAMP 0x40
#define FLAG_BREAK 0x20
#define LOST_MASK 0x03

static void take_frame(void *owner, Frame *frame)
{
    (void)owner;
    require(frame->size > 0 && frame->size <= frame->capacity && frame->packets > 0);
    frame_unref(frame);
}

static void ignore_request(void *owner)
{
    (void)owner;
}

static void push(Depayloader *depay, Codec codec, ByteReader *reader, uint32_t *timestamp)
{
    const uint8_t flags = bytes_read_u8(reader);
    const size_t left = bytes_left(reader);
    size_t size = bytes_read_u16(reader);
    if (size > bytes_left(reader))
        size = left > 2 ? left - 2 : 0;
    const uint8_t *payload = bytes_read_span(reader, size);
    if (flags & FLAG_NEW_TIMESTAMP)
        *timestamp += 3000;
    if (flags & FLAG_BREAK)
        depayloader_break_references(depay);
    const RtpPacket packet = {
        .payload = payload,
        .payload_size = payload ? size : 0,
        .timestamp = *timestamp,
        .marker = flags & FLAG_MARKER,
    };
    depayloader_push(depay, &packet, codec, flags & LOST_MASK);
}

int depay_fuzz_run(Codec codec, const uint8_t *data, size_t size)
{
    Ledger ledger = {0};
    Pool *pool = pool_new(1u << 20);
    const DepayloaderOut out = {NULL, take_frame, ignore_request};
    Depayloader *depay = depayloader_new(codec_kind(codec), pool, &ledger.rows[STAGE_DEPAY], out);
    ByteReader reader = byte_reader(data, size);
    uint32_t timestamp = 0;
    while (bytes_left(&reader) > 0) {
        push(depay, codec, &reader, &timestamp);
        require(ledger_row_balances(&ledger, STAGE_DEPAY));
    }
    depayloader_flush(depay);
    require(ledger_row_balances(&ledger, STAGE_DEPAY));
    require(ledger_value(&ledger.rows[STAGE_DEPAY].held) == 0);
    depayloader_free(depay);
    require(pool_usage(pool).in_use_bytes == 0);
    pool_unref(pool);
    return 0;
}
