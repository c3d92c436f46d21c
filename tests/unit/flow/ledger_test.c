#include <glib.h>
#include <string.h>

#include "flow/ledger.h"
#include "flow_test.h"

static void test_balance(void)
{
    static const struct {
        Stage stage;
        uint64_t in, out, consumed, held, late, empty;
        bool balances;
    } rows[] = {
        {STAGE_RECEIVE, 0, 0, 0, 0, 0, 0, true},   {STAGE_RECEIVE, 10, 7, 0, 1, 1, 1, true},
        {STAGE_RECEIVE, 10, 7, 0, 1, 1, 0, false}, {STAGE_RECEIVE, 10, 11, 0, 0, 0, 0, false},
        {STAGE_DEPAY, 10, 2, 8, 1, 1, 0, true},    {STAGE_DEPAY, 10, 8, 2, 1, 1, 0, false},
        {STAGE_QUEUE, 5, 3, 5, 0, 2, 0, true},     {STAGE_WRITE, 5, 3, 5, 0, 0, 0, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Ledger ledger;
        memset(&ledger, 0, sizeof ledger);
        LedgerRow *row = &ledger.rows[rows[i].stage];
        ledger_add(&row->in, rows[i].in);
        ledger_add(&row->out, rows[i].out);
        ledger_add(&row->consumed, rows[i].consumed);
        ledger_add(&row->held, rows[i].held);
        ledger_add(&row->dropped[DROP_LATE], rows[i].late);
        ledger_add(&row->dropped[DROP_EMPTY], rows[i].empty);
        g_assert_cmpuint(ledger_dropped(row), ==, rows[i].late + rows[i].empty);
        g_assert_cmpint(ledger_row_balances(&ledger, rows[i].stage), ==, rows[i].balances);
    }
}

static void test_counts_every_reason(void)
{
    LedgerRow row;
    memset(&row, 0, sizeof row);
    for (DropReason reason = 0; reason < DROP_COUNT; reason++)
        ledger_add(&row.dropped[reason], 1);
    ledger_add(&row.dropped[DROP_COUNT - 1], 5);
    g_assert_cmpuint(ledger_dropped(&row), ==, DROP_COUNT + 5);
}

static void test_names(void)
{
    static const char *const stages[STAGE_COUNT] = {"receive", "depay",  "clock",
                                                    "queue",   "encode", "write"};
    for (Stage stage = 0; stage < STAGE_COUNT; stage++)
        g_assert_cmpstr(stage_name(stage), ==, stages[stage]);

    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (DropReason reason = 0; reason < DROP_COUNT; reason++) {
        g_assert_nonnull(drop_reason_name(reason));
        g_assert_true(g_hash_table_add(seen, (void *)drop_reason_name(reason)));
    }
    g_assert_cmpstr(drop_reason_name(DROP_BEFORE_KEYFRAME), ==, "before_keyframe");
    g_assert_cmpstr(drop_reason_name(DROP_STOPPED), ==, "stopped");
}

void ledger_test_add(void)
{
    g_test_add_func("/ledger/balance", test_balance);
    g_test_add_func("/ledger/counts-every-reason", test_counts_every_reason);
    g_test_add_func("/ledger/names", test_names);
}
