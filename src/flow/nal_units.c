#include "flow/nal_units.h"

#include <string.h>

#define START_CODE_BYTES 3

/* The 1 of the next 0 0 1, or NULL. */
static const uint8_t *find_start(const uint8_t *data, const uint8_t *end)
{
    if (end - data < START_CODE_BYTES)
        return NULL;
    const uint8_t *from = data + START_CODE_BYTES - 1;
    while (from < end) {
        const uint8_t *one = memchr(from, 1, (size_t)(end - from));
        if (one == NULL || (one[-1] == 0 && one[-2] == 0))
            return one;
        from = one + 1;
    }
    return NULL;
}

static NalUnit unit_behind(const uint8_t *one, const uint8_t *end)
{
    if (one == NULL)
        return (NalUnit){.rest = end, .end = end};
    const uint8_t *data = one + 1;
    const uint8_t *next = find_start(data, end);
    const uint8_t *rest = next != NULL ? next - (START_CODE_BYTES - 1) : end;
    size_t size = (size_t)(rest - data);
    while (size > 0 && data[size - 1] == 0)
        size--;
    return (NalUnit){.data = data, .size = size, .rest = rest, .end = end};
}

NalUnit nal_unit_first(const uint8_t *data, size_t size)
{
    return unit_behind(find_start(data, data + size), data + size);
}

NalUnit nal_unit_next(const NalUnit *unit)
{
    return unit_behind(find_start(unit->rest, unit->end), unit->end);
}
