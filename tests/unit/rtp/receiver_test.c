#include <string.h>

#include "listener.h"
#include "rtp/receiver.h"
#include "rtp_test.h"

static void in_order_without_a_copy(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    const RtpPacket packet = video_packet(65535, 0);
    listener_push(listener, &packet);
    g_assert_true(listener->last_payload == packet.payload);
    listener_media(listener, 0, 1);
    listener_media(listener, 1, 2);
    listener_expect(listener, "65535 0 1");
    g_assert_cmpint(receiver_advance(listener->receiver, 0), ==, CLOCK_NEVER);
    listener_free(listener);
}

static void a_hole_holds_and_fills(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_media(listener, 10, 0);
    listener_media(listener, 13, 1);
    listener_media(listener, 12, 2);
    listener_expect(listener, "10");
    g_assert_cmpuint(listener_held(listener), ==, 2);
    listener_media(listener, 11, 3);
    listener_expect(listener, "11 12 13");
    listener_media(listener, 12, 4);
    listener_media(listener, 9, 5);
    listener_expect(listener, "");
    g_assert_cmpuint(listener_dropped(listener, DROP_DUPLICATE), ==, 1);
    g_assert_cmpuint(listener_dropped(listener, DROP_LATE), ==, 1);
    g_assert_cmpuint(ledger_value(&listener->counters.recovered), ==, 0);
    g_assert_cmpuint(ledger_value(&listener->counters.lost), ==, 0);
    listener_free(listener);
}

static void a_hole_is_given_up_after_the_patience(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_media(listener, 1, 0);
    listener_media(listener, 4, 100);
    listener_media(listener, 6, 200);
    uint16_t asked[8];
    for (int64_t ms = 100; ms < 790; ms++) {
        receiver_take_nacks(listener->receiver, ms * NS_PER_MS, asked, 8);
        g_assert_cmpint(receiver_advance(listener->receiver, ms * NS_PER_MS), >, ms * NS_PER_MS);
    }
    listener_expect(listener, "1");
    receiver_advance(listener->receiver, 790 * NS_PER_MS);
    listener_expect(listener, "4/2");
    g_assert_cmpint(receiver_advance(listener->receiver, 889 * NS_PER_MS), ==, 890 * NS_PER_MS);
    g_assert_cmpint(receiver_advance(listener->receiver, 890 * NS_PER_MS), ==, CLOCK_NEVER);
    listener_expect(listener, "6/1");
    g_assert_cmpuint(ledger_value(&listener->counters.lost), ==, 3);
    g_assert_cmpuint(ledger_value(&listener->counters.nacks), ==, 18);
    listener_media(listener, 3, 900);
    g_assert_cmpuint(listener_dropped(listener, DROP_LATE), ==, 1);
    listener_free(listener);
}

static void asks_at_the_moment_that_advance_names(void)
{
    Listener *listener = listener_new(TRACK_AUDIO, 0);
    uint16_t asked[8];
    listener_media(listener, 1, 0);
    listener_media(listener, 3, 40); /* 2 was to come at 20 ms; heeded 32 ms later */
    g_assert_cmpint(receiver_advance(listener->receiver, 40 * NS_PER_MS), ==, 60 * NS_PER_MS);
    g_assert_cmpuint(receiver_take_nacks(listener->receiver, 59 * NS_PER_MS, asked, 8), ==, 0);
    g_assert_cmpint(receiver_advance(listener->receiver, 60 * NS_PER_MS), ==, 60 * NS_PER_MS);
    g_assert_cmpuint(receiver_take_nacks(listener->receiver, 60 * NS_PER_MS, asked, 8), ==, 1);
    g_assert_cmpuint(asked[0], ==, 2);
    g_assert_cmpint(receiver_advance(listener->receiver, 60 * NS_PER_MS), ==, 172 * NS_PER_MS);
    listener_media(listener, 2, 130); /* sound is sent again on its own SSRC */
    listener_expect(listener, "1 2 3");
    g_assert_cmpuint(ledger_value(&listener->counters.recovered), ==, 1);
    listener_free(listener);
}

/* When the first NACK goes out for a hole of one packet between two that came. */
static int64_t first_nack_ms(TrackKind kind, bool marker, int64_t first_ms, int64_t next_ms)
{
    Listener *listener = listener_new(kind, 0);
    RoundTrip round_trip = {0};
    uint16_t asked[1];
    round_trip_sample(&round_trip, 50 * NS_PER_MS);
    receiver_set_round_trip(listener->receiver, &round_trip);
    RtpPacket packet = video_packet(1, first_ms);
    packet.marker = marker;
    listener_push(listener, &packet);
    listener_media(listener, 3, next_ms);
    int64_t ms = next_ms;
    while (receiver_take_nacks(listener->receiver, ms * NS_PER_MS, asked, 1) == 0)
        ms++;
    listener_free(listener);
    return ms;
}

