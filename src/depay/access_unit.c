#include "depay/access_unit.h"

#include <string.h>

#define BLANK_MAX_SAMPLES 16u /* a side; the server's is 2x2 in one macroblock */

static const uint8_t start_code[] = {0, 0, 0, 1};

void access_unit_begin(AccessUnit *unit)
{
    unit->nal_open = false;
    unit->slices = 0;
    unit->begins_at_first_slice = false;
    unit->is_key = false;
    unit->pps_id = 0;
    unit->set_count = 0;
}

void access_unit_open_nal(AccessUnit *unit, FrameBuilder *builder)
{
    unit->nal_open = true;
    unit->nal_start = frame_builder_size(builder);
    frame_builder_append(builder, start_code, sizeof start_code);
}

static DepayVerdict note_slice(AccessUnit *unit, const NalSyntax *syntax, NalKind kind,
                               const uint8_t *nal, size_t size)
{
    bool is_first = false;
    unsigned pps_id = 0;
    if (!syntax->slice(nal, size, &is_first, &pps_id))
        return DEPAY_MALFORMED;
    if (unit->slices++ > 0)
        return DEPAY_OK;
    unit->begins_at_first_slice = is_first;
    unit->is_key = kind == NAL_KEY_SLICE;
    unit->pps_id = pps_id;
    return DEPAY_OK;
}

static DepayVerdict note_set(AccessUnit *unit, const NalSyntax *syntax, NalKind kind,
                             const uint8_t *nal, size_t size, size_t offset)
{
    NalSet set = {.kind = kind, .offset = offset, .size = size};
    if (!syntax->set_ids(kind, nal, size, &set.id, &set.parent) ||
        unit->set_count == ACCESS_UNIT_MAX_SETS)
        return DEPAY_MALFORMED;
    unit->sets[unit->set_count++] = set;
    return DEPAY_OK;
}

DepayVerdict access_unit_close_nal(AccessUnit *unit, const NalSyntax *syntax, FrameBuilder *builder)
{
    unit->nal_open = false;
    if (builder->failure != DEPAY_OK)
        return builder->failure;
    const size_t offset = unit->nal_start + sizeof start_code;
    const uint8_t *nal = frame_builder_data(builder) + offset;
    const size_t size = frame_builder_size(builder) - offset;
    const NalKind kind = size < syntax->header_size ? NAL_INVALID : syntax->kind(nal, size);
    switch (kind) {
    case NAL_INVALID:
        return DEPAY_MALFORMED;
    case NAL_DISCARD:
        frame_builder_truncate(builder, unit->nal_start);
        return DEPAY_OK;
    case NAL_OTHER:
        return DEPAY_OK;
    case NAL_SLICE:
    case NAL_KEY_SLICE:
        return note_slice(unit, syntax, kind, nal, size);
    case NAL_VPS:
    case NAL_SPS:
    case NAL_PPS:
        return note_set(unit, syntax, kind, nal, size, offset);
    }
    return DEPAY_MALFORMED;
}

DepayVerdict access_unit_add_nal(AccessUnit *unit, const NalSyntax *syntax, FrameBuilder *builder,
                                 const uint8_t *nal, size_t size)
{
    access_unit_open_nal(unit, builder);
    frame_builder_append(builder, nal, size);
    return access_unit_close_nal(unit, syntax, builder);
}

static StoredSet *find_stored(AccessUnit *unit, NalKind kind, unsigned id)
{
    for (unsigned i = 0; i < STORED_SETS; i++)
        if (unit->stored[i].kind == kind && unit->stored[i].id == id)
            return &unit->stored[i];
    return NULL;
}

static const NalSet *find_in_frame(const AccessUnit *unit, NalKind kind, unsigned id)
{
    for (unsigned i = unit->set_count; i > 0; i--)
        if (unit->sets[i - 1].kind == kind && unit->sets[i - 1].id == id)
            return &unit->sets[i - 1];
    return NULL;
}

static void store_set(AccessUnit *unit, const NalSet *set, const uint8_t *data)
{
    StoredSet *stored = find_stored(unit, set->kind, set->id);
    if (!stored)
        stored = find_stored(unit, NAL_INVALID, 0);
    if (!stored) {
        stored = &unit->stored[unit->next_stored];
        unit->next_stored = (unit->next_stored + 1) % STORED_SETS;
    }
    if (set->size > STORED_SET_MAX_BYTES) {
        *stored = (StoredSet){0};
        return;
    }
    stored->kind = set->kind;
    stored->id = set->id;
    stored->parent = set->parent;
    stored->size = set->size;
    memcpy(stored->data, data + set->offset, set->size);
}

