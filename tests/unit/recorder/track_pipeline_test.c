#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "recorder/track_pipeline.h"
#include "recorder_tests.h"

#define START_NS (100 * NS_PER_SECOND)
#define FRAME_NS (20 * NS_PER_MS)

typedef struct {
    Pool *pool;
    MediaClock *clock;
    PauseGate *gate;
    BoundedQueue *queue;
    TrackCounters counters;
    TrackPipeline *pipeline;
    GatePause pause; /* the last one */
    unsigned on_track_calls, input_changes;
    TrackInput input;
    TrackGap gap;
    unsigned gaps;
    RoundTrip round_trip;
    size_t sent_again; /* bytes of the last feedback that went out twice */
    unsigned nacks;    /* packets of them in the last feedback */
    int64_t waited_ns;
    uint32_t own_ssrc;
} Fixture;

static void on_track(void *owner, unsigned track_id)
{
    Fixture *fixture = owner;
    g_assert_cmpuint(track_id, ==, 3);
    fixture->on_track_calls++;
}

static void on_input_changed(void *owner, unsigned track_id, const TrackInput *input)
{
    Fixture *fixture = owner;
    g_assert_cmpuint(track_id, ==, 3);
    fixture->input_changes++;
    fixture->input = *input;
}

static void on_gap(void *owner, unsigned track_id, const TrackGap *gap)
{
    Fixture *fixture = owner;
    g_assert_cmpuint(track_id, ==, 3);
    fixture->gaps++;
    fixture->gap = *gap;
}

static void on_pause(void *owner, const GatePause *pause)
{
    Fixture *fixture = owner;
    fixture->pause = *pause;
}

static Fixture *fixture_new_seekable(TrackKind kind, int64_t seek_interval_ns)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->pool = pool_new(1 << 20);
    fixture->clock = media_clock_new(START_NS);
    fixture->gate =
        pause_gate_new(3 * NS_PER_SECOND,
                       (PauseGateOut){.owner = fixture, .paused = on_pause, .resumed = on_pause});
    fixture->queue = bounded_queue_new(kind, 200, 1 << 20);
    const TrackPipelineConfig config = {
        .track_id = 3,
        .kind = kind,
        .queue = fixture->queue,
        .counters = &fixture->counters,
        .clock = fixture->clock,
        .gate = fixture->gate,
        .pool = fixture->pool,
        .keyframe_timeout_ns = 2 * NS_PER_SECOND,
        .seek_interval_ns = seek_interval_ns,
        .round_trip = &fixture->round_trip,
        .waited_ns = &fixture->waited_ns,
    };
    fixture->pipeline =
        track_pipeline_new(&config, (TrackPipelineOut){.owner = fixture,
                                                       .on_track = on_track,
                                                       .input_changed = on_input_changed,
                                                       .gap = on_gap});
    const ReceiverPayload payloads[] = {{111, CODEC_OPUS, 0}, {96, CODEC_VP8, 97}};
    track_pipeline_bind(fixture->pipeline, 0x1234, 0, payloads, 2);
    return fixture;
}

static Fixture *fixture_new(TrackKind kind)
{
    return fixture_new_seekable(kind, 0);
}

static void fixture_free(Fixture *fixture)
{
    track_pipeline_free(fixture->pipeline);
    bounded_queue_free(fixture->queue);
    pause_gate_free(fixture->gate);
    media_clock_free(fixture->clock);
    pool_unref(fixture->pool);
    g_free(fixture);
}

static void push(Fixture *fixture, uint8_t payload_type, uint16_t sequence, const uint8_t *payload,
                 size_t size)
{
    const RtpPacket packet = {
        .payload = payload,
        .payload_size = size,
        .ssrc = 0x1234,
        .timestamp = (payload_type == 96 ? 1800u : 960u) * sequence,
        .sequence = sequence,
        .payload_type = payload_type,
        .marker = true,
        .arrival_ns = START_NS + FRAME_NS * sequence,
    };
    track_pipeline_push(fixture->pipeline, &packet);
}

static void take_all(Fixture *fixture)
{
    Frame *frame = NULL;
    while (bounded_queue_get(fixture->queue, &frame) == QUEUE_FRAME) {
        ledger_add(&fixture->counters.ledger.rows[STAGE_QUEUE].out, 1);
        frame_unref(frame);
    }
}

