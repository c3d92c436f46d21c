#include "rtp/receiver.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "rtp/nack_list.h"
#include "rtp/queue_delay.h"
#include "rtp/receive_statistics.h"
#include "rtp/reorder.h"
#include "rtp/sequence.h"
#include "rtp/sequence_history.h"

#define VIDEO_WINDOW_PACKETS 1024 /* a key frame of 360 kB is 300 packets */
#define AUDIO_WINDOW_PACKETS 256

/* A packet whose sequence number is out of all proportion waits here for one that follows it
 * (RFC 3550 appendix A.1). */
typedef struct {
    bool is_used;
    RtpPacket packet;
    uint8_t payload[REORDER_SLOT_BYTES];
} Candidate;

struct Receiver {
    /* what each packet touches, side by side */
    int64_t next;    /* extended sequence that is to be handed out next */
    int64_t highest; /* extended; next - 1 when nothing is held */
    int64_t highest_arrival_ns;
    bool highest_marker;
    bool is_started;
    bool has_codec;
    unsigned lost_before;
    Reorder *reorder;
    NackList *nacks;
    LedgerRow *row;
    ReceiverOut out;
    ReceiverConfig config;
    ReceiveStatistics statistics;
    QueueDelay queue_delay;

    PayloadTable payloads;
    NackPace pace;
    Candidate candidate;
    SequenceHistory history; /* of the places before `next` */
};

static void set_defaults(ReceiverConfig *config)
{
    if (config->window_packets == 0)
        config->window_packets =
            config->kind == TRACK_VIDEO ? VIDEO_WINDOW_PACKETS : AUDIO_WINDOW_PACKETS;
}

Receiver *receiver_new(const ReceiverConfig *config, ReceiverOut out)
{
    require(config->counters && out.packet);
    require(config->payload_count <= RECEIVER_MAX_PAYLOAD_TYPES);
    Receiver *receiver = calloc(1, sizeof *receiver);
    require(receiver);
    receiver->config = *config;
    receiver->out = out;
    receiver->row = &config->counters->ledger.rows[STAGE_RECEIVE];
    set_defaults(&receiver->config);
    receiver->payloads = payload_table(config->payloads, config->payload_count);
    receiver->reorder = reorder_new(receiver->config.window_packets);
    receiver->nacks = nack_list_new(receiver->config.window_packets);
    atomic_store_explicit(&config->counters->ssrc, config->ssrc, memory_order_relaxed);
    return receiver;
}

void receiver_free(Receiver *receiver)
{
    if (!receiver)
        return;
    reorder_free(receiver->reorder);
    nack_list_free(receiver->nacks);
    free(receiver);
}

static void drop(Receiver *receiver, DropReason reason)
{
    ledger_add(&receiver->row->dropped[reason], 1);
}

static void hold(Receiver *receiver, int change)
{
    ledger_add(&receiver->row->held, (uint64_t)(int64_t)change);
}

static void hand_out(Receiver *receiver, const RtpPacket *packet, Codec codec)
{
    const unsigned lost_before = receiver->lost_before;
    receiver->lost_before = 0;
    ledger_add(&receiver->row->out, 1);
    receiver->out.packet(receiver->out.owner, packet, codec, lost_before);
}

static void step_over(Receiver *receiver, bool came)
{
    reorder_clear(receiver->reorder, receiver->next);
    sequence_history_note(&receiver->history, receiver->next, came);
    receiver->next++;
}

/* Hands out what stands at `next` without a hole. */
static void drain(Receiver *receiver)
{
    while (receiver->next <= receiver->highest) {
        const ReorderPlace place = reorder_place(receiver->reorder, receiver->next);
        if (place == PLACE_MISSING)
            return;
        if (place == PLACE_HELD) {
            Codec codec;
            const RtpPacket *packet = reorder_packet(receiver->reorder, receiver->next, &codec);
            hold(receiver, -1);
            hand_out(receiver, packet, codec);
        }
        step_over(receiver, true);
    }
}

static void give_up_next(Receiver *receiver)
{
    nack_list_remove(receiver->nacks, receiver->next);
    ledger_add(&receiver->config.counters->lost, 1);
    receiver->lost_before++;
    step_over(receiver, false);
}

/* Hands out or gives up everything before `end`. */
static void advance_to(Receiver *receiver, int64_t end)
{
    drain(receiver);
    while (receiver->next < end && receiver->next <= receiver->highest) {
        give_up_next(receiver);
        drain(receiver);
    }
}

/* Files a packet whose place is `sequence`, not before `next` and inside the window. False when
 * there was no memory to keep it: its place stays missing. */