static void store_sets(AccessUnit *unit, const FrameBuilder *builder)
{
    for (unsigned i = 0; i < unit->set_count; i++)
        store_set(unit, &unit->sets[i], frame_builder_data(builder));
}

/* A parameter set wherever it is: in the frame, or from before. */
typedef struct {
    bool in_frame;
    unsigned parent;
    const uint8_t *data;
    size_t size;
} SetView;

static bool look_up(AccessUnit *unit, const FrameBuilder *builder, NalKind kind, unsigned id,
                    SetView *ret_view)
{
    const NalSet *set = find_in_frame(unit, kind, id);
    if (set) {
        *ret_view =
            (SetView){true, set->parent, frame_builder_data(builder) + set->offset, set->size};
        return true;
    }
    const StoredSet *stored = find_stored(unit, kind, id);
    if (stored)
        *ret_view = (SetView){false, stored->parent, stored->data, stored->size};
    return stored != NULL;
}

typedef struct {
    bool all_in_frame;
    unsigned sps_id, vps_id;
    uint16_t width, height;
} ActiveSets;

static bool find_active_sets(AccessUnit *unit, const NalSyntax *syntax, const FrameBuilder *builder,
                             ActiveSets *ret_active)
{
    SetView pps = {0}, sps = {0}, vps = {.in_frame = true};
    if (!look_up(unit, builder, NAL_PPS, unit->pps_id, &pps) ||
        !look_up(unit, builder, NAL_SPS, pps.parent, &sps))
        return false;
    if (syntax->has_vps && !look_up(unit, builder, NAL_VPS, sps.parent, &vps))
        return false;
    ret_active->all_in_frame = pps.in_frame && sps.in_frame && vps.in_frame;
    ret_active->sps_id = pps.parent;
    ret_active->vps_id = sps.parent;
    return syntax->sps_size(sps.data, sps.size, &ret_active->width, &ret_active->height);
}

static uint8_t *put_set(uint8_t *at, const StoredSet *set)
{
    memcpy(at, start_code, sizeof start_code);
    memcpy(at + sizeof start_code, set->data, set->size);
    return at + sizeof start_code + set->size;
}

/* Puts the active sets in front of a key frame that came without them. */
static DepayVerdict prepend_sets(AccessUnit *unit, const NalSyntax *syntax, FrameBuilder *builder,
                                 const ActiveSets *active)
{
    const StoredSet *chosen[STORED_SETS + 2];
    unsigned count = 0;
    if (syntax->has_vps)
        chosen[count++] = find_stored(unit, NAL_VPS, active->vps_id);
    chosen[count++] = find_stored(unit, NAL_SPS, active->sps_id);
    for (unsigned i = 0; i < STORED_SETS; i++)
        if (unit->stored[i].kind == NAL_PPS && unit->stored[i].parent == active->sps_id)
            chosen[count++] = &unit->stored[i];

    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!chosen[i])
            return DEPAY_INCOMPLETE;
        size += sizeof start_code + chosen[i]->size;
    }
    uint8_t *at = frame_builder_insert(builder, 0, size);
    if (!at)
        return builder->failure;
    for (unsigned i = 0; i < count; i++)
        at = put_set(at, chosen[i]);
    return DEPAY_OK;
}

DepayVerdict access_unit_finish(AccessUnit *unit, const NalSyntax *syntax, FrameBuilder *builder,
                                bool head_uncertain, DepayPicture *ret_picture)
{
    if (unit->nal_open || (unit->slices > 0 && !unit->begins_at_first_slice))
        return DEPAY_INCOMPLETE;
    DepayPicture picture = {.has_picture = unit->slices > 0, .is_key = unit->is_key};
    ActiveSets active = {0};
    if (picture.is_key) {
        if (!find_active_sets(unit, syntax, builder, &active))
            return DEPAY_INCOMPLETE;
        /* The lost packets may have been newer parameter sets. */
        if (head_uncertain && !active.all_in_frame)
            return DEPAY_INCOMPLETE;
        picture.width = active.width;
        picture.height = active.height;
        picture.is_blank = active.width <= BLANK_MAX_SAMPLES && active.height <= BLANK_MAX_SAMPLES;
    }
    /* A blank frame's sets would replace those of the stream. */
    if (!picture.is_blank)
        store_sets(unit, builder);
    if (picture.is_key && !picture.is_blank && !active.all_in_frame) {
        const DepayVerdict verdict = prepend_sets(unit, syntax, builder, &active);
        if (verdict != DEPAY_OK)
            return verdict;
    }
    *ret_picture = picture;
    return DEPAY_OK;
}
