#include "rtp/rtcp.h"

static void on_sender_report(void *owner, const RtcpSenderReport *report)
{
    *(uint64_t *)owner += report->ntp;
}

static void on_ssrc(void *owner, uint32_t ssrc)
{
    *(uint64_t *)owner += ssrc;
}

static void on_nack(void *owner, uint32_t media_ssrc, uint16_t sequence)
{
    *(uint64_t *)owner += media_ssrc + sequence;
}

static void on_receiver_report(void *owner, uint32_t ssrc, uint8_t fraction_lost, uint32_t lost)
{
    *(uint64_t *)owner += (uint64_t)ssrc + fraction_lost + lost;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t sum = 0;
    const RtcpHandler handler = {
        .owner = &sum,
        .sender_report = on_sender_report,
        .bye = on_ssrc,
        .nack = on_nack,
        .keyframe_request = on_ssrc,
        .receiver_report = on_receiver_report,
    };
    rtcp_parse(data, size, &handler);
    return 0;
}
