#include "api/tls_record.h"

#include "base/bytes.h"

#define TYPE_HANDSHAKE 22 /* in TLS 1.3 none is seen from outside behind the first flights */
#define VERSION_BYTES 2

typedef struct {
    uint8_t type;
    uint16_t length;
} RecordHead;

/* False where not all of it is there; its type, the first byte, may be. */
static bool read_head(const uint8_t *data, size_t size, RecordHead *ret_head)
{
    ByteReader reader = byte_reader(data, size);
    ret_head->type = bytes_read_u8(&reader);
    bytes_skip(&reader, VERSION_BYTES);
    ret_head->length = bytes_read_u16(&reader);
    return !reader.failed;
}

bool tls_record_is_handshake(const uint8_t *data, size_t size)
{
    RecordHead head;
    read_head(data, size, &head);
    return head.type == TYPE_HANDSHAKE;
}

size_t tls_record_bytes(const uint8_t *data, size_t size)
{
    RecordHead head;
    if (!read_head(data, size, &head))
        return TLS_RECORD_HEAD_BYTES;
    return head.length <= TLS_RECORD_MAX_BYTES ? TLS_RECORD_HEAD_BYTES + (size_t)head.length : 0;
}

/* Takes one byte of a head, or what there is of a record's rest; how many. */
static size_t take_some(TlsRecords *records, const uint8_t *data, size_t size)
{
    if (records->left > 0) {
        const size_t taken = records->left < size ? records->left : size;
        records->left -= taken;
        return taken;
    }
    records->head[records->have++] = data[0];
    RecordHead head;
    if (read_head(records->head, records->have, &head)) {
        records->have = 0;
        records->left = head.length;
    }
    return 1;
}

bool tls_records_take(TlsRecords *records, const uint8_t *data, size_t size)
{
    bool has_handshake = false;
    for (size_t at = 0; at < size;) {
        const bool begins = records->left == 0 && records->have == 0;
        has_handshake = has_handshake || (begins && tls_record_is_handshake(data + at, size - at));
        at += take_some(records, data + at, size - at);
    }
    return has_handshake;
}
