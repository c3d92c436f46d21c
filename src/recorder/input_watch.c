#include "recorder/input_watch.h"

#include "depay/opus_packet.h"

#define SETTLED_PACKETS 100

static bool tell(InputWatch *watch, const TrackInput *input, TrackInput *ret_input)
{
    watch->last = *input;
    watch->other_packets = 0;
    *ret_input = *input;
    return watch->changes++ < INPUT_CHANGES_MAX;
}

static bool watch_picture(InputWatch *watch, const Frame *frame, TrackInput *ret_input)
{
    const TrackInput input = {
        .at_ns = frame->pts_ns,
        .codec = frame->codec,
        .width = frame->width,
        .height = frame->height,
    };
    const TrackInput *last = &watch->last;
    if (!frame->is_key || frame->width == 0 ||
        (input.codec == last->codec && input.width == last->width && input.height == last->height))
        return false;
    return tell(watch, &input, ret_input);
}

static bool watch_sound(InputWatch *watch, const Frame *frame, TrackInput *ret_input)
{
    TrackInput input = {.at_ns = frame->pts_ns, .codec = frame->codec, .channels = 1};
    if (frame->codec == CODEC_OPUS)
        input.channels = opus_packet_channels(frame->data, frame->size);
    if (input.codec != watch->last.codec)
        return tell(watch, &input, ret_input);
    if (input.channels == watch->last.channels) {
        watch->other_packets = 0;
        return false;
    }
    if (watch->other_packets++ == 0)
        watch->other_since_ns = input.at_ns;
    if (watch->other_packets < SETTLED_PACKETS)
        return false;
    input.at_ns = watch->other_since_ns;
    return tell(watch, &input, ret_input);
}

bool input_watch_frame(InputWatch *watch, const Frame *frame, TrackInput *ret_input)
{
    if (codec_kind(frame->codec) == TRACK_VIDEO)
        return watch_picture(watch, frame, ret_input);
    return watch_sound(watch, frame, ret_input);
}
