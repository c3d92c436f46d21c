#include <glib.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/pool.h"
#include "base_test.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

static void test_size_classes(void)
{
    static const struct {
        size_t size, capacity; /* 0 = refused */
    } rows[] = {
        {0, 512},           {1, 512},           {512, 512},
        {513, KIB},         {1500, 2 * KIB},    {64 * KIB, 64 * KIB},
        {5 * MIB, 8 * MIB}, {8 * MIB, 8 * MIB}, {8 * MIB + 1, 0},
        {SIZE_MAX, 0},
    };
    Pool *pool = pool_new(16 * MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        size_t capacity = 0;
        void *block = pool_get(pool, rows[i].size, &capacity);
        g_assert_cmpint(block != NULL, ==, rows[i].capacity != 0);
        g_assert_cmpuint(capacity, ==, rows[i].capacity);
        g_assert_cmpuint((uintptr_t)block % _Alignof(max_align_t), ==, 0);
        if (block != NULL)
            memset(block, 0xA5, capacity);
        pool_put(pool, block);
    }
    pool_unref(pool);
}

static void test_recycles(void)
{
    Pool *pool = pool_new(MIB);
    size_t capacity;
    void *first = pool_get(pool, 1000, &capacity);
    void *second = pool_get(pool, 1000, &capacity);
    g_assert_true(first != second);
    pool_put(pool, first);
    pool_put(pool, second);
    for (unsigned i = 0; i < 100; i++) {
        void *a = pool_get(pool, 600, &capacity);
        void *b = pool_get(pool, 1024, &capacity);
        g_assert_true(a == first || a == second);
        g_assert_true(b == first || b == second);
        pool_put(pool, a);
        pool_put(pool, b);
    }
    const PoolUsage usage = pool_usage(pool);
    g_assert_cmpuint(usage.system_allocations, ==, 2);
    g_assert_cmpuint(usage.held_bytes, ==, 2 * KIB);
    g_assert_cmpuint(usage.in_use_bytes, ==, 0);
    pool_unref(pool);
}

static void test_ceiling(void)
{
    Pool *pool = pool_new(4 * KIB);
    size_t capacity = 7;
    void *blocks[4];
    for (unsigned i = 0; i < 4; i++)
        blocks[i] = pool_get(pool, KIB, &capacity);
    g_assert_nonnull(blocks[3]);
    capacity = 7;
    g_assert_null(pool_get(pool, 1, &capacity));
    g_assert_cmpuint(capacity, ==, 7);
    g_assert_cmpuint(pool_usage(pool).held_bytes, ==, 4 * KIB);
    pool_put(pool, blocks[0]);
    blocks[0] = pool_get(pool, KIB, &capacity);
    g_assert_nonnull(blocks[0]);
    for (unsigned i = 0; i < 4; i++)
        pool_put(pool, blocks[i]);
    pool_unref(pool);
}

static void test_idle_blocks_make_room(void)
{
    Pool *pool = pool_new(8 * KIB);
    size_t capacity;
    void *small = pool_get(pool, 512, &capacity);
    void *large = pool_get(pool, 4 * KIB, &capacity);
    void *middle = pool_get(pool, 2 * KIB, &capacity);
    pool_put(pool, large);
    pool_put(pool, middle);
    g_assert_cmpuint(pool_usage(pool).held_bytes, ==, 6 * KIB + 512);

    /* 8 KiB can never fit beside the small one, so nothing idle is given away for it. */
    g_assert_null(pool_get(pool, 8 * KIB, &capacity));
    g_assert_cmpuint(pool_usage(pool).held_bytes, ==, 6 * KIB + 512);

    /* Seven of 1 KiB need all that is idle. */
    void *blocks[7];
    for (unsigned i = 0; i < 7; i++) {
        blocks[i] = pool_get(pool, KIB, &capacity);
        g_assert_nonnull(blocks[i]);
        g_assert_cmpuint(pool_usage(pool).held_bytes, <=, 8 * KIB);
    }
    g_assert_cmpuint(pool_usage(pool).in_use_bytes, ==, 7 * KIB + 512);
    for (unsigned i = 0; i < 7; i++)
        pool_put(pool, blocks[i]);
    pool_put(pool, small);
    pool_unref(pool);
}

static void test_ceiling_below_the_smallest_class(void)
{
    Pool *pool = pool_new(511);
    size_t capacity;
    g_assert_null(pool_get(pool, 1, &capacity));
    pool_unref(pool);
}

static void test_lives_until_its_last_block(void)
{
    Pool *pool = pool_new(MIB);
    size_t capacity;
    unsigned char *block = pool_get(pool, 100, &capacity);
    pool_unref(pool_ref(pool));
    pool_unref(pool);
    memset(block, 1, capacity); /* the sanitizer would see a freed pool here or below */
    pool_put(pool, block);
    pool_unref(NULL);
}

enum { THREAD_ROUNDS = 20000 };

static void *hammer(void *data)
{
    Pool *pool = data;
    void *held[8] = {NULL};
    for (unsigned i = 0; i < THREAD_ROUNDS; i++) {
        size_t capacity;
        pool_put(pool, held[i % 8]);
        held[i % 8] = pool_get(pool, (size_t)512 << (i % 5), &capacity);
        if (held[i % 8] != NULL)
            memset(held[i % 8], (int)i, 16);
    }
    for (unsigned i = 0; i < 8; i++)
        pool_put(pool, held[i]);
    pool_unref(pool);
    return NULL;
}

static void test_two_threads(void)
{
    Pool *pool = pool_new(64 * KIB);
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, hammer, pool_ref(pool)), ==, 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpuint(pool_usage(pool).in_use_bytes, ==, 0);
    g_assert_cmpuint(pool_usage(pool).held_bytes, <=, 64 * KIB);
    pool_unref(pool);
}

void pool_test_add(void)
{
    g_test_add_func("/pool/size-classes", test_size_classes);
    g_test_add_func("/pool/recycles", test_recycles);
    g_test_add_func("/pool/ceiling", test_ceiling);
    g_test_add_func("/pool/idle-blocks-make-room", test_idle_blocks_make_room);
    g_test_add_func("/pool/ceiling-below-smallest", test_ceiling_below_the_smallest_class);
    g_test_add_func("/pool/lives-until-its-last-block", test_lives_until_its_last_block);
    g_test_add_func("/pool/two-threads", test_two_threads);
}