/* At a round trip of 50 ms the server heeds a NACK that goes out 52 ms after the packet was to
 * come: behind a marker with the next frame, else with the one before. */
static void asks_when_the_server_heeds(void)
{
    g_assert_cmpint(first_nack_ms(TRACK_VIDEO, true, 0, 33), ==, 33 + 52);
    g_assert_cmpint(first_nack_ms(TRACK_VIDEO, false, 0, 33), ==, 33 + 20);
    g_assert_cmpint(first_nack_ms(TRACK_VIDEO, false, 0, 1), ==, 52);
    g_assert_cmpint(first_nack_ms(TRACK_AUDIO, false, 0, 40), ==, 20 + 52);
}

/* Packets that were overtaken by 80 ms: the next hole is given that much time, and less later on.
 */
static void learns_how_late_packets_are(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    uint16_t asked[1];
    listener_media(listener, 1, 0);
    listener_media(listener, 3, 0);
    listener_media(listener, 2, 80);
    listener_media(listener, 5, 1000);
    g_assert_cmpint(receiver_advance(listener->receiver, NS_PER_SECOND), ==, 1100 * NS_PER_MS);
    listener_media(listener, 4, 1050);
    RtcpReportBlock block;
    for (unsigned i = 0; i < 60; i++)
        receiver_report_block(listener->receiver, 2 * NS_PER_SECOND, &block);
    listener_media(listener, 7, 3000);
    g_assert_cmpuint(receiver_take_nacks(listener->receiver, 3020 * NS_PER_MS, asked, 1), ==, 1);
    listener_free(listener);
}

/* What stands in front of a key frame is of no use any more. */
static void skips_to_a_key_frame(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_media(listener, 1, 0);
    listener_media(listener, 3, 1);
    listener_media(listener, 6, 2);
    listener_media(listener, 8, 3);
    receiver_skip_to(listener->receiver, 6, 0);
    listener_expect(listener, "1 3/1 6/2");
    receiver_skip_to(listener->receiver, 9, 0); /* not there yet */
    receiver_skip_to(listener->receiver, 1, 0); /* long past */
    listener_expect(listener, "");
    g_assert_cmpuint(ledger_value(&listener->counters.lost), ==, 3);
    listener_retransmission(listener, 7, 4);
    listener_expect(listener, "7 8");
    listener_free(listener);
}

/* What is missing directly in front may be the key frame's parameter sets, but not in front of a
 * packet of another frame. */
static void skips_to_what_may_be_the_frames(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_media(listener, 1, 0);
    listener_media(listener, 4, 1);
    listener_media(listener, 6, 2); /* of the same frame */
    listener_media(listener, 7, 2);
    receiver_skip_to(listener->receiver, 7, 4);
    listener_expect(listener, "1 4/2");
    listener_retransmission(listener, 5, 3);
    listener_expect(listener, "5 6 7");
    listener_media(listener, 15, 4);
    receiver_skip_to(listener->receiver, 15, 4);
    for (uint16_t sequence = 10; sequence < 15; sequence++)
        listener_retransmission(listener, sequence, 5);
    listener_expect(listener, "11/3 12 13 14 15");
    listener_free(listener);
}

/* A server that hears nothing but PLIs: four NACKs without an answer, longer than it may ignore
 * them. */
static void tells_that_nobody_hears(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    uint16_t asked[4];
    listener_media(listener, 1, 0);
    listener_media(listener, 4, 0);
    int64_t ms = 0;
    for (; !receiver_is_unheard(listener->receiver, ms * NS_PER_MS); ms++)
        receiver_take_nacks(listener->receiver, ms * NS_PER_MS, asked, 4);
    g_assert_cmpint(ms, >=, 32 + 3 * 112);
    g_assert_false(receiver_is_unheard(listener->receiver, 9 * NS_PER_SECOND)); /* nothing asked */
    receiver_hold(listener->receiver, 2 * NS_PER_SECOND);
    receiver_advance(listener->receiver, 1900 * NS_PER_MS);
    listener_expect(listener, "1");
    receiver_ask_again(listener->receiver, 1900 * NS_PER_MS);
    g_assert_cmpuint(receiver_take_nacks(listener->receiver, 1900 * NS_PER_MS, asked, 4), ==, 2);
    listener_retransmission(listener, 2, 1950);
    listener_retransmission(listener, 3, 1950);
    listener_expect(listener, "2 3 4");
    g_assert_false(receiver_is_unheard(listener->receiver, 9 * NS_PER_SECOND));
    g_assert_true(receiver_is_lossy(listener->receiver, 6 * NS_PER_SECOND));
    g_assert_false(receiver_is_lossy(listener->receiver, 7 * NS_PER_SECOND));
    listener_free(listener);
}

