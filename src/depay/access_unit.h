/* Builds one H.264 or H.265 access unit as Annex B, and keeps the parameter sets, so that every
 * key frame carries those that it needs.
 * Thread: net; no allocation but the frame's growth. */
#pragma once

#include "depay/depay_ops.h"

typedef enum {
    NAL_INVALID,
    NAL_DISCARD, /* access unit delimiter, filler */
    NAL_OTHER,
    NAL_SLICE,
    NAL_KEY_SLICE,
    NAL_VPS,
    NAL_SPS,
    NAL_PPS,
} NalKind;

/* What differs between the two codecs; a NAL begins with its header. */
typedef struct {
    size_t header_size;
    NalKind (*kind)(const uint8_t *nal, size_t size);
    bool (*slice)(const uint8_t *nal, size_t size, bool *ret_is_first, unsigned *ret_pps_id);
    /* The ids of a parameter set and of the one that it refers to (VPS: 0). */
    bool (*set_ids)(NalKind kind, const uint8_t *nal, size_t size, unsigned *ret_id,
                    unsigned *ret_parent);
    bool (*sps_size)(const uint8_t *nal, size_t size, uint16_t *ret_width, uint16_t *ret_height);
    bool has_vps;
} NalSyntax;

#define ACCESS_UNIT_MAX_SETS 16
#define STORED_SETS 16
#define STORED_SET_MAX_BYTES 1024

typedef struct {
    NalKind kind;
    unsigned id, parent;
    size_t offset, size; /* in the frame */
} NalSet;

typedef struct {
    NalKind kind; /* NAL_INVALID: free */
    unsigned id, parent;
    size_t size;
    uint8_t data[STORED_SET_MAX_BYTES];
} StoredSet;

typedef struct {
    /* the frame */
    bool nal_open;
    size_t nal_start; /* of its start code */
    unsigned slices;
    bool begins_at_first_slice;
    bool is_key;
    unsigned pps_id;
    NalSet sets[ACCESS_UNIT_MAX_SETS];
    unsigned set_count;
    /* the stream */
    StoredSet stored[STORED_SETS];
    unsigned next_stored;
} AccessUnit;

void access_unit_begin(AccessUnit *unit);
void access_unit_open_nal(AccessUnit *unit, FrameBuilder *builder);
/* The NAL that was opened is in the frame whole. */
DepayVerdict access_unit_close_nal(AccessUnit *unit, const NalSyntax *syntax,
                                   FrameBuilder *builder);
DepayVerdict access_unit_add_nal(AccessUnit *unit, const NalSyntax *syntax, FrameBuilder *builder,
                                 const uint8_t *nal, size_t size);
DepayVerdict access_unit_finish(AccessUnit *unit, const NalSyntax *syntax, FrameBuilder *builder,
                                bool head_uncertain, DepayPicture *ret_picture);
