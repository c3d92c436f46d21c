#include "base/hot_memory.h"

#define LINES_MAX HOT_MEMORY_LINE /* that the low bits have room for */

void hot_memory_add(HotMemory *hot, const void *begin, size_t size)
{
    if (!begin || size == 0 || hot->count == HOT_MEMORY_RANGES)
        return;
    const uintptr_t first = (uintptr_t)begin / HOT_MEMORY_LINE;
    const uintptr_t following = ((uintptr_t)begin + size - 1) / HOT_MEMORY_LINE - first;
    hot->ranges[hot->count++] =
        first * HOT_MEMORY_LINE + (following < LINES_MAX ? following : LINES_MAX - 1);
}

void hot_memory_fetch(const HotMemory *hot)
{
    for (unsigned i = 0; i < hot->count; i++) {
        const uintptr_t range = hot->ranges[i];
        const char *line = (const char *)(range / HOT_MEMORY_LINE * HOT_MEMORY_LINE);
        for (uintptr_t following = range % HOT_MEMORY_LINE + 1; following > 0; following--) {
            __builtin_prefetch(line);
            line += HOT_MEMORY_LINE;
        }
    }
}

void hot_memory_fetch_list(const HotMemory *hot)
{
    const char *end = (const char *)(hot + 1);
    for (const char *line = (const char *)hot; line < end; line += HOT_MEMORY_LINE)
        __builtin_prefetch(line);
    __builtin_prefetch(end - 1);
}