static bool place_packet(Receiver *receiver, int64_t sequence, const RtpPacket *packet)
{
    Codec codec = CODEC_UNKNOWN;
    const bool known = payload_table_codec(&receiver->payloads, packet, &codec);
    if (packet->payload_size == 0 || !known) {
        drop(receiver, packet->payload_size == 0 ? DROP_EMPTY : DROP_UNKNOWN_PAYLOAD);
        reorder_mark_nothing(receiver->reorder, sequence);
    } else if (sequence == receiver->next) {
        hand_out(receiver, packet, codec);
        step_over(receiver, true);
    } else if (reorder_hold(receiver->reorder, sequence, packet, codec)) {
        hold(receiver, 1);
    } else {
        drop(receiver, DROP_NO_MEMORY);
        return false;
    }
    return true;
}

static void count_media(Receiver *receiver, const RtpPacket *packet)
{
    TrackCounters *counters = receiver->config.counters;
    Codec codec;
    if (!payload_table_codec(&receiver->payloads, packet, &codec))
        return;
    if (!receiver->has_codec) {
        receiver->has_codec = true;
        atomic_store_explicit(&counters->first_packet_ns, packet->arrival_ns, memory_order_relaxed);
    }
    atomic_store_explicit(&counters->last_packet_ns, packet->arrival_ns, memory_order_relaxed);
    atomic_store_explicit(&counters->codec, (int)codec, memory_order_relaxed);
    if (packet->payload_size == 0)
        return;
    ledger_add(&counters->packets, 1);
    ledger_add(&counters->bytes, packet->payload_size);
}

static void update_timing(Receiver *receiver)
{
    const NackTiming timing = nack_pace_timing(&receiver->pace);
    nack_list_set_timing(receiver->nacks, &timing);
}

/* It came by itself, after others that were sent later. */
static void note_lateness(Receiver *receiver, int64_t sequence, int64_t arrival_ns)
{
    const int64_t since_ns = nack_list_missing_since(receiver->nacks, sequence);
    nack_pace_late(&receiver->pace, arrival_ns - since_ns);
    update_timing(receiver);
}

/* A packet at or before `highest`: it fills a hole, or its place is taken or given up. */
static void push_behind(Receiver *receiver, int64_t sequence, const RtpPacket *packet, bool is_rtx)
{
    const bool is_past = sequence < receiver->next;
    const bool is_there = is_past
                              ? sequence_history_came(&receiver->history, sequence, receiver->next)
                              : reorder_place(receiver->reorder, sequence) != PLACE_MISSING;
    if (is_past || is_there) {
        drop(receiver, is_there ? DROP_DUPLICATE : DROP_LATE);
        return;
    }
    RtpPacket late = *packet;
    late.is_late = true;
    if (!place_packet(receiver, sequence, &late))
        return;
    count_media(receiver, packet);
    /* sound is sent again as it was */
    if (!is_rtx &&
        (receiver->config.rtx_ssrc != 0 || !nack_list_was_asked(receiver->nacks, sequence)))
        note_lateness(receiver, sequence, packet->arrival_ns);
    const bool was_asked = nack_list_remove(receiver->nacks, sequence);
    if (is_rtx || was_asked) {
        nack_pace_answered(&receiver->pace);
        ledger_add(&receiver->config.counters->recovered, 1);
    }
    drain(receiver);
}

/* When the packets in front of this one should have come: after a marker they belong to its frame,
 * else to the one before; sound is spread evenly. */
static int64_t expected_ns(const Receiver *receiver, const RtpPacket *packet)
{
    if (receiver->config.kind == TRACK_AUDIO)
        return receiver->highest_arrival_ns +
               (packet->arrival_ns - receiver->highest_arrival_ns) / 2;
    return receiver->highest_marker ? packet->arrival_ns : receiver->highest_arrival_ns;
}

static void push_ahead(Receiver *receiver, int64_t sequence, const RtpPacket *packet)
{
    const int64_t first_new = receiver->highest + 1;
    const int64_t window_begin = sequence - receiver->config.window_packets + 1;
    if (receiver->next < window_begin) {
        /* the window is full: what does not fit into it any more is given up, seen or not */
        receiver->highest =
            window_begin - 1 > receiver->highest ? window_begin - 1 : receiver->highest;
        advance_to(receiver, window_begin);
    }
    const int64_t hole_begin = first_new > receiver->next ? first_new : receiver->next;
    if (hole_begin < sequence)
        nack_list_add(receiver->nacks, hole_begin, sequence, expected_ns(receiver, packet),
                      packet->arrival_ns);
    receiver->highest = sequence;
    receiver->highest_arrival_ns = packet->arrival_ns;
    receiver->highest_marker = packet->marker;
    if (!place_packet(receiver, sequence, packet))
        nack_list_add(receiver->nacks, sequence, sequence + 1, packet->arrival_ns,
                      packet->arrival_ns);
    count_media(receiver, packet);
    drain(receiver);
}