static unsigned drain(Fixture *fixture, int64_t *ret_last_pts_ns)
{
    unsigned count = 0;
    Frame *frame = NULL;
    QueueGet got;
    while ((got = bounded_queue_get(fixture->queue, &frame)) == QUEUE_FRAME) {
        LedgerRow *row = &fixture->counters.ledger.rows[STAGE_QUEUE];
        ledger_add(&row->out, 1);
        if (ret_last_pts_ns) {
            g_assert_cmpint(frame->pts_ns, >, *ret_last_pts_ns);
            *ret_last_pts_ns = frame->pts_ns;
        }
        frame_unref(frame);
        count++;
    }
    g_assert_cmpint(got, ==, QUEUE_END);
    return count;
}

static void assert_balance(const Fixture *fixture)
{
    for (unsigned stage = 0; stage <= STAGE_QUEUE; stage++)
        g_assert_true(ledger_row_balances(&fixture->counters.ledger, (Stage)stage));
    for (unsigned stage = 1; stage <= STAGE_QUEUE; stage++)
        g_assert_cmpuint(ledger_value(&fixture->counters.ledger.rows[stage].in), ==,
                         ledger_value(&fixture->counters.ledger.rows[stage - 1].out));
}

static void test_audio(void)
{
    static const uint8_t opus[] = {0xf8, 0xff, 0xfe};
    Fixture *fixture = fixture_new(TRACK_AUDIO);
    for (uint16_t i = 1; i <= 50; i++)
        push(fixture, 111, i, opus, sizeof opus);
    track_pipeline_stop(fixture->pipeline);
    int64_t last_pts_ns = -1;
    g_assert_cmpuint(drain(fixture, &last_pts_ns), ==, 50);
    g_assert_cmpint(llabs(last_pts_ns - NS_PER_SECOND), <, 60 * NS_PER_MS);
    g_assert_cmpuint(fixture->on_track_calls, ==, 1);
    assert_balance(fixture);
    fixture_free(fixture);
}

/* A backlog waits for a writer, but for one that hangs only once: 30 frames would be six seconds.
 */
static void test_patience_ends(void)
{
    static const uint8_t opus[] = {0xf8, 0xff, 0xfe};
    Fixture *fixture = fixture_new(TRACK_AUDIO);
    track_pipeline_be_patient(fixture->pipeline, START_NS + 100 * NS_PER_SECOND);
    const int64_t begin_ns = clock_monotonic_ns();
    for (uint16_t i = 1; i <= 230; i++)
        push(fixture, 111, i, opus, sizeof opus);
    const int64_t waited_ns = clock_monotonic_ns() - begin_ns;
    g_assert_cmpint(waited_ns, >=, 200 * NS_PER_MS);
    g_assert_cmpint(waited_ns, <, 2 * NS_PER_SECOND);
    g_assert_cmpint(fixture->waited_ns, >=, 200 * NS_PER_MS);
    g_assert_cmpint(fixture->waited_ns, <=, waited_ns);
    const LedgerRow *row = &fixture->counters.ledger.rows[STAGE_QUEUE];
    g_assert_cmpuint(ledger_value(&row->dropped[DROP_QUEUE_FULL]), ==, 30);
    track_pipeline_stop(fixture->pipeline);
    fixture_free(fixture);
}

/* Two of five seconds of sound are cut out: no frame is lost from the ledger, none is out of order.
 */
static void test_pause(void)
{
    static const uint8_t opus[] = {0xf8, 0xff, 0xfe};
    Fixture *fixture = fixture_new(TRACK_AUDIO);
    const LedgerRow *row = &fixture->counters.ledger.rows[STAGE_CLOCK];
    for (uint16_t i = 1; i <= 150; i++) {
        if (i == 50)
            pause_gate_pause(fixture->gate, FRAME_NS * i, false);
        if (i == 100)
            pause_gate_resume(fixture->gate, FRAME_NS * i);
        push(fixture, 111, i, opus, sizeof opus);
    }
    track_pipeline_stop(fixture->pipeline);
    int64_t last_pts_ns = -1;
    const unsigned count = drain(fixture, &last_pts_ns);
    g_assert_cmpuint(ledger_value(&row->dropped[DROP_PAUSED]), ==, 150 - count);
    g_assert_cmpuint(count, >=, 95);
    g_assert_cmpuint(count, <=, 101);
    g_assert_cmpint(llabs(last_pts_ns - count * FRAME_NS), <, 60 * NS_PER_MS);
    assert_balance(fixture);
    fixture_free(fixture);
}

