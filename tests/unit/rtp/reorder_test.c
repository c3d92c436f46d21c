#include <glib.h>
#include <string.h>

#include "rtp/reorder.h"
#include "rtp_test.h"

static void keeps_copies(void)
{
    Reorder *reorder = reorder_new(4);
    uint8_t payload[100];
    memset(payload, 7, sizeof payload);
    const RtpPacket packet = {.payload = payload, .payload_size = sizeof payload, .sequence = 9};
    g_assert_true(reorder_hold(reorder, 9, &packet, CODEC_VP8));
    memset(payload, 0, sizeof payload);

    Codec codec;
    const RtpPacket *held = reorder_packet(reorder, 9, &codec);
    g_assert_cmpint(codec, ==, CODEC_VP8);
    g_assert_cmpuint(held->payload_size, ==, 100);
    g_assert_cmpuint(held->payload[99], ==, 7);
    reorder_clear(reorder, 9);
    g_assert_cmpint(reorder_place(reorder, 13), ==, PLACE_MISSING);
    reorder_free(reorder);
}

static void large_payloads_are_bounded(void)
{
    Reorder *reorder = reorder_new(16);
    uint8_t *payload = g_malloc0(REORDER_LARGE_BYTES);
    RtpPacket packet = {.payload = payload, .payload_size = REORDER_LARGE_BYTES};
    for (int64_t i = 0; i < REORDER_LARGE_SLOTS; i++)
        g_assert_true(reorder_hold(reorder, i, &packet, CODEC_VP8));
    g_assert_false(reorder_hold(reorder, 10, &packet, CODEC_VP8));
    packet.payload_size = REORDER_SLOT_BYTES;
    g_assert_true(reorder_hold(reorder, 10, &packet, CODEC_VP8));
    reorder_clear(reorder, 2);
    packet.payload_size = REORDER_SLOT_BYTES + 1;
    g_assert_true(reorder_hold(reorder, 11, &packet, CODEC_VP8));
    reorder_free(reorder);
    g_free(payload);
}

void reorder_test_add(void)
{
    g_test_add_func("/reorder/copies", keeps_copies);
    g_test_add_func("/reorder/large", large_payloads_are_bounded);
}
