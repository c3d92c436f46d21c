#include "depay/depayloader.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "depay/depay_ops.h"

#define MAX_PACKETS_PER_FRAME 16384u
#define MAX_TRUNCATED 8u /* more in a row are whole: their sender sets no markers */

struct Depayloader {
    TrackKind kind;
    LedgerRow *row;
    DepayloaderOut out;
    FrameBuilder builder;

    Codec codec;
    const DepayOps *ops;
    void *state;
    size_t state_size;

    /* the frame being built */
    bool building;
    bool after_loss; /* nothing was built since the last loss */
    bool head_uncertain;
    DepayVerdict spoiled; /* why it will not leave */
    uint32_t timestamp;
    uint32_t packets;
    unsigned unmarked; /* frames in a row that ended without a marker */

    uint64_t missing; /* pictures, at most */
    unsigned strays; /* of the last lost packets, those that no picture in front of them explains */

    /* the reference gate */
    bool waits_for_keyframe;
    bool had_keyframe;
    bool asked;
};

static const DepayOps *const codec_ops[CODEC_COUNT] = {
    [CODEC_H264] = &depay_h264, [CODEC_H265] = &depay_h265, [CODEC_VP8] = &depay_vp8,
    [CODEC_VP9] = &depay_vp9,   [CODEC_AV1] = &depay_av1,   [CODEC_OPUS] = &depay_opus,
    [CODEC_PCMU] = &depay_pcm,  [CODEC_PCMA] = &depay_pcm,
};

static size_t largest_state(TrackKind kind)
{
    size_t largest = 1;
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        const DepayOps *ops = codec_ops[codec];
        if (ops && codec_kind((Codec)codec) == kind && ops->state_size > largest)
            largest = ops->state_size;
    }
    return largest;
}

Depayloader *depayloader_new(TrackKind kind, Pool *pool, LedgerRow *row, DepayloaderOut out)
{
    Depayloader *self = calloc(1, sizeof *self);
    require(self);
    self->kind = kind;
    self->row = row;
    self->out = out;
    self->codec = CODEC_UNKNOWN;
    self->state_size = largest_state(kind);
    self->state = calloc(1, self->state_size);
    require(self->state);
    self->waits_for_keyframe = kind == TRACK_VIDEO;
    frame_builder_init(&self->builder, pool_ref(pool));
    return self;
}

void depayloader_free(Depayloader *self)
{
    if (!self)
        return;
    frame_builder_drop(&self->builder);
    pool_unref(self->builder.pool);
    free(self->state);
    free(self);
}

static void ask_for_keyframe(Depayloader *self)
{
    self->asked = true;
    self->out.need_keyframe(self->out.owner);
}

/* Something that later frames may refer to is gone. */
static void lose_references(Depayloader *self)
{
    if (self->kind != TRACK_VIDEO)
        return;
    self->waits_for_keyframe = true;
    ask_for_keyframe(self);
}

static void drop_packets(Depayloader *self, DropReason reason, uint32_t packets)
{
    ledger_add(&self->row->dropped[reason], packets);
}

static DropReason reason_of(DepayVerdict verdict)
{
    switch (verdict) {
    case DEPAY_OK:
    case DEPAY_INCOMPLETE:
        return DROP_INCOMPLETE;
    case DEPAY_MALFORMED:
        return DROP_MALFORMED;
    case DEPAY_NO_MEMORY:
        return DROP_NO_MEMORY;
    }
    return DROP_INCOMPLETE;
}

/* The buffer goes back at once; the frame's packets are counted when it ends. */
static void spoil(Depayloader *self, DepayVerdict verdict)
{
    if (self->spoiled != DEPAY_OK)
        return;
    self->spoiled = verdict;
    frame_builder_drop(&self->builder);
    /* What came with nonsense is not believed to be disposable. */
    if (verdict == DEPAY_MALFORMED || !self->ops->is_disposable(self->state))
        lose_references(self);
}

/* Takes the frame's packets out of `held`. */
static uint32_t close_frame(Depayloader *self)
{
    const uint32_t packets = self->packets;
    self->building = false;
    self->packets = 0;
    atomic_store_explicit(&self->row->held, 0, memory_order_relaxed);
    return packets;
}

static bool is_missed(DropReason reason)
{
    return reason == DROP_INCOMPLETE || reason == DROP_BROKEN_REFERENCE ||
           reason == DROP_MALFORMED || reason == DROP_NO_MEMORY;
}

static void discard_frame(Depayloader *self, DropReason reason)
{
    self->missing += is_missed(reason);
    frame_builder_drop(&self->builder);
    drop_packets(self, reason, close_frame(self));
}

static void emit_frame(Depayloader *self, const DepayPicture *picture)
{
    Frame *frame = frame_builder_take(&self->builder);
    frame->is_key = picture->is_key;
    frame->width = picture->is_key ? picture->width : 0;
    frame->height = picture->is_key ? picture->height : 0;
    frame->duration_ns = picture->duration_ns;
    frame->packets = close_frame(self);
    if (picture->is_key && self->kind == TRACK_VIDEO) {
        self->waits_for_keyframe = false;
        self->had_keyframe = true;
        self->asked = false;
    }
    ledger_add(&self->row->consumed, frame->packets);
    ledger_add(&self->row->out, 1);
    self->out.frame(self->out.owner, frame);
}

