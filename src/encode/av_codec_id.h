/* FFmpeg's numbers for our codecs.
 * Thread: any; values only. */
#pragma once

#include <libavcodec/avcodec.h>

#include "flow/codec.h"

enum AVCodecID av_codec_id(Codec codec);