static void the_original_of_a_retransmission(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    const uint8_t payload[] = {1, 2, 77};
    RtpPacket packet = video_packet(5, 0), original;
    Codec codec = CODEC_UNKNOWN;
    g_assert_true(receiver_original(listener->receiver, &packet, &original, &codec));
    g_assert_cmpuint(original.sequence, ==, 5);
    g_assert_cmpint(codec, ==, CODEC_VP8);
    packet.ssrc = RTX_SSRC;
    g_assert_false(receiver_original(listener->receiver, &packet, &original, &codec));
    packet.payload_type = VIDEO_RTX_TYPE;
    packet.payload = payload;
    packet.payload_size = sizeof payload;
    g_assert_true(receiver_original(listener->receiver, &packet, &original, &codec));
    g_assert_cmpuint(original.sequence, ==, 0x0102);
    g_assert_cmpuint(original.payload_size, ==, 1);
    g_assert_cmpuint(original.payload[0], ==, 77);
    g_assert_cmpuint(original.payload_type, ==, VIDEO_TYPE);
    packet.ssrc = 0x77777777;
    g_assert_false(receiver_original(listener->receiver, &packet, &original, &codec));
    listener_free(listener);
}

static void a_retransmission_fills_its_hole(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_media(listener, 65534, 0);
    listener_media(listener, 1, 1);
    listener_retransmission(listener, 65535, 30);
    listener_expect(listener, "65534 65535");
    g_assert_cmpuint(listener->last_size, ==, 3);
    g_assert_true(listener->last_is_late);
    listener_retransmission(listener, 0, 31);
    listener_expect(listener, "0 1");
    g_assert_false(listener->last_is_late); /* it only waited */
    listener_retransmission(listener, 0, 32);
    listener_retransmission(listener, 50, 33);
    listener_expect(listener, "");
    g_assert_cmpuint(ledger_value(&listener->counters.recovered), ==, 2);
    g_assert_cmpuint(listener_dropped(listener, DROP_DUPLICATE), ==, 1);
    g_assert_cmpuint(listener_dropped(listener, DROP_LATE), ==, 1);
    listener_free(listener);
}

static void malformed_retransmissions_are_counted(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_retransmission(listener, 1, 0); /* before any media */
    listener_media(listener, 1, 0);
    RtpPacket packet = video_packet(5, 1);
    packet.ssrc = RTX_SSRC;
    packet.payload_type = VIDEO_RTX_TYPE;
    packet.payload_size = 0; /* a bandwidth probe */
    listener_push(listener, &packet);
    packet.payload_size = 1;
    listener_push(listener, &packet);
    packet.payload_size = 5;
    packet.payload_type = 50;
    listener_push(listener, &packet);
    packet.ssrc = 0x33333333;
    listener_push(listener, &packet);
    listener_expect(listener, "1");
    g_assert_cmpuint(listener_dropped(listener, DROP_LATE), ==, 1);
    g_assert_cmpuint(listener_dropped(listener, DROP_EMPTY), ==, 1);
    g_assert_cmpuint(listener_dropped(listener, DROP_MALFORMED), ==, 2);
    g_assert_cmpuint(listener_dropped(listener, DROP_UNKNOWN_PAYLOAD), ==, 1);
    listener_free(listener);
}

static void padding_takes_a_number_and_is_no_loss(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_padding(listener, 1, 0);
    listener_media(listener, 2, 1);
    listener_padding(listener, 3, 2);
    listener_media(listener, 4, 3);
    listener_expect(listener, "2 4");
    listener_padding(listener, 6, 4);
    listener_media(listener, 7, 5);
    listener_media(listener, 5, 6);
    listener_expect(listener, "5 7");
    listener_padding(listener, 6, 7);
    g_assert_cmpuint(listener_dropped(listener, DROP_EMPTY), ==, 3);
    g_assert_cmpuint(listener_dropped(listener, DROP_DUPLICATE), ==, 1);
    g_assert_cmpuint(listener->lost, ==, 0);
    listener_free(listener);
}