static void end_frame(Depayloader *self)
{
    DepayPicture picture = {0};
    if (self->spoiled == DEPAY_OK) {
        const DepayVerdict verdict =
            self->ops->finish(self->state, &self->builder, self->head_uncertain, &picture);
        if (verdict != DEPAY_OK)
            spoil(self, verdict);
    }
    if (self->spoiled != DEPAY_OK) {
        discard_frame(self, reason_of(self->spoiled));
        return;
    }
    if (!picture.has_picture) {
        discard_frame(self, DROP_EMPTY);
        return;
    }
    if (picture.is_blank) {
        discard_frame(self, DROP_BLANK_FRAME);
        return;
    }
    if (self->waits_for_keyframe && !picture.is_key) {
        discard_frame(self, self->had_keyframe ? DROP_BROKEN_REFERENCE : DROP_BEFORE_KEYFRAME);
        if (!self->asked)
            ask_for_keyframe(self);
        return;
    }
    emit_frame(self, &picture);
}

/* By the next timestamp, with no packet lost: a server that changes to another simulcast layer
 * leaves the rest of a frame out, and numbers go on without a hole. */
static void end_unmarked(Depayloader *self)
{
    if (self->unmarked <= MAX_TRUNCATED)
        self->unmarked++;
    if (self->ops->marker_ends_frame && self->unmarked <= MAX_TRUNCATED)
        spoil(self, DEPAY_INCOMPLETE);
    end_frame(self);
}

static void begin_frame(Depayloader *self, const RtpPacket *packet)
{
    self->building = true;
    self->head_uncertain = self->after_loss;
    self->after_loss = false;
    self->spoiled = DEPAY_OK;
    self->timestamp = packet->timestamp;
    self->ops->begin(self->state);
    size_t hint = packet->payload_size;
    if (!self->ops->packet_is_frame && hint < self->builder.expected_bytes)
        hint = self->builder.expected_bytes;
    frame_builder_begin(&self->builder, packet, self->codec, hint);
    if (self->builder.failure != DEPAY_OK)
        spoil(self, self->builder.failure);
}

static void add_packet(Depayloader *self, const RtpPacket *packet)
{
    self->packets++;
    ledger_add(&self->row->held, 1);
    if (self->spoiled != DEPAY_OK)
        return;
    DepayVerdict verdict = DEPAY_MALFORMED;
    if (self->packets <= MAX_PACKETS_PER_FRAME)
        verdict = self->ops->packet(self->state, &self->builder, packet);
    if (verdict == DEPAY_OK)
        verdict = self->builder.failure;
    if (verdict == DEPAY_INCOMPLETE && self->packets == 1 && self->head_uncertain)
        self->missing -= self->strays > 0; /* one of them was of this picture */
    if (verdict != DEPAY_OK)
        spoil(self, verdict);
}

static void change_codec(Depayloader *self, Codec codec)
{
    depayloader_flush(self);
    self->codec = codec;
    self->ops = codec_ops[codec];
    memset(self->state, 0, self->state_size);
    depayloader_break_references(self);
}

/* The lost packets lay between the frame being built and this packet, or inside the frame. */
static void note_loss(Depayloader *self, const RtpPacket *packet, unsigned lost)
{
    const bool inside = self->building && packet->timestamp == self->timestamp;
    if (inside) {
        spoil(self, DEPAY_INCOMPLETE);
        return;
    }
    self->strays = lost - self->building;
    self->missing += self->strays;
    depayloader_flush(self);
    self->after_loss = true;
    lose_references(self);
}

void depayloader_push(Depayloader *self, const RtpPacket *packet, Codec codec, unsigned lost_before)
{
    ledger_add(&self->row->in, 1);
    if (lost_before > 0)
        note_loss(self, packet, lost_before);
    if ((unsigned)codec >= CODEC_COUNT || !codec_ops[codec] || codec_kind(codec) != self->kind) {
        drop_packets(self, DROP_UNKNOWN_PAYLOAD, 1);
        return;
    }
    if (codec != self->codec)
        change_codec(self, codec);
    if (packet->payload_size == 0) {
        drop_packets(self, DROP_EMPTY, 1);
        return;
    }
    if (self->building && packet->timestamp != self->timestamp)
        end_unmarked(self);
    if (!self->building)
        begin_frame(self, packet);
    add_packet(self, packet);
    if (!packet->marker && !self->ops->packet_is_frame)
        return;
    self->unmarked = 0;
    end_frame(self);
}

void depayloader_flush(Depayloader *self)
{
    if (self->building)
        discard_frame(self, reason_of(self->spoiled));
}

void depayloader_break_references(Depayloader *self)
{
    if (self->kind != TRACK_VIDEO)
        return;
    self->waits_for_keyframe = true;
    self->asked = false;
}

bool depayloader_waits_for_keyframe(const Depayloader *self)
{
    return self->waits_for_keyframe;
}

uint64_t depayloader_missing(const Depayloader *self)
{
    return self->missing;
}

void depayloader_hot_memory(const Depayloader *self, HotMemory *hot)
{
    hot_memory_add(hot, self, sizeof *self);
    hot_memory_add(hot, self->state, HOT_MEMORY_LINE);
}
