#include <glib.h>
#include <sys/mman.h>

#include "base/hot_memory.h"
#include "base_test.h"

#define LINE HOT_MEMORY_LINE

static _Alignas(LINE) uint8_t memory[80 * LINE];

static void test_ranges(void)
{
    static const struct {
        size_t begin, size, first, following; /* lines */
    } rows[] = {
        {0, 1, 0, 0},        {0, LINE, 0, 0},       {0, LINE + 1, 0, 1},
        {LINE - 1, 2, 0, 1}, {LINE, LINE, 1, 0},    {3 * LINE + 5, 2 * LINE, 3, 2},
        {LINE - 1, 1, 0, 0}, {0, 64 * LINE, 0, 63}, {0, 65 * LINE, 0, 63},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        HotMemory hot = {0};
        hot_memory_add(&hot, memory + rows[i].begin, rows[i].size);
        g_assert_cmpuint(hot.count, ==, 1);
        const uintptr_t first = (uintptr_t)memory + rows[i].first * LINE;
        g_assert_cmpuint(hot.ranges[0], ==, first + rows[i].following);
    }
}

static void test_nothing(void)
{
    HotMemory hot = {0};
    hot_memory_add(&hot, NULL, 100);
    hot_memory_add(&hot, memory, 0);
    g_assert_cmpuint(hot.count, ==, 0);
    hot_memory_fetch(&hot);
}

static void test_too_many(void)
{
    HotMemory hot = {0};
    for (unsigned i = 0; i < 2 * HOT_MEMORY_RANGES; i++)
        hot_memory_add(&hot, memory, 1);
    g_assert_cmpuint(hot.count, ==, HOT_MEMORY_RANGES);
    hot_memory_fetch_list(&hot);
    hot_memory_fetch(&hot);
}

static void test_memory_that_is_gone(void)
{
    HotMemory hot = {0};
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(page != MAP_FAILED);
    hot_memory_add(&hot, page, 4096);
    munmap(page, 4096);
    hot_memory_fetch(&hot);
}

void hot_memory_test_add(void)
{
    g_test_add_func("/hot_memory/ranges-are-lines", test_ranges);
    g_test_add_func("/hot_memory/nothing-adds-nothing", test_nothing);
    g_test_add_func("/hot_memory/more-than-fit-are-left-out", test_too_many);
    g_test_add_func("/hot_memory/what-is-gone-does-no-harm", test_memory_that_is_gone);
}