static uint64_t plis_at(Fixture *fixture, int64_t now_ns)
{
    uint8_t buffer[1200], second[1200];
    ByteWriter rtcp = byte_writer(buffer, sizeof buffer);
    ByteWriter again = byte_writer(second, sizeof second);
    const uint64_t nacks = ledger_value(&fixture->counters.nacks);
    track_pipeline_feedback(fixture->pipeline, now_ns, fixture->own_ssrc, &rtcp, &again);
    fixture->sent_again = again.size;
    fixture->nacks = (unsigned)(ledger_value(&fixture->counters.nacks) - nacks);
    return ledger_value(&fixture->counters.plis);
}

static void test_video_without_keyframe(void)
{
    /* VP8 descriptor with start of partition 0, then a frame header that says "inter". */
    static const uint8_t delta[] = {0x10, 0x01, 0x00, 0x00};
    Fixture *fixture = fixture_new(TRACK_VIDEO);
    for (uint16_t i = 1; i <= 30; i++)
        push(fixture, 96, i, delta, sizeof delta);
    g_assert_cmpuint(plis_at(fixture, START_NS + NS_PER_SECOND), ==, 1);
    g_assert_cmpuint(fixture->sent_again, ==, 0);
    track_pipeline_stop(fixture->pipeline);
    g_assert_cmpuint(drain(fixture, NULL), ==, 0);
    const LedgerRow *depay = &fixture->counters.ledger.rows[STAGE_DEPAY];
    g_assert_cmpuint(ledger_value(&depay->dropped[DROP_BEFORE_KEYFRAME]), ==, 30);
    assert_balance(fixture);
    fixture_free(fixture);
}

/* What nobody keeps needs no key frame. */
static void test_no_plis_while_paused(void)
{
    static const uint8_t delta[] = {0x10, 0x01, 0x00, 0x00};
    Fixture *fixture = fixture_new(TRACK_VIDEO);
    pause_gate_pause(fixture->gate, 0, false);
    for (uint16_t i = 1; i <= 30; i++)
        push(fixture, 96, i, delta, sizeof delta);
    g_assert_cmpuint(plis_at(fixture, START_NS + 3 * NS_PER_SECOND), ==, 0);
    pause_gate_resume(fixture->gate, 3 * NS_PER_SECOND);
    g_assert_cmpuint(plis_at(fixture, START_NS + 3 * NS_PER_SECOND), ==, 1);
    track_pipeline_stop(fixture->pipeline);
    fixture_free(fixture);
}

/* The picture is 100 ms early against the sound, as the reports of 2 s say. */
static void report_of_2_s(Fixture *fixture)
{
    const uint64_t ntp = UINT64_C(3900000000) << 32;
    int64_t pts_ns;
    const int64_t now_ns = START_NS + 2 * NS_PER_SECOND;
    media_clock_register_track(fixture->clock, 4, 0, TRACK_AUDIO, 48000, 0, START_NS);
    for (unsigned i = 0; i <= 100; i++)
        g_assert_true(
            media_clock_rtp_to_pts(fixture->clock, 4, 960 * i, START_NS + i * FRAME_NS, &pts_ns));
    media_clock_sender_report(fixture->clock, 4, ntp, 96000, now_ns);
    const RtcpSenderReport report = {
        .ssrc = 0x1234, .ntp = ntp, .rtp_timestamp = 1800 * 100 - 9000};
    track_pipeline_sender_report(fixture->pipeline, &report, now_ns);
}

