#include <glib.h>
#include <string.h>

#include "signal/frame_meter.h"
#include "signal_test.h"

#define MIB (1024 * 1024)

typedef struct {
    FrameMeter meter;
    int64_t now_ns;
} Fixture;

static Fixture set_up(void)
{
    Fixture fixture = {.now_ns = 5 * NS_PER_SECOND};
    frame_meter_init(&fixture.meter, fixture.now_ns);
    return fixture;
}

/* One unmasked frame; its payload is zero. */
static GByteArray *frame_new(unsigned first, size_t size)
{
    GByteArray *frame = g_byte_array_new();
    const uint8_t code = size < 126 ? (uint8_t)size : size < 65536 ? 126 : 127;
    g_byte_array_append(frame, (uint8_t[]){(uint8_t)first, code}, 2);
    for (int shift = code == 126 ? 8 : 56; code > 125 && shift >= 0; shift -= 8)
        g_byte_array_append(frame, (uint8_t[]){(uint8_t)(size >> shift)}, 1);
    const guint head = frame->len;
    g_byte_array_set_size(frame, head + (guint)size);
    memset(frame->data + head, 0, size);
    return frame;
}

static const char *take(Fixture *fixture, unsigned first, size_t size)
{
    g_autoptr(GByteArray) frame = frame_new(first, size);
    return frame_meter_take(&fixture->meter, frame->data, frame->len, fixture->now_ns);
}

/* So many of these frames are taken; the next one is too much. */
static unsigned take_until_full(Fixture *fixture, unsigned first, size_t size,
                                const char *expected_reason)
{
    for (unsigned count = 0; count < 100000; count++) {
        const char *reason = take(fixture, first, size);
        if (reason == NULL)
            continue;
        g_assert_nonnull(strstr(reason, expected_reason));
        return count;
    }
    return 0;
}

static void test_ceilings(void)
{
    static const struct {
        unsigned first;
        size_t size;
        unsigned count;
        const char *reason;
    } cases[] = {
        {0x89, 0, 1000, "1,000 pings and pongs"},
        {0x89, 125, 1000, "1,000 pings and pongs"},
        {0x8a, 4, 1000, "1,000 pings and pongs"},
        {0x82, 0, 10000, "10,000 messages"},
        {0x00, 0, 10000, "10,000 messages or pieces"},
        {0x82, 4 * MIB - 10, 16, "64 MiB"},
        {0x02, 16 * MIB, 3, "64 MiB"},
        {0x82, 16 * MIB + 1, 0, "16 MiB"},
        {0x00, 1 * MIB, 16, "16 MiB"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture fixture = set_up();
        g_assert_cmpuint(take_until_full(&fixture, cases[i].first, cases[i].size, cases[i].reason),
                         ==, cases[i].count);
    }
}

static void test_window(void)
{
    Fixture fixture = set_up();
    for (unsigned window = 0; window < 3; window++) {
        for (unsigned i = 0; i < FRAME_METER_MAX_CONTROLS; i++)
            g_assert_null(take(&fixture, 0x89, 3));
        fixture.now_ns += FRAME_METER_WINDOW_NS;
    }
    for (unsigned i = 0; i < FRAME_METER_MAX_CONTROLS; i++)
        g_assert_null(take(&fixture, 0x8a, 3));
    fixture.now_ns += FRAME_METER_WINDOW_NS - 1;
    g_assert_nonnull(take(&fixture, 0x8a, 3));
}

static void test_pongs(void)
{
    Fixture fixture = set_up();
    g_assert_null(take(&fixture, 0x89, 125));
    g_assert_null(take(&fixture, 0x8a, 125));
    g_assert_null(take(&fixture, 0x82, 125));
    g_assert_cmpuint(fixture.meter.pong_bytes, ==, 131);
    g_assert_null(take(&fixture, 0x89, 0));
    g_assert_cmpuint(fixture.meter.pong_bytes, ==, 137);
}

/* Pings between the pieces of a message, cut into reads of every size. */
static void test_cut_anywhere(void)
{
    static const struct {
        unsigned first;
        size_t size;
    } frames[] = {{0x02, 300}, {0x89, 5}, {0x00, 70000}, {0x8a, 0}, {0x80, 126}, {0x81, 0}};
    g_autoptr(GByteArray) stream = g_byte_array_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(frames); i++) {
        g_autoptr(GByteArray) frame = frame_new(frames[i].first, frames[i].size);
        g_byte_array_append(stream, frame->data, frame->len);
    }
    for (size_t step = 1; step < 2000; step += 1 + step / 4) {
        Fixture fixture = set_up();
        for (size_t at = 0; at < stream->len; at += step) {
            const size_t size = MIN(step, stream->len - at);
            g_assert_null(
                frame_meter_take(&fixture.meter, stream->data + at, size, fixture.now_ns));
        }
        g_assert_cmpuint(fixture.meter.window_messages, ==, 4);
        g_assert_cmpuint(fixture.meter.window_controls, ==, 2);
        g_assert_cmpuint(fixture.meter.pong_bytes, ==, 11);
        g_assert_cmpuint(fixture.meter.message_bytes, ==, 0);
        g_assert_cmpuint(fixture.meter.window_bytes, ==, stream->len);
    }
}

void frame_meter_test_add(void)
{
    g_test_add_func("/frame_meter/ceilings", test_ceilings);
    g_test_add_func("/frame_meter/window", test_window);
    g_test_add_func("/frame_meter/pongs", test_pongs);
    g_test_add_func("/frame_meter/cut_anywhere", test_cut_anywhere);
}
