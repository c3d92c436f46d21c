#include "base/clock.h"
#include "depay/depay_ops.h"
#include "depay/opus_packet.h"

#define PCM_RATE 8000 /* RFC 3551 4.5.14: one byte a sample */

static void audio_begin(void *state)
{
    (void)state;
}

static DepayVerdict audio_packet(void *state, FrameBuilder *builder, const RtpPacket *packet)
{
    (void)state;
    frame_builder_append(builder, packet->payload, packet->payload_size);
    return DEPAY_OK;
}

static DepayVerdict opus_finish(void *state, FrameBuilder *builder, bool head_uncertain,
                                DepayPicture *ret_picture)
{
    (void)state;
    (void)head_uncertain;
    int64_t duration_ns = 0;
    if (!opus_packet_duration(frame_builder_data(builder), frame_builder_size(builder),
                              &duration_ns))
        return DEPAY_MALFORMED;
    *ret_picture = (DepayPicture){.has_picture = true, .is_key = true, .duration_ns = duration_ns};
    return DEPAY_OK;
}

static DepayVerdict pcm_finish(void *state, FrameBuilder *builder, bool head_uncertain,
                               DepayPicture *ret_picture)
{
    (void)state;
    (void)head_uncertain;
    const int64_t samples = (int64_t)frame_builder_size(builder);
    *ret_picture = (DepayPicture){
        .has_picture = true,
        .is_key = true,
        .duration_ns = samples * NS_PER_SECOND / PCM_RATE,
    };
    return DEPAY_OK;
}

static bool audio_is_disposable(const void *state)
{
    (void)state;
    return true;
}

const DepayOps depay_opus = {
    .state_size = 1,
    .packet_is_frame = true,
    .begin = audio_begin,
    .packet = audio_packet,
    .finish = opus_finish,
    .is_disposable = audio_is_disposable,
};

const DepayOps depay_pcm = {
    .state_size = 1,
    .packet_is_frame = true,
    .begin = audio_begin,
    .packet = audio_packet,
    .finish = pcm_finish,
    .is_disposable = audio_is_disposable,
};