/* What the clock tells of the head of a track is told in the file's times, as a cut moves them. */
static void test_head_over_a_cut(void)
{
    static const uint8_t key[] = {0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00};
    Fixture *fixture = fixture_new(TRACK_VIDEO);
    HeadCorrection before, after;
    for (uint16_t i = 0; i <= 100; i++)
        push(fixture, 96, i, key, sizeof key);
    report_of_2_s(fixture);
    for (uint16_t i = 101; i <= 110; i++)
        push(fixture, 96, i, key, sizeof key);
    g_assert_true(track_pipeline_publish_clock(fixture->pipeline, &before));
    g_assert_cmpint(llabs(before.delta_ns), >, 50 * NS_PER_MS);
    g_assert_cmpint(before.slew_end_ns, >, before.slew_start_ns + 500 * NS_PER_MS);
    g_assert_false(track_pipeline_publish_clock(fixture->pipeline, &after));

    const int64_t start_ns = before.slew_start_ns + 200 * NS_PER_MS;
    pause_gate_pause(fixture->gate, start_ns, false);
    pause_gate_resume(fixture->gate, start_ns + 150 * NS_PER_MS);
    for (uint16_t i = 111; i <= 160; i++)
        push(fixture, 96, i, key, sizeof key);
    g_assert_cmpint(fixture->pause.cut_ns, >, 100 * NS_PER_MS);
    track_pipeline_move_head(fixture->pipeline, fixture->pause.start_ns);
    g_assert_true(track_pipeline_publish_clock(fixture->pipeline, &after));
    g_assert_cmpint(after.slew_start_ns, ==, before.slew_start_ns);
    g_assert_cmpint(after.slew_end_ns, ==, before.slew_end_ns - fixture->pause.cut_ns);
    track_pipeline_move_head(fixture->pipeline, before.slew_end_ns);
    g_assert_false(track_pipeline_publish_clock(fixture->pipeline, &after));
    track_pipeline_stop(fixture->pipeline);
    fixture_free(fixture);
}

static void test_rebind_goes_on(void)
{
    static const uint8_t opus[] = {0xf8, 0xff, 0xfe};
    Fixture *fixture = fixture_new(TRACK_AUDIO);
    for (uint16_t i = 1; i <= 10; i++)
        push(fixture, 111, i, opus, sizeof opus);
    track_pipeline_unbind(fixture->pipeline);
    push(fixture, 111, 11, opus, sizeof opus);
    const ReceiverPayload payload = {111, CODEC_OPUS, 0};
    track_pipeline_bind(fixture->pipeline, 0x1234, 0, &payload, 1);
    for (uint16_t i = 60; i < 70; i++)
        push(fixture, 111, i, opus, sizeof opus);
    track_pipeline_stop(fixture->pipeline);
    int64_t last_pts_ns = -1;
    g_assert_cmpuint(drain(fixture, &last_pts_ns), ==, 20);
    g_assert_cmpint(llabs(last_pts_ns - 69 * FRAME_NS), <, 50 * NS_PER_MS);
    g_assert_cmpuint(fixture->on_track_calls, ==, 2);
    assert_balance(fixture);
    fixture_free(fixture);
}

/* A key frame of VP8 says its size (RFC 6386 9.1); a height of 0 makes a frame that refers. */
static void push_picture(Fixture *fixture, uint16_t sequence, uint16_t width, uint16_t height)
{
    const uint8_t key[] = {0x10,
                           0x10,
                           0x02,
                           0x00,
                           0x9d,
                           0x01,
                           0x2a,
                           (uint8_t)width,
                           (uint8_t)(width >> 8),
                           (uint8_t)height,
                           (uint8_t)(height >> 8),
                           0x00};
    static const uint8_t delta[] = {0x10, 0x11, 0x02, 0x00, 0x00};
    if (height > 0)
        push(fixture, 96, sequence, key, sizeof key);
    else
        push(fixture, 96, sequence, delta, sizeof delta);
}

static void test_inputs(void)
{
    Fixture *fixture = fixture_new(TRACK_VIDEO);
    push_picture(fixture, 1, 640, 360);
    g_assert_cmpuint(fixture->input_changes, ==, 1);
    g_assert_cmpint(fixture->input.codec, ==, CODEC_VP8);
    g_assert_cmpuint(fixture->input.width, ==, 640);
    push_picture(fixture, 2, 640, 360);
    push_picture(fixture, 3, 0, 0);
    g_assert_cmpuint(fixture->input_changes, ==, 1);
    push_picture(fixture, 4, 360, 640);
    g_assert_cmpuint(fixture->input_changes, ==, 2);
    g_assert_cmpuint(fixture->input.height, ==, 640);
    g_assert_cmpint(llabs(fixture->input.at_ns - 4 * FRAME_NS), <, 10 * NS_PER_MS);
    for (uint16_t i = 5; i < 1000; i++)
        push_picture(fixture, i, 320, 100 + i);
    g_assert_cmpuint(fixture->input_changes, ==, 256);
    track_pipeline_stop(fixture->pipeline);
    drain(fixture, NULL);
    fixture_free(fixture);
}