static void unknown_payload_takes_a_number(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    RtpPacket packet = video_packet(1, 5);
    packet.payload_type = 63;
    listener_push(listener, &packet);
    g_assert_cmpint(atomic_load(&listener->counters.first_packet_ns), ==, 0);
    listener_media(listener, 2, 6);
    g_assert_cmpint(atomic_load(&listener->counters.first_packet_ns), ==, 6 * NS_PER_MS);
    g_assert_cmpint(atomic_load(&listener->counters.codec), ==, CODEC_VP8);
    packet.sequence = 3;
    listener_push(listener, &packet);
    listener_media(listener, 4, 7);
    listener_expect(listener, "2 4");
    g_assert_cmpuint(listener_dropped(listener, DROP_UNKNOWN_PAYLOAD), ==, 2);
    g_assert_cmpuint(ledger_value(&listener->counters.packets), ==, 2);
    listener_free(listener);
}

static void one_wild_packet_changes_nothing(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_media(listener, 1, 0);
    listener_media(listener, 30000, 1);
    g_assert_cmpuint(listener_held(listener), ==, 1);
    listener_media(listener, 30000, 1);
    listener_media(listener, 2, 2);
    listener_media(listener, 40000, 3);
    listener_media(listener, 3, 4);
    listener_expect(listener, "1 2 3");
    receiver_flush(listener->receiver);
    g_assert_cmpuint(listener_dropped(listener, DROP_MALFORMED), ==, 3);
    g_assert_cmpuint(listener_held(listener), ==, 0);
    g_assert_cmpuint(listener->lost, ==, 0);
    listener_free(listener);
}

static void two_that_follow_are_a_new_beginning(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_media(listener, 1, 0);
    listener_media(listener, 3, 1);
    listener_media(listener, 30000, 2);
    listener_media(listener, 30001, 3);
    listener_media(listener, 30002, 4);
    listener_expect(listener, "1 3/1 30000/1 30001 30002");
    g_assert_cmpuint(ledger_value(&listener->counters.lost), ==, 1);
    uint16_t asked[8];
    g_assert_cmpuint(receiver_take_nacks(listener->receiver, NS_PER_SECOND, asked, 8), ==, 0);
    listener_free(listener);
}

/* 360 kB in one burst, its first packet missing. */
static void a_key_frame_fits_behind_a_hole(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    listener_media(listener, 1, 0);
    for (uint16_t i = 3; i <= 302; i++)
        listener_media(listener, i, 1);
    g_assert_cmpuint(listener_held(listener), ==, 300);
    listener_retransmission(listener, 2, 80);
    g_assert_cmpuint(listener->handed_out, ==, 302);
    g_assert_cmpuint(listener->lost, ==, 0);
    listener_free(listener);
}

static void a_full_window_gives_up_the_oldest(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 8);
    listener_media(listener, 1, 0);
    for (uint16_t i = 3; i <= 9; i++)
        listener_media(listener, i, 0);
    listener_expect(listener, "1");
    listener_media(listener, 10, 0);
    listener_expect(listener, "3/1 4 5 6 7 8 9 10");
    listener_media(listener, 1010, 0); /* most of it never fits into the window */
    listener_expect(listener, "");
    uint16_t asked[32];
    g_assert_cmpuint(receiver_take_nacks(listener->receiver, NS_PER_SECOND, asked, 32), ==, 7);
    g_assert_cmpuint(asked[0], ==, 1003);
    receiver_flush(listener->receiver);
    listener_expect(listener, "1010/999");
    g_assert_cmpuint(ledger_value(&listener->counters.lost), ==, 1000);
    listener_free(listener);
}

static void no_memory_for_a_huge_packet(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    uint8_t *payload = g_malloc0(70000);
    RtpPacket packet = video_packet(3, 0);
    packet.payload = payload;
    packet.payload_size = 70000;
    listener_media(listener, 1, 0);
    listener_push(listener, &packet);
    g_assert_cmpuint(listener_dropped(listener, DROP_NO_MEMORY), ==, 1);
    listener_media(listener, 2, 1);
    listener_expect(listener, "1 2");
    listener_push(listener, &packet); /* in order it needs no memory */
    listener_expect(listener, "3");
    g_free(payload);
    listener_free(listener);
}

