/* Reads the headers of H.265 NAL units that a recorder needs (ITU-T H.265 7.3.2.1 to 7.3.2.3,
 * 7.3.6.1). `nal` begins with the two-byte NAL header; no start code.
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t id, vps_id;
    uint8_t profile_idc, level_idc;
    uint16_t width, height; /* after the conformance window */
} H265Sps;

bool h265_sps_parse(const uint8_t *nal, size_t size, H265Sps *ret_sps);
bool h265_vps_parse(const uint8_t *nal, size_t size, uint8_t *ret_id);

typedef struct {
    uint8_t id, sps_id;
} H265Pps;

bool h265_pps_parse(const uint8_t *nal, size_t size, H265Pps *ret_pps);

typedef struct {
    bool is_first; /* of its picture */
    uint8_t pps_id;
} H265Slice;

bool h265_slice_parse(const uint8_t *nal, size_t size, H265Slice *ret_slice);
