#include "rtp/rtp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RtpPacket packet;
    volatile uint8_t sum = 0;
    (void)rtp_is_rtcp(data, size);
    if (!rtp_packet_parse(data, size, 0, &packet))
        return 0;
    for (size_t i = 0; i < packet.payload_size; i++)
        sum = (uint8_t)(sum + packet.payload[i]);
    return 0;
}