static void the_report_tells_what_came(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 0);
    RtcpReportBlock block;
    g_assert_false(receiver_report_block(listener->receiver, 0, &block));
    for (uint16_t i = 65500; i != 100; i++) {
        if (i % 4 != 3)
            listener_media(listener, i, 1);
    }
    const RtcpSenderReport foreign = {.ssrc = 5, .ntp = 1};
    const RtcpSenderReport own = {.ssrc = MAIN_SSRC, .ntp = UINT64_C(0x123456789abc)};
    receiver_sender_report(listener->receiver, &own, NS_PER_SECOND);
    receiver_sender_report(listener->receiver, &foreign, NS_PER_SECOND);
    g_assert_true(receiver_report_block(listener->receiver, 2 * NS_PER_SECOND, &block));
    g_assert_cmphex(block.ssrc, ==, MAIN_SSRC);
    g_assert_cmpuint(block.highest_sequence, ==, 65536 + 98);
    g_assert_cmpint(block.total_lost, ==, 33);
    g_assert_cmphex(block.last_sr, ==, 0x12345678);
    g_assert_cmpuint(block.delay_since_sr, ==, 65536);
    g_assert_cmpuint(ledger_value(&listener->counters.sender_reports), ==, 1);
    listener_free(listener);
}

/* Loss, reordering, duplicates and retransmissions at random: nothing disappears from the ledger
 * and the packets come out in order. */
static void the_ledger_balances_under_any_weather(void)
{
    Listener *listener = listener_new(TRACK_VIDEO, 64);
    GRand *chance = g_rand_new_with_seed(7);
    uint16_t asked[64];
    for (unsigned i = 0; i < 100000; i++) {
        const int64_t at_ms = i;
        const int number = (int)i + g_rand_int_range(chance, -3, 4);
        if (g_rand_int_range(chance, 0, 10) > 0)
            listener_media(listener, (uint16_t)number, at_ms);
        receiver_advance(listener->receiver, at_ms * NS_PER_MS);
        const unsigned count =
            receiver_take_nacks(listener->receiver, at_ms * NS_PER_MS, asked, G_N_ELEMENTS(asked));
        for (unsigned k = 0; k < count; k++) {
            if (g_rand_int_range(chance, 0, 4) > 0)
                listener_retransmission(listener, asked[k], at_ms);
        }
    }
    receiver_flush(listener->receiver);
    const LedgerRow *row = &listener->counters.ledger.rows[STAGE_RECEIVE];
    g_assert_cmpuint(ledger_value(&row->held), ==, 0);
    g_assert_true(ledger_row_balances(&listener->counters.ledger, STAGE_RECEIVE));
    g_assert_cmpuint(ledger_value(&row->out), ==, listener->handed_out);
    g_assert_cmpuint(ledger_value(&listener->counters.lost), ==, listener->lost);
    g_assert_cmpuint(ledger_value(&listener->counters.recovered), >, 1000);
    g_rand_free(chance);
    listener_free(listener);
}

void receiver_test_add(void)
{
    g_test_add_func("/receiver/in_order", in_order_without_a_copy);
    g_test_add_func("/receiver/hole_fills", a_hole_holds_and_fills);
    g_test_add_func("/receiver/gives_up", a_hole_is_given_up_after_the_patience);
    g_test_add_func("/receiver/asks", asks_at_the_moment_that_advance_names);
    g_test_add_func("/receiver/heeded", asks_when_the_server_heeds);
    g_test_add_func("/receiver/lateness", learns_how_late_packets_are);
    g_test_add_func("/receiver/skips", skips_to_a_key_frame);
    g_test_add_func("/receiver/skips_to_what_may_be_the_frames", skips_to_what_may_be_the_frames);
    g_test_add_func("/receiver/unheard", tells_that_nobody_hears);
    g_test_add_func("/receiver/original", the_original_of_a_retransmission);
    g_test_add_func("/receiver/retransmission", a_retransmission_fills_its_hole);
    g_test_add_func("/receiver/malformed_retransmission", malformed_retransmissions_are_counted);
    g_test_add_func("/receiver/padding", padding_takes_a_number_and_is_no_loss);
    g_test_add_func("/receiver/unknown_payload", unknown_payload_takes_a_number);
    g_test_add_func("/receiver/one_wild_packet", one_wild_packet_changes_nothing);
    g_test_add_func("/receiver/new_beginning", two_that_follow_are_a_new_beginning);
    g_test_add_func("/receiver/key_frame", a_key_frame_fits_behind_a_hole);
    g_test_add_func("/receiver/full_window", a_full_window_gives_up_the_oldest);
    g_test_add_func("/receiver/no_memory", no_memory_for_a_huge_packet);
    g_test_add_func("/receiver/report", the_report_tells_what_came);
    g_test_add_func("/receiver/ledger", the_ledger_balances_under_any_weather);
}
