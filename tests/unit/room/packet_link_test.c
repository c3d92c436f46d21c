#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "room/packet_link.h"
#include "room_test.h"

typedef struct {
    unsigned count;
    uint8_t numbers[2048]; /* of the packets, in the order of arrival */
    uint8_t last[PACKET_LINK_MAX_PACKET];
} Arrived;

static bool on_send(void *owner, uint8_t *packet, size_t size)
{
    Arrived *const arrived = owner;
    arrived->numbers[arrived->count++ % sizeof arrived->numbers] = packet[3];
    memcpy(arrived->last, packet, size);
    return true;
}

static void load(FaultScript *script, const char *text)
{
    char error[256];
    g_assert_true(fault_parse(text, &script->faults[script->count], error, sizeof error));
    script->count++;
}

static PacketLink *new_link(const FaultScript *script, Arrived *arrived)
{
    return packet_link_new(script, 1, (PacketLinkOut){.owner = arrived, .send = on_send});
}

static void push(PacketLink *link, TrackKind kind, uint8_t number, int64_t at_ns)
{
    uint8_t packet[40] = {0x80, 96, 0, number};
    packet_link_push(link, "alice", kind, packet, sizeof packet, at_ns);
}

static void test_nothing_wrong(void)
{
    const FaultScript script = {0};
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    for (unsigned i = 0; i < 200; i++) {
        push(link, TRACK_VIDEO, (uint8_t)i, i);
    }
    g_assert_cmpuint(arrived.count, ==, 200);
    g_assert_cmpuint(arrived.numbers[199], ==, 199);
    g_assert_cmpint(packet_link_advance(link, 0), ==, CLOCK_NEVER);
    packet_link_free(link);
}

static void test_loss_in_its_window_only(void)
{
    FaultScript script = {0};
    load(&script, "loss=50%:video@1s+1s");
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    for (unsigned i = 0; i < 1000; i++) {
        push(link, TRACK_AUDIO, 0, 1500 * NS_PER_MS);
        push(link, TRACK_VIDEO, 0, 500 * NS_PER_MS);
    }
    g_assert_cmpuint(arrived.count, ==, 2000);
    for (unsigned i = 0; i < 1000; i++) {
        push(link, TRACK_VIDEO, 0, 1500 * NS_PER_MS);
    }
    g_assert_cmpuint(arrived.count, >, 2400);
    g_assert_cmpuint(arrived.count, <, 2600);
    g_assert_cmpuint(packet_link_stats(link).dropped, ==, 3000 - arrived.count);
    packet_link_free(link);
}

static void test_burst_once(void)
{
    FaultScript script = {0};
    load(&script, "burst=20@1s");
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    for (unsigned i = 0; i < 100; i++) {
        push(link, TRACK_VIDEO, (uint8_t)i, i * 50 * NS_PER_MS);
    }
    g_assert_cmpuint(arrived.count, ==, 80);
    g_assert_cmpuint(arrived.numbers[19], ==, 19);
    g_assert_cmpuint(arrived.numbers[20], ==, 40);
    packet_link_free(link);
}

static void test_reorder_and_jitter(void)
{
    FaultScript script = {0};
    load(&script, "reorder=50ms");
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    for (unsigned i = 0; i < 20; i++) {
        push(link, TRACK_VIDEO, (uint8_t)i, i * 10 * NS_PER_MS);
        packet_link_advance(link, i * 10 * NS_PER_MS);
    }
    g_assert_cmpuint(arrived.numbers[9], ==, 10);
    g_assert_cmpuint(arrived.numbers[14], ==, 9);
    g_assert_cmpint(packet_link_advance(link, 200 * NS_PER_MS), ==, 240 * NS_PER_MS);
    g_assert_cmpint(packet_link_advance(link, 240 * NS_PER_MS), ==, CLOCK_NEVER);
    g_assert_cmpuint(arrived.count, ==, 20);
    packet_link_free(link);
}

