/* Makes what a container's header says about a codec out of a track's first frame: parameter sets,
 * sequence header, profile, OpusHead (RFC 7845 section 5.1).
 * Thread: any. The frame's bytes are untrusted. */
#pragma once

#include <libavcodec/avcodec.h>

#include "flow/frame.h"

enum AVCodecID codec_config_id(Codec codec);
Codec codec_config_codec(enum AVCodecID id); /* CODEC_UNKNOWN for others */

/* New parameters, the caller's (avcodec_parameters_free); NULL when the frame does not hold what
 * the header needs: a video frame that is no key frame, or one without parameter sets. */
AVCodecParameters *codec_config_new(const Frame *frame);

/* The same for an audio codec whose frames are all alike; NULL for the others. */
AVCodecParameters *codec_config_new_audio(Codec codec);