/* The server begins with 1280x720 although 640x360 was asked for. */
static void test_layer(void)
{
    static const struct {
        uint16_t comes_at; /* the layer; 0 = never */
        unsigned dropped, written;
    } rows[] = {{5, 4, 6}, {1, 0, 10}, {0, 150, 10}};
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Fixture *fixture = fixture_new(TRACK_VIDEO);
        const uint16_t count = (uint16_t)(rows[i].dropped + rows[i].written);
        track_pipeline_await_side(fixture->pipeline, 640);
        for (uint16_t k = 1; k <= count; k++) {
            if (k == rows[i].comes_at)
                push_picture(fixture, k, 640, 360);
            else
                push_picture(fixture, k, k % 10 == 1 ? 1280 : 0, k % 10 == 1 ? 720 : 0);
        }
        track_pipeline_stop(fixture->pipeline);
        g_assert_cmpuint(drain(fixture, NULL), ==, rows[i].written);
        const LedgerRow *row = &fixture->counters.ledger.rows[STAGE_CLOCK];
        g_assert_cmpuint(ledger_value(&row->dropped[DROP_OTHER_LAYER]), ==, rows[i].dropped);
        g_assert_cmpuint(fixture->input.width, ==, rows[i].comes_at > 0 ? 640 : 1280);
        assert_balance(fixture);
        fixture_free(fixture);
    }
}

/* What waited for the plan is taken along, or a key frame is asked for. */
static void test_other_queue(void)
{
    Fixture *fixture = fixture_new(TRACK_VIDEO);
    BoundedQueue *other = bounded_queue_new(TRACK_VIDEO, 200, 1 << 20);
    push_picture(fixture, 1, 640, 360);
    push_picture(fixture, 2, 0, 0);
    track_pipeline_set_queue(fixture->pipeline, other, true);
    push_picture(fixture, 3, 0, 0);
    g_assert_cmpuint(bounded_queue_stats(fixture->queue).size, ==, 0);
    g_assert_cmpuint(bounded_queue_stats(other).size, ==, 3);
    track_pipeline_set_queue(fixture->pipeline, fixture->queue, false);
    push_picture(fixture, 4, 0, 0);
    g_assert_cmpuint(bounded_queue_stats(other).size, ==, 3);
    g_assert_cmpuint(plis_at(fixture, START_NS + NS_PER_SECOND), ==, 1);
    track_pipeline_stop(fixture->pipeline);
    drain(fixture, NULL);
    bounded_queue_free(other);
    fixture_free(fixture);
}

#define MS(fixture_ms) (START_NS + (fixture_ms)*NS_PER_MS)

/* One millisecond after the other; when a PLI went out, or -1. */
static int64_t pli_between(Fixture *fixture, int64_t from_ms, int64_t to_ms)
{
    const uint64_t before = ledger_value(&fixture->counters.plis);
    for (int64_t ms = from_ms; ms < to_ms; ms++) {
        if (plis_at(fixture, MS(ms)) > before)
            return ms;
    }
    return -1;
}

static Fixture *with_a_hole(unsigned *ret_sequence)
{
    Fixture *fixture = fixture_new(TRACK_VIDEO);
    round_trip_sample(&fixture->round_trip, 50 * NS_PER_MS);
    for (unsigned i = 0; i < 50; i++)
        round_trip_sample(&fixture->round_trip, 50 * NS_PER_MS);
    track_pipeline_round_trip_changed(fixture->pipeline);
    push_picture(fixture, 1, 640, 360);
    push_picture(fixture, 3, 0, 0); /* at 60 ms; one that it refers to is missing */
    *ret_sequence = 4;
    return fixture;
}

static void stop(Fixture *fixture)
{
    track_pipeline_stop(fixture->pipeline);
    drain(fixture, NULL);
    assert_balance(fixture);
    fixture_free(fixture);
}

/* A PLI stops the server's answers to NACKs: none before the last repetition can have come. On a
 * path that loses packets it goes out twice, is repeated when the key frame should be here, and
 * backs off from the fourth time on. */
