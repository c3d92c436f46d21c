#include <glib.h>
#include <string.h>

#include "flow/frame.h"
#include "flow_test.h"

static void test_new_is_empty(void)
{
    Pool *pool = pool_new(1 << 20);
    Frame *frame = frame_new(pool, 1000);
    g_assert_nonnull(frame);
    g_assert_cmpuint(frame->capacity, >=, 1000);
    g_assert_cmpuint(frame->size, ==, 0);
    g_assert_cmpint(frame->codec, ==, CODEC_UNKNOWN);
    g_assert_cmpint(frame->pts_ns, ==, 0);
    memset(frame->data, 0xFF, frame->capacity);
    frame_unref(frame);
    frame_unref(NULL);
    pool_unref(pool);
}

static void test_reserve_keeps_everything(void)
{
    Pool *pool = pool_new(1 << 20);
    Frame *frame = frame_new(pool, 100);
    frame->rtp_timestamp = 4711;
    frame->is_key = true;
    frame->size = 100;
    memset(frame->data, 0x5A, frame->size);
    Frame *before = frame;
    g_assert_true(frame_reserve(&frame, frame->capacity));
    g_assert_true(frame == before);
    g_assert_true(frame_reserve(&frame, 50000));
    g_assert_cmpuint(frame->capacity, >=, 50000);
    g_assert_cmpuint(frame->rtp_timestamp, ==, 4711);
    g_assert_true(frame->is_key);
    g_assert_cmpuint(frame->size, ==, 100);
    for (unsigned i = 0; i < 100; i++)
        g_assert_cmphex(frame->data[i], ==, 0x5A);
    memset(frame->data, 0xFF, frame->capacity);
    frame_unref(frame);
    g_assert_cmpuint(pool_usage(pool).in_use_bytes, ==, 0);
    pool_unref(pool);
}

static void test_ceiling_leaves_the_frame_alone(void)
{
    Pool *pool = pool_new(4096);
    Frame *frame = frame_new(pool, 1000);
    Frame *before = frame;
    const size_t capacity = frame->capacity;
    g_assert_false(frame_reserve(&frame, 4000));
    g_assert_false(frame_reserve(&frame, SIZE_MAX));
    g_assert_true(frame == before);
    g_assert_cmpuint(frame->capacity, ==, capacity);
    g_assert_null(frame_new(pool, 4000));
    g_assert_null(frame_new(pool, SIZE_MAX));
    g_assert_null(frame_new(pool, (size_t)8 << 20));
    frame_unref(frame);
    pool_unref(pool);
}

static void test_last_reference_returns_it(void)
{
    Pool *pool = pool_new(1 << 20);
    Frame *frame = frame_new(pool, 10);
    g_assert_true(frame_ref(frame) == frame);
    frame_unref(frame);
    g_assert_cmpuint(pool_usage(pool).in_use_bytes, >, 0);
    pool_unref(pool); /* the frame outlives the recording's net side */
    frame->data[0] = 1;
    frame_unref(frame);
}

void frame_test_add(void)
{
    g_test_add_func("/frame/new-is-empty", test_new_is_empty);
    g_test_add_func("/frame/reserve-keeps-everything", test_reserve_keeps_everything);
    g_test_add_func("/frame/ceiling", test_ceiling_leaves_the_frame_alone);
    g_test_add_func("/frame/last-reference", test_last_reference_returns_it);
}