static void drop_candidate(Receiver *receiver)
{
    if (!receiver->candidate.is_used)
        return;
    receiver->candidate.is_used = false;
    hold(receiver, -1);
    drop(receiver, DROP_MALFORMED);
}

static void keep_candidate(Receiver *receiver, const RtpPacket *packet)
{
    drop_candidate(receiver);
    Candidate *candidate = &receiver->candidate;
    if (packet->payload_size > sizeof candidate->payload) {
        drop(receiver, DROP_MALFORMED);
        return;
    }
    candidate->is_used = true;
    candidate->packet = *packet;
    if (packet->payload_size > 0)
        memcpy(candidate->payload, packet->payload, packet->payload_size);
    candidate->packet.payload = candidate->payload;
    hold(receiver, 1);
}

static void begin_at(Receiver *receiver, int64_t sequence)
{
    receiver->next = sequence;
    receiver->highest = sequence - 1;
    receive_statistics_start(&receiver->statistics, sequence);
    queue_delay_reset(&receiver->queue_delay);
}

static void receive_in_place(Receiver *receiver, int64_t sequence, const RtpPacket *packet)
{
    Codec codec;
    receive_statistics_packet(&receiver->statistics, sequence);
    if (packet->payload_size > 0 && payload_table_codec(&receiver->payloads, packet, &codec)) {
        const uint32_t clock_rate = codec_clock_rate(codec);
        receive_statistics_jitter(&receiver->statistics, packet->timestamp, packet->arrival_ns,
                                  clock_rate);
        queue_delay_packet(&receiver->queue_delay, packet->timestamp, packet->arrival_ns,
                           clock_rate);
    }
    if (sequence > receiver->highest)
        push_ahead(receiver, sequence, packet);
    else
        push_behind(receiver, sequence, packet, false);
}

/* The source began anew: its numbers say nothing about how much is missing in between. */
static void resynchronise(Receiver *receiver)
{
    advance_to(receiver, receiver->highest + 1);
    receiver->candidate.is_used = false;
    hold(receiver, -1);
    const RtpPacket *packet = &receiver->candidate.packet;
    const int64_t cycle_begin = (receiver->highest / 65536 + 1) * 65536;
    begin_at(receiver, cycle_begin + packet->sequence);
    receiver->history = (SequenceHistory){0};
    receiver->lost_before++; /* whoever builds frames must not join the two ends */
    receive_in_place(receiver, receiver->next, packet);
}

static void push_wild(Receiver *receiver, const RtpPacket *packet)
{
    const Candidate *candidate = &receiver->candidate;
    if (!candidate->is_used || packet->sequence != (uint16_t)(candidate->packet.sequence + 1)) {
        keep_candidate(receiver, packet);
        return;
    }
    resynchronise(receiver);
    receive_in_place(receiver, receiver->next, packet);
}

static void push_main(Receiver *receiver, const RtpPacket *packet)
{
    if (!receiver->is_started) {
        receiver->is_started = true;
        begin_at(receiver, packet->sequence);
        receive_in_place(receiver, packet->sequence, packet);
        return;
    }
    const int max_misorder = (int)receiver->config.window_packets;
    if (sequence_place(receiver->highest, packet->sequence, max_misorder) == SEQUENCE_WILD) {
        push_wild(receiver, packet);
        return;
    }
    receive_in_place(receiver, sequence_extend(receiver->highest, packet->sequence), packet);
}

static void push_rtx(Receiver *receiver, const RtpPacket *packet)
{
    RtpPacket original;
    const DropReason reason =
        payload_table_unwrap(&receiver->payloads, packet, receiver->config.ssrc, &original);
    if (reason != DROP_COUNT) {
        drop(receiver, reason);
        return;
    }
    const int64_t sequence = sequence_extend(receiver->highest, original.sequence);
    if (!receiver->is_started || sequence > receiver->highest)
        drop(receiver, DROP_LATE); /* nothing that could have been asked for */
    else
        push_behind(receiver, sequence, &original, true);
}

void receiver_push(Receiver *receiver, const RtpPacket *packet)
{
    ledger_add(&receiver->row->in, 1);
    if (packet->ssrc == receiver->config.ssrc)
        push_main(receiver, packet);
    else if (receiver->config.rtx_ssrc != 0 && packet->ssrc == receiver->config.rtx_ssrc)
        push_rtx(receiver, packet);
    else
        drop(receiver, DROP_MALFORMED);
}

