#include "flow/ledger.h"

static const char *const stage_names[STAGE_COUNT] = {
    [STAGE_RECEIVE] = "receive", [STAGE_DEPAY] = "depay",   [STAGE_CLOCK] = "clock",
    [STAGE_QUEUE] = "queue",     [STAGE_ENCODE] = "encode", [STAGE_WRITE] = "write",
};

static const char *const drop_reason_names[DROP_COUNT] = {
    [DROP_MALFORMED] = "malformed",
    [DROP_DUPLICATE] = "duplicate",
    [DROP_LATE] = "late",
    [DROP_EMPTY] = "empty",
    [DROP_UNKNOWN_PAYLOAD] = "unknown_payload",
    [DROP_INCOMPLETE] = "incomplete",
    [DROP_BEFORE_KEYFRAME] = "before_keyframe",
    [DROP_BROKEN_REFERENCE] = "broken_reference",
    [DROP_BLANK_FRAME] = "blank_frame",
    [DROP_NO_TIME] = "no_time",
    [DROP_QUEUE_FULL] = "queue_full",
    [DROP_NO_MEMORY] = "no_memory",
    [DROP_CODEC_UNSUPPORTED] = "codec_unsupported",
    [DROP_WRITE_FAILED] = "write_failed",
    [DROP_ENCODER_BEHIND] = "encoder_behind",
    [DROP_OTHER_LAYER] = "other_layer",
    [DROP_PAUSED] = "paused",
    [DROP_STOPPED] = "stopped",
};

const char *stage_name(Stage stage)
{
    return stage_names[stage];
}

const char *drop_reason_name(DropReason reason)
{
    return drop_reason_names[reason];
}

uint64_t ledger_dropped(const LedgerRow *row)
{
    uint64_t dropped = 0;
    for (DropReason reason = 0; reason < DROP_COUNT; reason++)
        dropped += ledger_value(&row->dropped[reason]);
    return dropped;
}

bool ledger_row_balances(const Ledger *ledger, Stage stage)
{
    const LedgerRow *row = &ledger->rows[stage];
    const uint64_t left = ledger_value(stage_counts_consumed(stage) ? &row->consumed : &row->out);
    return ledger_value(&row->in) == left + ledger_value(&row->held) + ledger_dropped(row);
}
