/* Accounts for everything that enters a stage: in = out + held + dropped, and with no rest after
 * stop. Where what comes out is counted otherwise than what went in (packets and frames, frames of
 * two codecs), `consumed` stands for `out` in that sum.
 * Thread: each row is written by its stage's thread and read by any. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    STAGE_RECEIVE, /* packets of the track -> packets in order */
    STAGE_DEPAY,   /* packets -> frames */
    STAGE_CLOCK,   /* frames -> frames with a time */
    STAGE_QUEUE,   /* frames -> frames */
    STAGE_ENCODE,  /* frames -> other frames; nothing goes through it where nothing is re-encoded */
    STAGE_WRITE,   /* frames -> frames in a file */
    STAGE_COUNT,
} Stage;

typedef enum {
    DROP_MALFORMED,
    DROP_DUPLICATE,
    DROP_LATE,             /* its place had been given up */
    DROP_EMPTY,            /* padding only */
    DROP_UNKNOWN_PAYLOAD,  /* payload type that was not negotiated */
    DROP_INCOMPLETE,       /* a packet of the frame was lost */
    DROP_BEFORE_KEYFRAME,  /* nothing can be decoded before the first key frame */
    DROP_BROKEN_REFERENCE, /* refers to a frame that was lost */
    DROP_BLANK_FRAME,      /* the server's own 8x8 or 2x2 picture */
    DROP_NO_TIME,          /* the clock could not place it */
    DROP_QUEUE_FULL,
    DROP_NO_MEMORY,
    DROP_CODEC_UNSUPPORTED, /* the container does not take it */
    DROP_WRITE_FAILED,
    DROP_ENCODER_BEHIND, /* decoded, but there was no time to encode it */
    DROP_OTHER_LAYER,    /* too large, while the layer that was asked for has not come yet */
    DROP_PAUSED,         /* came while the recording was paused */
    DROP_STOPPED,        /* came after the recording had ended */
    DROP_COUNT,
} DropReason;

typedef struct {
    _Atomic uint64_t in;
    _Atomic uint64_t out;
    _Atomic uint64_t
        consumed; /* DEPAY: packets that are in a frame of `out`; ENCODE: frames taken in */
    _Atomic uint64_t held;
    _Atomic uint64_t dropped[DROP_COUNT];
} LedgerRow;

typedef struct {
    LedgerRow rows[STAGE_COUNT];
} Ledger;

const char *stage_name(Stage stage);             /* "receive", "depay", ... */
const char *drop_reason_name(DropReason reason); /* "before_keyframe", ... */

static inline void ledger_add(_Atomic uint64_t *counter, uint64_t amount)
{
    /* One writer a row: no read-modify-write on the bus is needed. */
    const uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

static inline uint64_t ledger_value(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

uint64_t ledger_dropped(const LedgerRow *row);

/* Whether `consumed` stands for `out` there. */
static inline bool stage_counts_consumed(Stage stage)
{
    return stage == STAGE_DEPAY || stage == STAGE_ENCODE;
}

/* in == out (or consumed) + held + dropped. */
bool ledger_row_balances(const Ledger *ledger, Stage stage);
