/* What a client sends to the port of TLS, cut into reads: however it is cut, the same records are
 * found. The first byte is the size of the reads. */
#include "api/tls_record.h"
#include "base/check.h"
#include "fuzz.h"

static bool take_all(TlsRecords *records, const uint8_t *data, size_t size, size_t step)
{
    bool has_handshake = false;
    *records = (TlsRecords){.have = 0};
    for (size_t at = 0; at < size; at += step) {
        const size_t part = size - at < step ? size - at : step;
        has_handshake = tls_records_take(records, data + at, part) || has_handshake;
        require(records->have < TLS_RECORD_HEAD_BYTES && records->left <= UINT16_MAX);
    }
    return has_handshake;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    TlsRecords whole, cut;
    const bool has_handshake = take_all(&whole, data + 1, size - 1, size - 1);
    require(take_all(&cut, data + 1, size - 1, data[0] + 1U) == has_handshake);
    require(cut.have == whole.have && cut.left == whole.left);
    require(has_handshake || !tls_record_is_handshake(data + 1, size - 1));
    const size_t bytes = tls_record_bytes(data + 1, size - 1);
    require(bytes == 0 || bytes >= TLS_RECORD_HEAD_BYTES);
    require(bytes <= TLS_RECORD_HEAD_BYTES + TLS_RECORD_MAX_BYTES);
    return 0;
}