static void test_duplicate(void)
{
    FaultScript script = {0};
    load(&script, "duplicate=100%");
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    push(link, TRACK_VIDEO, 1, 0);
    g_assert_cmpuint(arrived.count, ==, 2);
    packet_link_free(link);
}

static void test_broken_payload_keeps_the_header(void)
{
    FaultScript script = {0};
    load(&script, "malformed-payload=100%");
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    push(link, TRACK_VIDEO, 7, 0);
    static const uint8_t ZEROS[28] = {0};
    g_assert_cmpuint(arrived.last[3], ==, 7);
    g_assert_cmpint(memcmp(arrived.last + 12, ZEROS, sizeof ZEROS), !=, 0);
    packet_link_free(link);
}

static void test_delay_keeps_the_order(void)
{
    FaultScript script = {0};
    load(&script, "delay=25ms");
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    for (unsigned i = 0; i < 50; i++) {
        push(link, TRACK_VIDEO, (uint8_t)i, i * NS_PER_MS);
    }
    g_assert_cmpint(packet_link_advance(link, 49 * NS_PER_MS), ==, 50 * NS_PER_MS);
    g_assert_cmpuint(arrived.count, ==, 25);
    g_assert_cmpint(packet_link_advance(link, NS_PER_SECOND), ==, CLOCK_NEVER);
    for (unsigned i = 0; i < 50; i++) {
        g_assert_cmpuint(arrived.numbers[i], ==, i);
    }
    packet_link_free(link);
}

/* 68 bytes with the headers below are 5.44 ms at 100 kbit/s; 64 kB of them wait, the rest is lost.
 */
static void test_rate(void)
{
    FaultScript script = {0};
    load(&script, "rate=100@0s+10s");
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    for (unsigned i = 0; i < 1000; i++) {
        push(link, TRACK_VIDEO, 0, 0);
    }
    g_assert_cmpuint(packet_link_stats(link).dropped, ==, 1000 - 64000 / 68);
    packet_link_advance(link, NS_PER_SECOND);
    g_assert_cmpuint(arrived.count, ==, 183);
    packet_link_free(link);
}

/* Reports are lost and late as other packets are, and never broken. */
static void test_reports(void)
{
    FaultScript script = {0};
    load(&script, "malformed-payload=100%");
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    uint8_t report[40] = {0x80, 200, 0, 9};
    packet_link_push(link, "alice", TRACK_VIDEO, report, sizeof report, 0);
    static const uint8_t ZEROS[28] = {0};
    g_assert_cmpuint(arrived.count, ==, 1);
    g_assert_cmpint(memcmp(arrived.last + 12, ZEROS, sizeof ZEROS), ==, 0);
    packet_link_free(link);
}

static void test_waiting_packets_are_bounded(void)
{
    FaultScript script = {0};
    load(&script, "jitter=10s");
    Arrived arrived = {0};
    PacketLink *const link = new_link(&script, &arrived);
    for (unsigned i = 0; i < 6000; i++) {
        push(link, TRACK_VIDEO, 0, 0);
    }
    g_assert_cmpuint(packet_link_stats(link).dropped, ==, 6000 - 4096);
    packet_link_free(link);
}

void packet_link_test_add(void)
{
    g_test_add_func("/room/packet-link/nothing-wrong", test_nothing_wrong);
    g_test_add_func("/room/packet-link/loss-in-its-window", test_loss_in_its_window_only);
    g_test_add_func("/room/packet-link/burst-once", test_burst_once);
    g_test_add_func("/room/packet-link/reorder", test_reorder_and_jitter);
    g_test_add_func("/room/packet-link/duplicate", test_duplicate);
    g_test_add_func("/room/packet-link/broken-payload", test_broken_payload_keeps_the_header);
    g_test_add_func("/room/packet-link/delay", test_delay_keeps_the_order);
    g_test_add_func("/room/packet-link/rate", test_rate);
    g_test_add_func("/room/packet-link/reports", test_reports);
    g_test_add_func("/room/packet-link/bounded", test_waiting_packets_are_bounded);
}