static void test_pli_after_the_last_nack(void)
{
    unsigned next;
    Fixture *fixture = with_a_hole(&next);
    const int64_t gives_up_ms = 60 + 52 + 7 * 52 + 60;
    g_assert_cmpint(pli_between(fixture, 60, 2000), ==, gives_up_ms);
    g_assert_cmpuint(fixture->sent_again, ==, 12);
    g_assert_cmpuint(ledger_value(&fixture->counters.lost), ==, 1);
    g_assert_cmpint(pli_between(fixture, gives_up_ms + 1, 3000), ==, gives_up_ms + 560);
    g_assert_cmpint(pli_between(fixture, gives_up_ms + 561, 3000), ==, gives_up_ms + 1120);
    g_assert_cmpint(pli_between(fixture, gives_up_ms + 1121, 3000), ==, gives_up_ms + 1680);
    g_assert_cmpint(pli_between(fixture, gives_up_ms + 1681, 4000), ==, gives_up_ms + 2240);
    g_assert_cmpint(pli_between(fixture, gives_up_ms + 2241, 5000), ==, gives_up_ms + 3360);
    stop(fixture);
}

/* What is lost in front of the key frame that was asked for needs no further PLI, and nobody waits
 * for it once the key frame begins. */
static void test_what_is_lost_before_the_key_frame(void)
{
    unsigned next;
    Fixture *fixture = with_a_hole(&next);
    const int64_t pli_ms = pli_between(fixture, 60, 2000);
    push_picture(fixture, 26, 0, 0); /* at 520 ms, behind 22 that are missing */
    push_picture(fixture, 28, 0, 0);
    g_assert_cmpuint(pli_between(fixture, 560, 1000), ==, -1);
    push_picture(fixture, 50, 640, 360); /* at 1000 ms */
    g_assert_cmpuint(ledger_value(&fixture->counters.keyframes), ==, 2);
    g_assert_cmpint(pli_between(fixture, 1000, 5000), ==, -1);
    g_assert_cmpint(pli_ms, >, 0);
    g_assert_cmpuint(fixture->gaps, ==, 1);
    g_assert_cmpint(llabs(fixture->gap.end_ns - 1000 * NS_PER_MS), <, 5 * NS_PER_MS);
    g_assert_true(fixture->gap.ends_with_key);
    g_assert_cmpuint(fixture->gap.packets, ==, 45); /* of 50, five came */
    stop(fixture);
}

/* A packet of an H.264 key frame that consists of its parameter sets, the first half of its slice,
 * the second half. */
static void push_h264(Fixture *fixture, uint16_t sequence, unsigned part)
{
    static const uint8_t sets[] = {0x78, 0x00, 0x1a, 0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9,
                                   0x40, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03,
                                   0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16,
                                   0x2d, 0x96, 0x00, 0x04, 0x68, 0xeb, 0xe3, 0xcb};
    static const uint8_t first[] = {0x7c, 0x85, 0x88, 0x84, 0x21};
    static const uint8_t second[] = {0x7c, 0x45, 0x12, 0x34, 0x56};
    const struct {
        const uint8_t *bytes;
        size_t size;
    } parts[] = {{sets, sizeof sets}, {first, sizeof first}, {second, sizeof second}};
    const unsigned frame = sequence - part;
    const RtpPacket packet = {.payload = parts[part].bytes,
                              .payload_size = parts[part].size,
                              .ssrc = 0x1234,
                              .timestamp = 1800 * frame,
                              .sequence = sequence,
                              .payload_type = 100,
                              .marker = part == 2,
                              .arrival_ns = START_NS + FRAME_NS * frame};
    track_pipeline_push(fixture->pipeline, &packet);
}

/* The packet in front of the slice with which an H.264 key frame seems to begin is lost: it has the
 * parameter sets, and is asked for and waited for. */
static void test_parameter_sets_come_late(void)
{
    Fixture *fixture = fixture_new(TRACK_VIDEO);
    static const ReceiverPayload payloads[] = {{100, CODEC_H264, 0}};
    track_pipeline_bind(fixture->pipeline, 0x1234, 0, payloads, 1);
    for (uint16_t i = 0; i < 3; i++)
        push_h264(fixture, 1 + i, i);
    g_assert_cmpuint(ledger_value(&fixture->counters.keyframes), ==, 1);
    push_h264(fixture, 6, 2); /* what is left of another frame */
    const int64_t pli_ms = pli_between(fixture, 80, 2000);
    g_assert_cmpint(pli_ms, >, 0);
    for (uint16_t i = 1; i < 3; i++)
        push_h264(fixture, 50 + i, i);
    plis_at(fixture, MS(1050));
    g_assert_cmpuint(fixture->nacks, ==, 4); /* of 44: what may be its parameter sets */
    push_h264(fixture, 50, 0);
    g_assert_cmpuint(ledger_value(&fixture->counters.keyframes), ==, 2);
    g_assert_cmpint(pli_between(fixture, 1100, 5000), ==, -1);
    stop(fixture);
}

