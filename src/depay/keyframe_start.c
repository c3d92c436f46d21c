#include "depay/keyframe_start.h"

#include "base/bytes.h"
#include "depay/vp8_descriptor.h"
#include "depay/vp9_descriptor.h"

/* RFC 6184 table 1 */
enum { H264_IDR = 5, H264_SPS = 7, H264_AUD = 9, H264_STAP_A = 24, H264_FU_A = 28 };
/* H.265 table 7-1, RFC 7798 4.4 */
enum { H265_FIRST_IRAP = 16, H265_LAST_IRAP = 21, H265_VPS = 32, H265_SPS = 33 };
enum { H265_AGGREGATE = 48, H265_FRAGMENT = 49 };

#define FRAGMENT_STARTS 0x80
#define SETS_IN_FRONT 4 /* VPS, SPS, PPS, SEI, each in a packet of its own */

/* The first but an access unit delimiter, which some senders put in front of the parameter sets. */
static unsigned h264_first_aggregated(ByteReader *reader)
{
    const uint16_t size = bytes_read_u16(reader);
    const unsigned type = bytes_read_u8(reader) & 31;
    if (type != H264_AUD || size == 0)
        return type;
    bytes_skip(reader, size - 1u + 2u); /* and the next one's size */
    return bytes_read_u8(reader) & 31;
}

/* Each returns the type of the NAL unit that the packet begins with, and reads past its header; 0
 * is no start, and stands for a fragment from the middle. */
static unsigned h264_first_unit(ByteReader *reader)
{
    const unsigned type = bytes_read_u8(reader) & 31;
    if (type == H264_STAP_A)
        return h264_first_aggregated(reader);
    if (type != H264_FU_A)
        return type;
    const uint8_t fragment = bytes_read_u8(reader);
    return (fragment & FRAGMENT_STARTS) != 0 ? fragment & 31 : 0;
}

static unsigned h265_first_unit(ByteReader *reader)
{
    unsigned type = bytes_read_u8(reader) >> 1 & 63;
    bytes_skip(reader, 1);
    if (type == H265_AGGREGATE) {
        bytes_skip(reader, 2);
        type = bytes_read_u8(reader) >> 1 & 63;
        bytes_skip(reader, 1);
        return type;
    }
    if (type != H265_FRAGMENT)
        return type;
    const uint8_t fragment = bytes_read_u8(reader);
    return (fragment & FRAGMENT_STARTS) != 0 ? fragment & 63 : 0;
}

/* A picture may have several slices: what begins with the first macroblock has the first bit of the
 * slice header set. */
static bool is_first_slice(ByteReader *reader)
{
    return (bytes_read_u8(reader) & 0x80) != 0;
}

static bool h264_starts(ByteReader *reader, unsigned *in_front)
{
    const unsigned type = h264_first_unit(reader);
    if (type == H264_SPS)
        return true;
    *in_front = SETS_IN_FRONT;
    return type == H264_IDR && is_first_slice(reader);
}

static bool h265_starts(ByteReader *reader, unsigned *in_front)
{
    const unsigned type = h265_first_unit(reader);
    if (type == H265_VPS)
        return true;
    *in_front = SETS_IN_FRONT;
    return type == H265_SPS ||
           (type >= H265_FIRST_IRAP && type <= H265_LAST_IRAP && is_first_slice(reader));
}

/* Bit P of the frame (RFC 6386 9.1) says that it refers to others. */
static bool vp8_starts(ByteReader *reader)
{
    const Vp8Descriptor descriptor = vp8_descriptor_read(reader);
    return vp8_descriptor_starts_frame(&descriptor) && (bytes_read_u8(reader) & 1) == 0;
}

static bool vp9_starts(ByteReader *reader)
{
    Vp9Descriptor descriptor;
    return vp9_descriptor_read(reader, &descriptor) && descriptor.starts_frame &&
           !descriptor.is_predicted && descriptor.spatial_id == 0;
}

bool keyframe_starts_with(const RtpPacket *packet, Codec codec, KeyframeStart *ret_start)
{
    ByteReader reader = byte_reader(packet->payload, packet->payload_size);
    bool starts = false;
    *ret_start = (KeyframeStart){packet->sequence, packet->timestamp, 0};
    if (codec == CODEC_H264)
        starts = h264_starts(&reader, &ret_start->in_front);
    else if (codec == CODEC_H265)
        starts = h265_starts(&reader, &ret_start->in_front);
    else if (codec == CODEC_VP8)
        starts = vp8_starts(&reader);
    else if (codec == CODEC_VP9)
        starts = vp9_starts(&reader);
    else if (codec == CODEC_AV1)
        starts = (bytes_read_u8(&reader) & 0x08) != 0; /* N, AV1 RTP payload specification 4.4 */
    return starts && !reader.failed;
}
