#include "rtp/payload_table.h"

#include <string.h>

#include "base/bytes.h"

#define RTX_HEADER_BYTES 2
#define NO_PAYLOAD UINT8_MAX

PayloadTable payload_table(const ReceiverPayload *payloads, unsigned count)
{
    PayloadTable table;
    memset(&table, 0, sizeof table);
    memset(table.index, NO_PAYLOAD, sizeof table.index);
    memset(table.rtx_index, NO_PAYLOAD, sizeof table.rtx_index);
    for (unsigned i = 0; i < count; i++) {
        table.payloads[i] = payloads[i];
        table.index[payloads[i].payload_type % PAYLOAD_TYPES] = (uint8_t)i;
        if (payloads[i].rtx_payload_type != 0)
            table.rtx_index[payloads[i].rtx_payload_type % PAYLOAD_TYPES] = (uint8_t)i;
    }
    return table;
}

bool payload_table_codec(const PayloadTable *table, const RtpPacket *packet, Codec *ret_codec)
{
    const uint8_t index = table->index[packet->payload_type % PAYLOAD_TYPES];
    if (index == NO_PAYLOAD)
        return false;
    *ret_codec = table->payloads[index].codec;
    return true;
}

DropReason payload_table_unwrap(const PayloadTable *table, const RtpPacket *packet, uint32_t ssrc,
                                RtpPacket *ret_original)
{
    if (packet->payload_size == 0)
        return DROP_EMPTY; /* the server's bandwidth probe */
    const uint8_t index = table->rtx_index[packet->payload_type % PAYLOAD_TYPES];
    if (index == NO_PAYLOAD)
        return DROP_UNKNOWN_PAYLOAD;
    ByteReader reader = byte_reader(packet->payload, packet->payload_size);
    *ret_original = *packet;
    ret_original->sequence = bytes_read_u16(&reader);
    if (reader.failed)
        return DROP_MALFORMED;
    ret_original->payload_size = packet->payload_size - RTX_HEADER_BYTES;
    ret_original->payload = packet->payload + RTX_HEADER_BYTES;
    ret_original->ssrc = ssrc;
    ret_original->payload_type = table->payloads[index].payload_type;
    return DROP_COUNT;
}