/* The last packet before a minute's mute is lost: that one is missed, and the two pictures that
 * refer to it, but none of the minute. */
static void test_a_loss_before_a_mute(void)
{
    static const uint8_t key[] = {0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 2, 0x68, 1, 0};
    static const uint8_t delta[] = {0x10, 0x11, 0x02, 0x00, 0x00};
    Fixture *fixture = fixture_new(TRACK_VIDEO);
    for (uint16_t i = 1; i <= 10; i++)
        push_picture(fixture, i, i == 1 ? 640 : 0, i == 1 ? 360 : 0);
    for (uint16_t i = 12; i <= 14; i++) {
        const int64_t ms = 60000 + 20 * i + (i == 14 ? 1000 : 0);
        const RtpPacket packet = {
            .payload = i == 14 ? key : delta,
            .payload_size = i == 14 ? sizeof key : sizeof delta,
            .ssrc = 0x1234,
            .timestamp = (uint32_t)ms * 90,
            .sequence = i,
            .payload_type = 96,
            .marker = true,
            .arrival_ns = MS(ms),
        };
        track_pipeline_push(fixture->pipeline, &packet);
        pli_between(fixture, ms, ms + 900);
    }
    g_assert_cmpuint(fixture->gaps, ==, 1);
    g_assert_cmpuint(fixture->gap.packets, ==, 1);
    g_assert_cmpuint(fixture->gap.frames, ==, 3);
    stop(fixture);
}

/* What lies between two subscriptions was not sent to us: it is no loss. */
static void test_a_republication_is_no_gap(void)
{
    static const ReceiverPayload payloads[] = {{96, CODEC_VP8, 97}};
    unsigned next;
    Fixture *fixture = with_a_hole(&next);
    track_pipeline_unbind(fixture->pipeline);
    g_assert_cmpuint(ledger_value(&fixture->counters.lost), >, 0);
    track_pipeline_bind(fixture->pipeline, 0x1234, 0, payloads, 1);
    push_picture(fixture, 50, 640, 360);
    g_assert_cmpuint(ledger_value(&fixture->counters.keyframes), ==, 2);
    g_assert_cmpuint(fixture->gaps, ==, 0);
    stop(fixture);
}

/* Somebody else's key frame that crossed our PLI: the server is deaf behind it, and another PLI is
 * needed; where it answers ours, none is. */
static void test_a_key_frame_that_crosses(void)
{
    for (unsigned crosses = 0; crosses < 2; crosses++) {
        unsigned next;
        Fixture *fixture = with_a_hole(&next);
        const int64_t pli_ms = pli_between(fixture, 60, 2000); /* 536 */
        push_picture(fixture, crosses ? 29 : 31, 640, 360);    /* at 580 or 620 ms */
        g_assert_cmpuint(ledger_value(&fixture->counters.keyframes), ==, 2);
        g_assert_cmpint(pli_between(fixture, 621, 3000), ==, crosses ? pli_ms + 560 : -1);
        stop(fixture);
    }
}

/* A healthy recording sends one a `seek_interval`, and while it waits for one no other. */
static void test_one_pli_a_seek_interval(void)
{
    Fixture *fixture = fixture_new_seekable(TRACK_VIDEO, 10 * NS_PER_SECOND);
    unsigned late = 0;
    for (uint16_t i = 1; i <= 3000; i++) { /* a minute */
        const bool is_asked = plis_at(fixture, MS(20 * (i - 1))) > late;
        late += is_asked;
        push_picture(fixture, i, i == 1 || is_asked ? 640 : 0, i == 1 || is_asked ? 360 : 0);
        take_all(fixture);
    }
    g_assert_cmpuint(late, ==, 5);
    g_assert_cmpuint(ledger_value(&fixture->counters.nacks), ==, 0);
    stop(fixture);
}