void receiver_sender_report(Receiver *receiver, const RtcpSenderReport *report, int64_t now_ns)
{
    if (report->ssrc != receiver->config.ssrc)
        return;
    ledger_add(&receiver->config.counters->sender_reports, 1);
    receive_statistics_sender_report(&receiver->statistics, report->ntp, now_ns);
}

static bool is_waiting(const Receiver *receiver)
{
    return receiver->is_started && receiver->next <= receiver->highest;
}

int64_t receiver_advance(Receiver *receiver, int64_t now_ns)
{
    while (is_waiting(receiver)) {
        const int64_t end_ns = nack_list_gives_up_at(receiver->nacks, receiver->next);
        if (end_ns > now_ns) {
            const int64_t due_ns =
                nack_list_next_due(receiver->nacks, receiver->next, receiver->highest + 1, now_ns);
            return due_ns < end_ns ? due_ns : end_ns;
        }
        give_up_next(receiver);
        drain(receiver);
    }
    return CLOCK_NEVER;
}

unsigned receiver_take_nacks(Receiver *receiver, int64_t now_ns, uint16_t *sequences, unsigned max)
{
    if (!is_waiting(receiver))
        return 0;
    const unsigned taken = nack_list_take(receiver->nacks, receiver->next, receiver->highest + 1,
                                          now_ns, sequences, max);
    ledger_add(&receiver->config.counters->nacks, taken);
    if (taken > 0)
        nack_pace_asked(&receiver->pace, now_ns, taken);
    return taken;
}

bool receiver_report_block(Receiver *receiver, int64_t now_ns, RtcpReportBlock *ret_block)
{
    if (!receiver->is_started)
        return false;
    receive_statistics_report(&receiver->statistics, receiver->config.ssrc, now_ns, ret_block);
    nack_pace_reported(&receiver->pace, ret_block->last_sr != 0, ret_block->fraction_lost);
    update_timing(receiver);
    TrackCounters *counters = receiver->config.counters;
    ledger_add(&counters->expected, receiver->statistics.expected_last);
    ledger_add(&counters->missing, receiver->statistics.lost_last);
    atomic_store_explicit(&counters->queue_delay_ns, queue_delay_take(&receiver->queue_delay),
                          memory_order_relaxed);
    return true;
}

void receiver_set_round_trip(Receiver *receiver, const RoundTrip *round_trip)
{
    receiver->pace.round_trip = *round_trip;
    update_timing(receiver);
}

bool receiver_original(const Receiver *receiver, const RtpPacket *packet, RtpPacket *ret_original,
                       Codec *ret_codec)
{
    if (packet->ssrc == receiver->config.ssrc)
        *ret_original = *packet;
    else if (receiver->config.rtx_ssrc == 0 || packet->ssrc != receiver->config.rtx_ssrc ||
             payload_table_unwrap(&receiver->payloads, packet, receiver->config.ssrc,
                                  ret_original) != DROP_COUNT)
        return false;
    return payload_table_codec(&receiver->payloads, ret_original, ret_codec);
}

void receiver_skip_to(Receiver *receiver, uint16_t sequence, unsigned in_front)
{
    const int64_t place = sequence_extend(receiver->highest, sequence);
    if (is_waiting(receiver) && place > receiver->next && place <= receiver->highest &&
        reorder_place(receiver->reorder, place) == PLACE_HELD)
        advance_to(receiver,
                   reorder_frame_begin(receiver->reorder, place, receiver->next, in_front));
}

void receiver_hold(Receiver *receiver, int64_t until_ns)
{
    nack_list_hold(receiver->nacks, until_ns);
}

bool receiver_is_unheard(const Receiver *receiver, int64_t now_ns)
{
    return nack_pace_is_unheard(&receiver->pace, now_ns);
}

void receiver_ask_again(Receiver *receiver, int64_t now_ns)
{
    nack_pace_answered(&receiver->pace);
    nack_list_restart(receiver->nacks, receiver->next, receiver->highest + 1, now_ns);
}

bool receiver_is_lossy(const Receiver *receiver, int64_t now_ns)
{
    return nack_pace_is_lossy(&receiver->pace, now_ns);
}

void receiver_flush(Receiver *receiver)
{
    drop_candidate(receiver);
    if (is_waiting(receiver))
        advance_to(receiver, receiver->highest + 1);
}

void receiver_hot_memory(const Receiver *receiver, HotMemory *hot)
{
    hot_memory_add(hot, receiver, offsetof(Receiver, payloads) + sizeof receiver->payloads.codec);
    hot_memory_add(hot, &receiver->history.came[sequence_history_word(receiver->next)],
                   HOT_MEMORY_LINE); /* a second's packets */
    reorder_hot_memory(receiver->reorder, hot);
    nack_list_hot_memory(receiver->nacks, hot);
}
