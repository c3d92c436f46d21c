#include "rtp/payload_table.h"

#include <string.h>

#include "base/bytes.h"

#define RTX_HEADER_BYTES 2
#define NO_CODEC CODEC_COUNT
#define NO_PAYLOAD PAYLOAD_TYPES

PayloadTable payload_table(const ReceiverPayload *payloads, unsigned count)
{
    PayloadTable table;
    memset(table.codec, NO_CODEC, sizeof table.codec);
    memset(table.rtx_of, NO_PAYLOAD, sizeof table.rtx_of);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t type = payloads[i].payload_type % PAYLOAD_TYPES;
        table.codec[type] = (uint8_t)payloads[i].codec;
        if (payloads[i].rtx_payload_type != 0)
            table.rtx_of[payloads[i].rtx_payload_type % PAYLOAD_TYPES] = type;
    }
    return table;
}

bool payload_table_codec(const PayloadTable *table, const RtpPacket *packet, Codec *ret_codec)
{
    const uint8_t codec = table->codec[packet->payload_type % PAYLOAD_TYPES];
    if (codec == NO_CODEC)
        return false;
    *ret_codec = (Codec)codec;
    return true;
}

DropReason payload_table_unwrap(const PayloadTable *table, const RtpPacket *packet, uint32_t ssrc,
                                RtpPacket *ret_original)
{
    if (packet->payload_size == 0)
        return DROP_EMPTY; /* the server's bandwidth probe */
    const uint8_t original_type = table->rtx_of[packet->payload_type % PAYLOAD_TYPES];
    if (original_type == NO_PAYLOAD)
        return DROP_UNKNOWN_PAYLOAD;
    ByteReader reader = byte_reader(packet->payload, packet->payload_size);
    *ret_original = *packet;
    ret_original->sequence = bytes_read_u16(&reader);
    if (reader.failed)
        return DROP_MALFORMED;
    ret_original->payload_size = packet->payload_size - RTX_HEADER_BYTES;
    ret_original->payload = packet->payload + RTX_HEADER_BYTES;
    ret_original->ssrc = ssrc;
    ret_original->payload_type = original_type;
    return DROP_COUNT;
}