/* Recorders of one track, which all have its last key frame from the same moment, do not ask for
 * the next at the same moment. */
static void test_each_asks_at_another_moment(void)
{
    static const uint32_t ssrcs[] = {0x12345600, 0x12345680, 0x123456ff};
    static const int64_t asked_ms[] = {1000, 1125, 1250};
    for (unsigned i = 0; i < G_N_ELEMENTS(ssrcs); i++) {
        Fixture *fixture = fixture_new_seekable(TRACK_VIDEO, NS_PER_SECOND);
        fixture->own_ssrc = ssrcs[i];
        push_picture(fixture, 1, 640, 360);
        for (uint16_t picture = 2; picture <= 51; picture++)
            push_picture(fixture, picture, 0, 0);
        const int64_t ms = pli_between(fixture, 980, 1400) - 20; /* the key frame came at 20 ms */
        g_assert_cmpint(llabs(ms - asked_ms[i]), <=, 1);
        stop(fixture);
    }
}

/* The server heard a PLI for seeking too soon after somebody else's: it sends no key frame and is
 * deaf to NACKs. It is woken by another PLI, and what was missing comes after all. */
static void test_wakes_a_deaf_server(void)
{
    Fixture *fixture = fixture_new_seekable(TRACK_VIDEO, NS_PER_SECOND);
    push_picture(fixture, 1, 640, 360);
    for (uint16_t i = 2; i <= 50; i++)
        push_picture(fixture, i, 0, 0);
    g_assert_cmpint(pli_between(fixture, 1000, 1100), ==, 1020);
    push_picture(fixture, 53, 640, 360); /* at 1060 ms, taken for the answer */
    push_picture(fixture, 55, 0, 0);
    const int64_t woken_ms = pli_between(fixture, 1100, 3000);
    g_assert_cmpint(woken_ms, >, 1060 + 300);
    g_assert_cmpint(woken_ms, <, 1100 + 600);
    g_assert_cmpuint(ledger_value(&fixture->counters.lost), ==, 0);
    push_picture(fixture, 90, 640, 360); /* at 1800 ms */
    plis_at(fixture, MS(1801));
    g_assert_cmpuint(fixture->nacks, ==, 3); /* the old ones; the server hears again */
    g_assert_cmpuint(ledger_value(&fixture->counters.lost), ==, 0);
    stop(fixture);
}

void track_pipeline_test_add(void)
{
    g_test_add_func("/recorder/track-pipeline/inputs", test_inputs);
    g_test_add_func("/recorder/track-pipeline/layer", test_layer);
    g_test_add_func("/recorder/track-pipeline/other-queue", test_other_queue);
    g_test_add_func("/recorder/track-pipeline/audio", test_audio);
    g_test_add_func("/recorder/track-pipeline/patience_ends", test_patience_ends);
    g_test_add_func("/recorder/track-pipeline/pli", test_pli_after_the_last_nack);
    g_test_add_func("/recorder/track-pipeline/lost-before", test_what_is_lost_before_the_key_frame);
    g_test_add_func("/recorder/track-pipeline/parameter-sets-come-late",
                    test_parameter_sets_come_late);
    g_test_add_func("/recorder/track-pipeline/loss-before-a-mute", test_a_loss_before_a_mute);
    g_test_add_func("/recorder/track-pipeline/republication_is_no_gap",
                    test_a_republication_is_no_gap);
    g_test_add_func("/recorder/track-pipeline/crossing", test_a_key_frame_that_crosses);
    g_test_add_func("/recorder/track-pipeline/seek-interval", test_one_pli_a_seek_interval);
    g_test_add_func("/recorder/track-pipeline/seek-moments", test_each_asks_at_another_moment);
    g_test_add_func("/recorder/track-pipeline/deaf-server", test_wakes_a_deaf_server);
    g_test_add_func("/recorder/track-pipeline/video-without-keyframe", test_video_without_keyframe);
    g_test_add_func("/recorder/track-pipeline/pause", test_pause);
    g_test_add_func("/recorder/track-pipeline/no-plis-while-paused", test_no_plis_while_paused);
    g_test_add_func("/recorder/track-pipeline/head-over-a-cut", test_head_over_a_cut);
    g_test_add_func("/recorder/track-pipeline/rebind-goes-on", test_rebind_goes_on);
}
