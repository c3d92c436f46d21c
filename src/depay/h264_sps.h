/* Reads the headers of H.264 NAL units that a recorder needs (ITU-T H.264 7.3.2.1, 7.3.2.2,
 * 7.3.3). `nal` begins with the one-byte NAL header; no start code.
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t profile_idc, constraint_flags, level_idc;
    uint8_t id;
    uint16_t width, height; /* after cropping */
} H264Sps;

bool h264_sps_parse(const uint8_t *nal, size_t size, H264Sps *ret_sps);

typedef struct {
    uint8_t id, sps_id;
} H264Pps;

bool h264_pps_parse(const uint8_t *nal, size_t size, H264Pps *ret_pps);

typedef struct {
    uint32_t first_macroblock;
    uint8_t pps_id;
} H264Slice;

bool h264_slice_parse(const uint8_t *nal, size_t size, H264Slice *ret_slice);
